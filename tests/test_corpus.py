"""Ingestion: dumps of tars, metadata, growing folders, kills."""

import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time

import pyarrow as pa
import pytest
from eprints import EPRINTS, REJECTED, article

from tdm_ray.config import IngestConfig, RayConfig, Selection
from tdm_ray.errors import InputError, OutputError
from tdm_ray.papers.latex.dump import End, Member, read_dump
from tdm_ray.papers.latex.manifest import read_manifest
from tdm_ray.papers.metadata import METADATA, Select, write_metadata
from tdm_ray.papers.read import read_papers
from tdm_ray.papers.splits import find_splits
from tdm_ray.papers.table import readings_table
from tdm_ray.records import PAPERS, READINGS, REJECTS, Paper, Reading, Section
from tdm_ray.run.ingest import ingest_corpus
from tdm_ray.run.local_engine import LocalEngine
from tdm_ray.run.papers_table import months_of
from tdm_ray.storage import finish_replacing, read_table, replace_files

SMALL = RayConfig(papers_a_block=4)


def write_tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def write_manifest(path, tars):
    entries = "".join(
        f"<file><filename>src/{t.name}</filename><md5sum>{hashlib.md5(t.read_bytes()).hexdigest()}</md5sum>"
        f"<num_items>{n}</num_items><size>{t.stat().st_size}</size></file>"
        for t, n in tars.items()
    )
    path.write_text(f"<?xml version='1.0' standalone='yes'?>\n<arXivSRC>{entries}</arXivSRC>")


@pytest.fixture
def dump(tmp_path):
    """Two tars of e-prints, good and bad, with their manifest."""
    folder = tmp_path / "src"
    folder.mkdir()
    good = list(EPRINTS.values())[:12]
    bad = list(REJECTED.values())
    one = folder / "arXiv_src_2401_001.tar"
    two = folder / "arXiv_src_2402_001.tar"
    write_tar(one, {f"2401/2401.{i:05d}.gz": e.packed for i, e in enumerate(good)})
    members = {f"2402/2402.{i:05d}.gz": data for i, (data, _) in enumerate(bad)}
    members |= {"2402/2402.00099.pdf": b"%PDF-1.4", "2402/hep-th0203001.gz": good[0].packed}
    write_tar(two, members)
    write_manifest(folder / "arXiv_src_manifest.xml", {one: 12, two: len(bad) + 2})
    return folder


def corpus(out):
    papers = read_table(f"{out}/papers", PAPERS).sort_by("paper_id")
    return papers, read_table(f"{out}/rejects", REJECTS).sort_by("location")


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_dump_becomes_papers_and_rejects(engine, ray_session, dump, tmp_path):
    summary = ingest_corpus(str(dump), str(tmp_path / "out"), ray_config=SMALL, engine=engine)
    papers, rejects = corpus(tmp_path / "out")
    assert (summary.papers, summary.read) == (25, 13)
    assert papers["paper_id"].to_pylist()[-1] == "hep-th/0203001"
    assert set(papers["source"].to_pylist()) == {"latex"}
    assert sorted(rejects["reason"].to_pylist()) == sorted([*(r for _, r in REJECTED.values()), "pdf_only"])
    assert rejects["location"][0].as_py() == f"{dump}/arXiv_src_2402_001.tar#2402/2402.00000.gz"
    assert sorted(p.name for p in (tmp_path / "out" / "papers").iterdir()) == ["month=0203", "month=2401"]
    plain = {r.paper.paper_id: r.paper.content_hash for r in read_papers(str(dump)) if r.paper}
    assert plain == dict(zip(papers["paper_id"].to_pylist(), papers["content_hash"].to_pylist(), strict=True))


