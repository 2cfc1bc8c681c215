"""The blocks of README.md and docs/, run as they stand; what they print is what they show, but for times.

The blocks of a page share a folder like a clone's. A page needs no cluster: its inputs are a dozen papers,
which one process scores faster than Ray starts. The demo's 36 papers, for which `auto` takes Ray, get
`--engine local` here, and come without the installation, which CI does before these tests (`jobs/venv.sh`).
Ray is tested in test_ray_engine.py and test_job.py.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text()

# The README is run in CI, the other pages with the long tests.
LONG = ("nightly.md", "usage.md", "inputs.md", "python.md", "cluster.md", "training.md")
# This very command is CI, and runs these tests.
ELSEWHERE = ("./tests/run.sh",)
INSTEAD = {"./jobs/demo.sh": "tdm-ray demo --engine local"}
PATHS = re.compile(r"`((?:tdm_ray|jobs|benchmarks|cluster|tests)/[\w./*-]+)`")


def blocks_of(page):
    """(kind, block) of every block of a page that is run."""
    return re.findall(r"^```(console|python)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def commands(block):
    """(command, lines of output shown) of a console block; a backslash at the end continues a command."""
    found = []
    for line in block.replace("\\\n", "").splitlines():
        if line.startswith("$ "):
            found.append((re.sub(r"\s{2,}# .*$", "", line[2:]), []))
        elif line.strip():
            found[-1][1].append(line)
    return found


def plain(text):
    """Without what differs from run to run: seconds, rates, how wide columns are."""
    text = re.sub(r"[\d.]+ s\b|[\d.]+ papers/s|\d+ files written|\d+ removed", "N", text)
    return re.sub(r"\s+", " ", text)


@pytest.fixture
def clone(tmp_path):
    """A folder with what a clone holds."""
    for name in ("tdm_ray", "jobs", "benchmarks", "pyproject.toml", "constraints.txt", "README.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def gold(clone, labelled_files, tiny_model):
    """What training.md takes as given: train, dev, gold, taxonomy, an encoder."""
    papers = (labelled_files / "papers.jsonl").read_text().splitlines(keepends=True)
    for side, lines in (("train", papers[:60]), ("dev", papers[:12])):  # an index needs 50
        (clone / side).mkdir()
        (clone / side / "papers.jsonl").write_text("".join(lines))
    shutil.copy(labelled_files / "gold.tsv", clone / "resultsAnnotation.tsv")
    shutil.copy(labelled_files / "taxonomy.tsv", clone / "TDM_taxonomy.tsv")
    (clone / "my-encoder").symlink_to(tiny_model)


def run(command, folder, **more):
    paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": paths, "COLUMNS": "80", **more}
    done = subprocess.run(  # the commands of our own pages
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def run_block(block, folder, **more):
    for command, shown in commands(block):
        if command.split()[0] in ELSEWHERE or command.startswith("export "):
            continue
        said = plain(run(INSTEAD.get(command, command), folder, **more))
        for line in shown:
            assert plain(line).strip() in said, (command, line, said[-3000:])


def run_page(page, folder):
    for kind, block in blocks_of(page):
        if kind == "python":
            run(f"python - <<'END'\n{block}\nEND", folder)
        elif not with_s3(block):
            run_block(block, folder)


def with_s3(block):
    return "s3://" in block


def test_blocks_are_found_and_begin_with_commands():
    assert len(BLOCKS) >= 12
    assert all(block.startswith("$ ") for kind, block in BLOCKS if kind == "console")
    assert sum(with_s3(block) for _, block in BLOCKS) == 1  # run in test_s3.py, where there is a store


def test_the_readme_does_what_it_says(clone):
    run_page(ROOT / "README.md", clone)
    table, last = re.search(r"^```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[1].split("...\n")
    said = plain(run("tdm-ray demo --engine local", clone))  # the store is there: it only reports
    assert plain(table) in said
    assert plain(last).strip() in said


@pytest.mark.long
@pytest.mark.parametrize("page", LONG)
def test_the_page_does_what_it_says(clone, page, request):
    if page == "training.md":
        request.getfixturevalue("gold")
    run_page(ROOT / "docs" / page, clone)


def test_every_page_is_run():
    assert {page.name for page in PAGES[1:] if blocks_of(page)} == set(LONG)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "cluster" / "README.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        path, _, part = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE) if part else []
        assert not part or part in [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings], (
            link
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page):
    text = page.read_text().partition("## Old names and new")[0]
    assert [name for name in PATHS.findall(text) if not list(ROOT.glob(name))] == []


def test_new_names_are_in_the_code():
    table = (ROOT / "docs" / "design.md").read_text().partition("Classes, functions, constants:")[2]
    new = [
        line.split("|")[2]
        for line in table.splitlines()
        if line.startswith("| `") or line.startswith("| tries")
    ]
    code = "\n".join(path.read_text() for path in (ROOT / "tdm_ray").rglob("*.py"))
    names = [name.lstrip("-").replace("-", "_") for cell in new for name in re.findall(r"`([\w-]+)`", cell)]
    assert len(names) > 30
    assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []


def test_pictures_are_there_and_small():
    pictures = re.findall(r"\]\((tests/pictures/[^)]+)\)", README)
    assert len(pictures) == 3
    assert sum((ROOT / picture).stat().st_size for picture in pictures) < 400_000
