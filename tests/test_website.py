"""The site: whole, escaped, the same when built again; and in a browser quiet, quick to search, fit for
everybody."""

import csv
import json
import re
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pytest
from conftest import write_store
from lxml import html

from tdm_ray.errors import InputError, OutputError
from tdm_ray.records import LEADERBOARDS, TDM
from tdm_ray.storage import read_json, write_json
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.website.areas import OTHER, area_of
from tdm_ray.website.build import build_site
from tdm_ray.website.plot import plot
from tdm_ray.website.urls import board_url, paper_url

NASTY = '<script>alert("x")</script>'
TITLE = f"{NASTY} on <b>graphs</b> & 'more'"
LABELS = [
    TDM("Image Classification", "ImageNet", "Top-1"),
    *(TDM("Code Generation", name, "x") for name in ("C", "C++", "C#")),
    TDM(f'"><img src=x onerror=alert(1)>{"é" * 300}', "../../D", "</title>"),
]


def entry(tdm, rank, paper_id, score):
    cells = [
        {"value": value, "bold": bold, "column_headers": heads, "marked": marked}
        for value, bold, heads, marked in (
            ("12", False, ["", "Params"], False),
            (str(score), True, [NASTY, "acc"], True),
        )
    ]
    evidence = {
        "kind": "cell",
        "table": 0,
        "caption": f"Table 1: {NASTY}",
        "row_headers": [NASTY],
        "text": str(score),
        "column_headers": [NASTY, "acc"],
        "row": cells,
    }
    return {
        "task": tdm.task,
        "dataset": tdm.dataset,
        "metric": tdm.metric,
        "direction": "higher",
        "rank": rank,
        "paper_id": paper_id,
        "title": TITLE,
        "published": date(2020 - rank, 3, rank),
        "score": score,
        "score_text": str(score),
        "probability": 0.7,
        "method": NASTY,
        "confidence": 0.8,
        "confirmed": True,
        "evidence": evidence,
        "was_best": True,
        "outlier": False,
    }


NOTHING = ("score", "score_text", "published", "title", "evidence", "confidence", "method")
ROWS = [
    *(entry(LABELS[0], rank, f"2001.0000{rank}", 90.0 - rank) for rank in (1, 2, 3)),
    *(entry(label, 1, "hep-th/9901001", 5.0) for label in LABELS[1:4]),
    {**entry(LABELS[4], 1, "../../etc/passwd", 5.0), **dict.fromkeys(NOTHING)},
    {
        **entry(LABELS[4], 2, "2001.00001", 1.0),
        "outlier": True,
        "evidence": {"kind": "sentence", "text": f"We reach 1.0 {NASTY}.", "table": None, "row": None},
    },
]


PROPOSAL = {
    "proposal_id": "1f2e3d4c",
    "task": "Image Classification",
    "dataset": NASTY,
    "metric": "Accuracy",
    "direction": "higher",
    "papers": 4,
    "names": [NASTY],
    "nearest": ["Image Classification#ImageNet#Top-1"],
    "evidence": [
        {"paper_id": name, "table": 0, "value_text": "91.5", "method": NASTY, "dataset_text": NASTY}
        for name in ("2001.00001", "1912.00001")
    ],
    "dataset_key": "x",
}


@pytest.fixture
def folder(tmp_path):
    return write_store(tmp_path, leaderboards=ROWS, proposals=[PROPOSAL])


def test_proposals_have_a_page(site):
    page = pages(site)[site / "proposals.html"]
    (row,) = page.xpath("//tbody/tr")
    assert NASTY in row.text_content()
    assert row.xpath(".//td[@class='number']/text()") == ["4"]
    assert row.xpath(".//a/@href") == [paper_url("2001.00001")]  # the other paper has no page
    assert row.xpath(".//code/text()") == ["1f2e3d4c"]


def test_a_store_without_proposals_says_so(tmp_path):
    build_site(write_store(tmp_path, leaderboards=ROWS), f"{tmp_path}/site")
    assert "None: no data set" in (tmp_path / "site/proposals.html").read_text()


@pytest.fixture
def site(folder):
    build_site(folder, f"{folder}/site")
    return Path(folder) / "site"


def pages(site):
    return {path: html.fromstring(path.read_text()) for path in sorted(site.rglob("*.html"))}


def test_every_link_leads_to_a_page_and_its_place(site):
    found = pages(site)
    ids = {path.resolve(): set(tree.xpath("//@id")) for path, tree in found.items()}
    for path, tree in found.items():
        for link in (*tree.xpath("//@href"), *tree.xpath("//@src")):
            if link.startswith(("https://arxiv.org/", "data:")):
                continue
            name, _, place = link.partition("#")
            target = (path.parent / unquote(name)).resolve() if name else path.resolve()
            assert target.is_relative_to(site.resolve()), link
            assert target.is_file(), (path, link)
            assert not place or unquote(place) in ids[target], (path, link)