def test_a_second_run_reads_only_what_is_new_or_has_changed(dump, tmp_path):
    out = str(tmp_path / "out")
    first = ingest_corpus(str(dump), out, engine="local")
    again = ingest_corpus(str(dump), out, engine="local")
    assert again.already_done
    assert (again.papers, again.read) == (first.papers, first.read)
    before, _ = corpus(out)
    changed = article(
        next(iter(EPRINTS.values())).files[""].decode()[:0]
        + r"\begin{tabular}{ll} A & B \\ C & 7 \end{tabular}"
    )
    write_tar(dump / "arXiv_src_2402_001.tar", {"2402/2402.00000.gz": gzip.compress(changed)})
    write_tar(dump / "arXiv_src_2403_001.tar", {"2403/2403.00001.gz": gzip.compress(changed)})
    (dump / "arXiv_src_manifest.xml").unlink()
    third = ingest_corpus(str(dump), out, engine="local")
    assert (third.papers, third.read) == (2, 2)
    papers, rejects = corpus(out)
    ids = papers["paper_id"].to_pylist()
    assert ids == sorted([*before["paper_id"].to_pylist(), "2402.00000", "2403.00001"])
    assert len(rejects) == 0  # those of the tar that was read again are gone with it
    files = read_table(f"{out}/files.parquet", pa.schema([("path", pa.string()), ("items", pa.int64())]))
    assert sorted(files["items"].to_pylist()) == [1, 1, 12]
    last = ingest_corpus(str(dump), out, engine="local")
    assert last.already_done
    assert (last.papers, last.read) == (len(papers), len(papers))  # the whole folder, not the last call's two
    assert "papers/s" not in str(last)


def test_a_replaced_paper_is_there_once(tmp_path):
    source = tmp_path / "2401.00001.md"
    other = tmp_path / "2401.00002.md"
    for path in (source, other):
        path.write_text("# Title\n\nAbstract\n\nFirst words of it.\n")
    ingest_corpus(str(tmp_path / "*.md"), str(tmp_path / "out"), engine="local")
    source.write_text("# Title\n\nAbstract\n\nOther words of it, and more.\n")
    summary = ingest_corpus(str(tmp_path / "*.md"), str(tmp_path / "out"), engine="local")
    assert summary.papers == 1
    papers, _ = corpus(tmp_path / "out")
    assert papers["abstract"].to_pylist() == ["Other words of it, and more.", "First words of it."]
    with pytest.raises(OutputError, match="another selection of papers"):
        config = IngestConfig(selection=Selection(categories=("cs.*",)))
        ingest_corpus(str(tmp_path / "*.md"), str(tmp_path / "out"), config, SMALL, engine="local")