def test_no_text_of_a_paper_becomes_markup(site):
    for path, tree in pages(site).items():
        (script,) = tree.xpath("//script")
        assert script.get("src").removeprefix("../") == "static/site.js", path
        assert not tree.xpath("//img | //b[text()='graphs'] | //@onerror"), path
    paper = pages(site)[site / paper_url("2001.00001")]
    assert paper.xpath("string(//h1)") == TITLE
    assert NASTY in paper.xpath("string(//caption)")
    assert [mark.text for mark in paper.xpath("//mark")] == ["89.0", "1.0"]


def test_labels_of_like_names_have_pages_of_their_own(site):
    urls = {board_url(label) for label in LABELS}
    assert len(urls) == len(LABELS)
    assert {f"boards/{path.name}" for path in (site / "boards").glob("*.html")} == urls
    assert max(len(path.name) for path in site.rglob("*")) < 120
    assert {path.parent for path in site.rglob("*passwd*")} == {site / "papers"}
    assert paper_url("1512.03385v2") == "papers/1512.03385v2.html"
    assert paper_url("..") != "papers/...html"


def test_files_for_other_programs_hold_the_entries(site):
    place = site / board_url(LABELS[0])
    rows = list(csv.DictReader(place.with_suffix(".csv").read_text().splitlines()))
    assert [row["score_text"] for row in rows] == ["89.0", "88.0", "87.0"]
    (board,) = json.loads(place.with_suffix(".json").read_text())
    assert [e["title"] for e in board["entries"]] == [TITLE] * 3


def test_built_again_nothing_is_written_and_what_is_gone_is_removed(folder, site):
    assert build_site(folder, str(site)).written == 0
    write_store(folder, leaderboards=ROWS[:3])
    built = build_site(folder, str(site))
    assert (built.leaderboards, built.papers) == (1, 3)
    there = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()} - {"site.json"}
    assert there == set(read_json(f"{site}/site.json")["files"])
    assert len(list((site / "boards").iterdir())) == 3
    assert built.removed > 0


def test_a_place_below_home_is_written_where_it_is_read(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    built = build_site(folder, "~/site")
    written = [path for path in (tmp_path / "home" / "site").rglob("*") if path.is_file()]
    assert len(written) == built.written + 1  # site.json tells which they are
    assert build_site(folder, "~/site").written == 0
    assert not (tmp_path / "~").exists()


def test_an_interrupted_build_is_gone_on_with(folder, site):
    mark = read_json(f"{site}/site.json")
    write_json(f"{site}/site.json", {"files": [], "whole": False})
    (site / "boards" / "left-behind.html").write_text("x")
    built = build_site(folder, str(site))
    assert (built.written, built.removed) == (0, 1)
    assert read_json(f"{site}/site.json") == mark


def test_a_folder_of_other_things_is_left_alone(folder, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("x")
    with pytest.raises(OutputError, match="holds other files than a site's"):
        build_site(folder, str(tmp_path / "thesis"))
    with pytest.raises(InputError, match="holds no finished run"):
        build_site(str(tmp_path / "thesis"), str(tmp_path / "site"))


def test_a_plot_shows_what_has_date_and_score():
    rows = [entry(LABELS[0], n, f"2001.0000{n}", float(n)) for n in (3, 2, 1)]
    svg = html.fromstring(plot(rows, "name"))
    assert len(svg.xpath("//circle")) == 3
    assert svg.xpath("//circle/@class") == ["was-best"] * 3
    assert svg.xpath("//a/@aria-label")[0] == f"3.0: {TITLE} (2017-03-03)"
    assert plot(rows, "name") == plot(rows, "name")
    odd = [{**row, "title": "\x00 \x0c \ufffe fine"} for row in rows]
    assert "fine" in plot(odd, "name")
    many = [
        {**rows[0], "was_best": n in (7, 999), "score": float(n), "rank": n, "paper_id": f"p{n}"}
        for n in range(1000)
    ]
    found = html.fromstring(plot(many, "name"))
    assert found.xpath("count(//circle[@class='was-best'])") == 2
    assert 200 < len(found.xpath("//circle")) <= 302
    for none in ({"published": None}, {"score": None}, {"outlier": True}, {"score": float("inf")}):
        assert plot([rows[0], {**rows[1], **none}], "name") is None
    same_day = [{**row, "published": date(2020, 1, 1)} for row in rows]
    assert "<svg" in plot(same_day, "name")


def test_a_night_has_a_page_of_what_it_brought(tmp_path):
    from test_store import add_run

    store = Store(str(tmp_path / "store"))
    for number in (0, 1):
        store.upsert(
            "leaderboards", pa.Table.from_pylist(ROWS[: number + 1], schema=LEADERBOARDS), f"r{number}"
        )
        add_run(store, number)
    build_site(store.root, str(tmp_path / "site"))
    listed = html.fromstring((tmp_path / "site" / "runs.html").read_text())
    assert listed.xpath("//tbody/tr/td[1]/a/@href") == ["runs/r1.html", "runs/r0.html"]
    found = html.fromstring((tmp_path / "site" / "runs" / "r1.html").read_text())
    assert "1 new entry" in found.xpath("string(//main)")
    assert found.xpath("//main//li/a/@href") == [
        f"../{board_url(LABELS[0])}",
        f"../{paper_url('2001.00002')}",
    ]
    first = html.fromstring((tmp_path / "site" / "runs" / "r0.html").read_text())
    assert "1 new entry" in first.xpath("string(//main)")  # before it there was nothing
    assert first.xpath("//main//li/a/@href") == [
        f"../{board_url(LABELS[0])}",
        f"../{paper_url('2001.00001')}",
    ]


def test_nearly_every_task_has_an_area():
    tasks = [label.tdm.task for label in read_taxonomy().labels]
    assert sum(area_of(task) == OTHER for task in tasks) < 0.02 * len(tasks)
    known = ("Image Classification", "Machine Translation", "Atari Games", "Speech Recognition")
    assert list(map(area_of, known)) == [
        "Computer vision",
        "Natural language",
        "Games and control",
        "Speech and audio",
    ]


# ---- in a browser


@pytest.fixture
def page():
    browser = pytest.importorskip("browser", reason="playwright is not installed")
    if not browser.CHROMIUM:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or set CHROMIUM")
    with browser.opened() as page:
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on(
            "request",
            lambda request: (
                page.said.append(request.url)
                if not request.url.startswith(("file:", "data:", "blob:"))
                else None
            ),
        )
        yield page
        assert page.said == []


def test_search_by_keyboard(site, page):
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("/")
    page.keyboard.type("top imag")
    page.wait_for_selector("#found li")
    assert page.locator("#told").inner_text() == "1 leaderboards found"
    assert float(page.locator("#search").get_attribute("data-ms")) < 100
    page.keyboard.press("ArrowDown")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url == (site / board_url(LABELS[0])).as_uri()
    assert page.locator("h1").inner_text().startswith("ImageNet")


def test_script_in_a_title_is_text(site, page):
    page.on("dialog", lambda dialog: pytest.fail("a script of a paper ran"))
    for name in ("index.html", board_url(LABELS[4]), paper_url("2001.00001"), "runs/run.html"):
        page.goto((site / name).as_uri())
        page.locator("summary").first.click() if page.locator("summary").count() else None
    page.goto((site / paper_url("2001.00001")).as_uri())
    assert page.locator("h1").inner_text() == TITLE
    page.fill("#search", "img")
    page.wait_for_selector("#found li")
    assert page.locator("#found img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_for_those_who_cannot_see(site, page, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=scheme)
    for name in (
        "index.html",
        "areas/computer-vision.html",
        board_url(LABELS[0]),
        paper_url("2001.00001"),
        "runs.html",
        "runs/run.html",
    ):
        page.goto((site / name).as_uri())
        for summary in page.locator("summary").all():
            summary.click()
        found = Axe().run(page, options={"preload": False}).response["violations"]
        assert [
            (name, v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")
        ] == []


def test_marks_are_kept_and_saved_as_the_file_that_the_next_run_reads(folder, site, page, tmp_path):
    from tdm_ray.leaderboard.apply_marks import read_marks

    page.goto((site / board_url(LABELS[0])).as_uri())
    rows = page.locator("table.board > tbody > tr")
    for row in rows.all():
        row.locator("summary").click()
    rows.nth(0).get_by_role("button", name=re.compile("^Wrong")).click()
    rows.nth(1).locator(".review input").fill("no number")
    rows.nth(1).locator(".review input").press("Tab")
    assert page.locator("#marks-count").inner_text() == "1 mark"
    rows.nth(1).locator(".review input").fill("88.5")
    rows.nth(1).locator(".review input").press("Tab")
    rows.nth(2).get_by_role("button", name=re.compile("^Right")).click()
    page.reload()
    assert page.locator("#marks-count").inner_text() == "3 marks"
    with page.expect_download() as saved:
        page.locator("#marks-export").click()
    saved.value.save_as(Path(folder) / "marks.csv")
    assert [
        (m["paper_id"], m["dataset"], m["verdict"], m["score"]) for m in read_marks(folder).to_pylist()
    ] == [
        ("2001.00001", "ImageNet", "wrong", None),
        ("2001.00002", "ImageNet", "right", 88.5),
        ("2001.00003", "ImageNet", "right", None),
    ]
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#marks-clear").click()
    assert page.locator("#marks").is_hidden()