def test_versions_and_a_tei_for_a_pdf(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    packed = EPRINTS["single"].packed
    for name in ("2401.00001v1.gz", "2401.00001v3.gz", "2401.00001v2.gz", "yolov3.gz", "yolov4.gz"):
        (folder / name).write_bytes(packed)
    (folder / "2401.00002.pdf").write_bytes(b"%PDF-1.4")
    (folder / "2401.00003.pdf").write_bytes(b"%PDF-1.4")
    (folder / "2401.00002v1.tei.xml").write_text(
        '<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader/><text><body><div><p>Words.</p></div></body></text></TEI>'
    )
    summary = ingest_corpus(str(folder), str(tmp_path / "out"), engine="local")
    papers, rejects = corpus(tmp_path / "out")
    assert sorted(papers["paper_id"].to_pylist()) == ["2401.00001v3", "2401.00002v1", "yolov3", "yolov4"]
    assert summary.rejected == {"older_version": 2, "duplicate_id": 1, "pdf_only": 1}
    assert rejects["detail"][0].as_py() == f"2401.00001v3 is at {folder}/2401.00001v3.gz"


@pytest.mark.parametrize(("change", "detail"), [("size", "bytes"), ("items", "items"), ("md5", "md5")])
def test_a_tar_that_is_not_as_the_manifest_says(dump, change, detail):
    tar = dump / "arXiv_src_2401_001.tar"
    manifest = dump / "arXiv_src_manifest.xml"
    text = manifest.read_text()
    told = read_manifest(str(manifest))[tar.name]
    wrong = {
        "size": (str(told.size), "7"),
        "items": (f">{told.items}<", ">13<"),
        "md5": (told.md5, "0" * 32),
    }[change]
    manifest.write_text(text.replace(*wrong))
    found = list(read_papers(str(tar)))
    assert sum(r.paper is not None for r in found) == 12
    assert found[-1].reason == "checksum"
    assert detail in found[-1].detail


def test_a_tar_that_is_cut(dump):
    tar = dump / "arXiv_src_2401_001.tar"
    tar.write_bytes(tar.read_bytes()[:5000])
    *members, end = read_dump(str(tar))
    assert [type(m) for m in members] == [Member] * len(members)
    assert isinstance(end, End)
    assert end.error.reason == "truncated"
    assert end.items == len(members) > 0


def test_a_tar_of_a_project_is_one_eprint(tmp_path):
    write_tar(tmp_path / "2401.00001.tar", EPRINTS["multi"].files)
    (found,) = read_papers(str(tmp_path / "2401.00001.tar"))
    assert found.paper.paper_id == "2401.00001"


@pytest.mark.parametrize(
    "text", ["<html/>", "<arXivSRC/>", "<arXivSRC><file><size>x</size></file></arXivSRC>", "no"]
)
def test_a_manifest_that_is_none(tmp_path, text):
    (tmp_path / "m.xml").write_text(text)
    with pytest.raises(InputError, match="not a manifest"):
        find_splits([str(tmp_path)], manifest=str(tmp_path / "m.xml"))


def entry(number, categories="cs.CL", day="Mon, 2 Apr 2007 19:18:42 GMT", versions=1):
    return json.dumps(
        {
            "id": number,
            "title": f"The title\n of {number}",
            "abstract": "  What the snapshot says.\n",
            "categories": categories,
            "versions": [{"version": f"v{i + 1}", "created": day} for i in range(versions)],
        }
    )


@pytest.fixture
def snapshot(tmp_path):
    path = tmp_path / "snapshot.json"
    path.write_text(
        "\n".join(
            [
                entry("2401.00000", "cs.CL stat.ML"),
                entry("2401.00001", "math.CO"),
                entry("2401.00002", "cs.LG", "Tue, 2 Jan 2024 00:00:00 GMT"),
                entry("2401.00003", "cs.LG", versions=2),
            ]
        )
        + "\n"
    )
    return path


def readings(*ids):
    return readings_table(Reading(f"f#{i}", paper_id=i, source="latex", tex="x") for i in ids)


def test_metadata_joins_filters_and_knows_newer_versions(snapshot, tmp_path):
    table = str(tmp_path / "metadata.parquet")
    assert write_metadata(str(snapshot), table) == (4, [])
    ids = ("2401.00002", "2401.00000v1", "9999.00000", "2401.00001", "2401.00003v1", "2401.00003v2")
    chosen = Select(Selection(categories=("cs.*",)), table)(readings(*ids))
    assert chosen["reason"].to_pylist() == [None, None, "filtered", "filtered", "older_version", None]
    assert chosen["title"].to_pylist()[:2] == ["The title of 2401.00002", "The title of 2401.00000"]
    assert chosen["categories"].to_pylist()[1] == ["cs.CL", "stat.ML"]
    assert str(chosen["published"][0]) == "2024-01-02"
    assert chosen["tex"].to_pylist() == ["x", "x", None, None, None, "x"]
    assert chosen.schema == READINGS
    late = Select(Selection(since="2024-01-01", until="2024-12-31"), table)(readings(*ids))
    assert late["reason"].to_pylist() == [None, *["filtered"] * 3, "older_version", "filtered"]
    assert chosen["detail"][3].as_py() == "not cs.*"


def test_a_parsed_paper_keeps_its_text(snapshot, tmp_path):
    """Its hash is that of its text: only dates and categories are added."""
    write_metadata(str(snapshot), str(tmp_path / "m.parquet"))
    paper = Paper("2401.00000", "Mine", "My own.", [Section("", "x")], source="tei")
    (row,) = Select(Selection(), str(tmp_path / "m.parquet"))(
        readings_table([Reading("f", paper)])
    ).to_pylist()
    assert (row["title"], row["abstract"], row["categories"]) == ("Mine", "My own.", ["cs.CL", "stat.ML"])
    assert Paper.from_row(row).content_hash == row["content_hash"]


def test_lines_of_a_snapshot_that_are_no_entry_are_passed_over_and_named(tmp_path):
    path = tmp_path / "s.json"
    snapshot = str(path)
    for text, line in (("{}", 1), ("{}\n" + entry("2401.00000"), 1), (entry("2401.00000") + "\n{", 2)):
        path.write_text(f"{text}\n")
        if "2401" in text:
            count, broken = write_metadata(snapshot, str(tmp_path / "m.parquet"))
            assert (count, [fault.partition(":")[0] for fault in broken]) == (1, [f"line {line}"])
        else:
            with pytest.raises(InputError, match=r"s\.json: holds no entry .*line 1: KeyError"):
                write_metadata(snapshot, str(tmp_path / "m.parquet"))


def test_days_are_checked():
    with pytest.raises(InputError, match="--since tomorrow: not a day"):
        Selection(since="tomorrow")


def test_the_real_metadata(real_data, tmp_path):
    path = str(tmp_path / "m.parquet")
    assert (
        write_metadata(str(real_data / "metadata" / "arxiv-metadata-oai-snapshot.sample.jsonl"), path)[0]
        == 200
    )
    first = read_table(path, METADATA).slice(0, 1).to_pylist()[0]
    assert (
        first["title"]
        == "Calculation of prompt diphoton production cross sections at Tevatron and LHC energies"
    )
    assert (str(first["published"]), first["categories"]) == ("2007-04-02", ["hep-ph"])
    manifest = read_manifest(str(real_data / "metadata" / "arXiv_src_manifest.2025-02.xml.gz"))
    assert (len(manifest), sum(e.items for e in manifest.values())) == (9547, 2_657_110)


def test_metadata_through_a_whole_ingestion(dump, snapshot, tmp_path):
    config = IngestConfig(metadata=str(snapshot), selection=Selection(categories=("cs.*",)))
    summary = ingest_corpus(
        str(dump / "arXiv_src_2401_001.tar"), str(tmp_path / "out"), config, SMALL, engine="local"
    )
    papers, _ = corpus(tmp_path / "out")
    assert papers["title"].to_pylist() == [f"The title of 2401.0000{i}" for i in (0, 2, 3)]
    assert set(papers["abstract"].to_pylist()) == {"What the snapshot says."}
    assert (summary.papers, summary.rejected) == (12, {"filtered": 9})
    assert [Paper.from_row(r).content_hash for r in papers.to_pylist()] == papers["content_hash"].to_pylist()


def test_months():
    ids = ["2203.03605", "2203.03605v2", "hep-th/9901001", "math.GT/0309136", "mine", "1234567"]
    dates = [None, None, None, None, __import__("datetime").date(2020, 5, 1), None]
    table = pa.table({"paper_id": ids, "published": pa.array(dates, pa.date32())})
    assert months_of(table).to_pylist() == ["2203", "2203", "9901", "0309", "2005", "other"]


def test_a_commit_cut_short_is_finished(tmp_path):
    for name in ("old", "_commit/new", "_commit/late"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    new = {f"{tmp_path}/_commit/{n}": f"{tmp_path}/papers/{n}" for n in ("new", "late")}
    journal = {"new": new, "old": [f"{tmp_path}/old"]}
    (tmp_path / "papers").mkdir()
    (tmp_path / "_commit" / "new").rename(tmp_path / "papers" / "new")  # what was done before the cut
    (tmp_path / "_commit.json").write_text(json.dumps(journal))
    finish_replacing(str(tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["papers"]
    assert sorted(p.name for p in (tmp_path / "papers").iterdir()) == ["late", "new"]
    replace_files(str(tmp_path), {}, [f"{tmp_path}/papers/new"])
    assert [p.name for p in (tmp_path / "papers").iterdir()] == ["late"]


def test_an_ingestion_that_was_killed_goes_on_also_where_files_were_added(tmp_path, monkeypatch):
    """What is staged is kept by file; a file that has changed since is read again."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        (folder / f"2401.0000{number}.md").write_text(f"# Title {number}\n\nAbstract\n\nWords of it.\n")
    out = str(tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr("tdm_ray.run.ingest._commit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ingest_corpus(str(folder), out, engine="local")
    (folder / "2401.00009.md").write_text("# Title 9\n\nAbstract\n\nNew words.\n")
    (folder / "2401.00002.md").unlink()
    read = []
    monkeypatch.setattr("tdm_ray.run.local_engine.LocalEngine.read", _recorded(read))
    summary = ingest_corpus(str(folder), out, engine="local")
    assert [path.rsplit("/", 1)[-1] for path in read] == ["2401.00009.md"]
    papers, _ = corpus(out)
    assert papers["paper_id"].to_pylist() == ["2401.00000", "2401.00001", "2401.00009"]
    assert (summary.papers, summary.read) == (3, 3)


def _recorded(read, real=LocalEngine.read):
    def reading(self, work, tell):
        read.extend(path for split in work.splits for path in split.paths)
        return real(self, work, tell)

    return reading


def test_a_folder_with_a_hash_in_its_name(tmp_path):
    """Locations are `file#item`: a `#` in the path must not hide which file a reject belongs to."""
    folder = tmp_path / "a#b"
    folder.mkdir()
    (folder / "p.jsonl").write_text('{"paper_id": "p", "title": "T", "abstract": "A."}\n{broken\n')
    out = str(tmp_path / "out")
    assert ingest_corpus(str(folder), out, engine="local").rejected == {"malformed_json": 1}
    (folder / "p.jsonl").write_text('{"paper_id": "p", "title": "T", "abstract": "B."}\n')
    assert ingest_corpus(str(folder), out, engine="local").rejected == {}
    papers, rejects = corpus(out)
    assert (len(papers), len(rejects)) == (1, 0)


KILLED = """
import sys
from tdm_ray.config import RayConfig
from tdm_ray.run.ingest import ingest_corpus
ingest_corpus(sys.argv[1], sys.argv[2], ray_config=RayConfig(papers_a_block=8), engine="ray")
"""


@pytest.mark.long  # in CI a run is killed (test_ray_engine.py), which reads and stages in the same way
def test_a_killed_ingestion_goes_on(ray_session, tmp_path):
    """SIGKILL of the driver half-way: nothing lost, nothing twice, and no tar that was staged whole is read
    again."""
    folder = tmp_path / "src"
    folder.mkdir()
    packed = [eprint.packed for eprint in EPRINTS.values()][:12]
    tars = {}
    for t in range(12):
        path = folder / f"arXiv_src_24{t + 1:02d}_001.tar"
        write_tar(path, {f"24{t + 1:02d}/24{t + 1:02d}.{i:05d}.gz": packed[i % 12] for i in range(30)})
        tars[path] = 30
    write_manifest(folder / "arXiv_src_manifest.xml", tars)
    out = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(folder), str(out)]
    driver = subprocess.Popen(command, start_new_session=True, env={**os.environ, "RAY_ADDRESS": ""})
    deadline = time.monotonic() + 300
    while (
        len(list(out.glob("_staging/**/*.parquet"))) < 6
        and driver.poll() is None
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not (out / "papers").exists()
    assert 0 < len(list(out.glob("_staging/**/*.parquet"))) < 45
    summary = ingest_corpus(str(folder), str(out), ray_config=RayConfig(papers_a_block=8), engine="ray")
    assert (summary.papers, summary.read) == (360, 360)
    ids = read_table(str(out / "papers"), PAPERS)["paper_id"].to_pylist()
    assert len(ids) == len(set(ids)) == 360


def test_an_entry_of_a_manifest_without_a_number_is_passed_over(tmp_path):
    path = tmp_path / "arXiv_src_manifest.xml"
    whole = (
        "<file><filename>src/{}.tar</filename><size>1</size><num_items>{}</num_items>"
        "<md5sum>a</md5sum></file>"
    )
    path.write_text(f"<arXivSRC>{whole.format('a', 1)}{whole.format('b', '')}</arXivSRC>")
    assert list(read_manifest(str(path))) == ["a.tar"]
    path.write_text(f"<arXivSRC>{whole.format('b', 'many')}</arXivSRC>")
    with pytest.raises(InputError, match="not a manifest"):
        read_manifest(str(path))
