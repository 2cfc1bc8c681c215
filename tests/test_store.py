"""The store: commits by key, snapshots that fit together, one run at a time."""

import dataclasses
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import write_deltalake

from tdm_ray.errors import BusyError, InputError
from tdm_ray.records import LEADERBOARDS, SCORED
from tdm_ray.store.lease import Lease, lease
from tdm_ray.store.schemas import FORMS, with_month
from tdm_ray.store.tables import Store


def scored(*rows, taxonomy_id="t"):
    """Rows of `scored`: (paper_id, title)."""
    told = [
        {"paper_id": p, "title": title, "taxonomy_id": taxonomy_id, "unknown": False} for p, title in rows
    ]
    return with_month(pa.Table.from_pylist(told, schema=SCORED))


def titles(store):
    table = store.read("scored")
    return dict(zip(table["paper_id"].to_pylist(), table["title"].to_pylist(), strict=True))


def add_run(store, number, **columns):
    started = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(
        days=number
    )  # a clock that goes backwards changes nothing
    row = {"run_id": f"r{number}", "started_at": started, "outcome": "done", "versions": store.versions()}
    store.add_run({**row, **columns})


def write_night(store, number):
    """Two tables that tell the number of the night, and its record."""
    store.overwrite("scored", [scored((f"2101.{number:05d}", str(number)))], "r")
    store.compact("runs")
    board = {
        "task": "t",
        "dataset": "d",
        "metric": "m",
        "rank": 1,
        "paper_id": "p",
        "score_text": str(number),
    }
    store.upsert("leaderboards", pa.Table.from_pylist([board], schema=LEADERBOARDS), "r")
    add_run(store, number)


def read_beside_nights(store, reads, pause=0.0):
    """The nights that so many reads saw while others were written: in each, all tables were of one night."""
    write_night(store, 0)
    stop = threading.Event()
    written = [0]

    def write():
        while not stop.wait(pause):
            written[0] += 1
            write_night(store, written[0])

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    for _ in range(reads):
        snapshot = store.snapshot()
        numbers = (
            snapshot.read("scored")["title"].to_pylist()
            + snapshot.read("leaderboards")["score_text"].to_pylist()
        )
        assert len(numbers) == 2
        assert len(set(numbers)) == 1
        assert snapshot.run["run_id"] == f"r{numbers[0]}"
        seen.add(numbers[0])
    stop.set()
    writer.join()
    return seen


def take_together(root, count):
    """So many want a lease at once: who got it, and what the others were told."""
    got = []
    busy = []
    together = threading.Barrier(count)

    def take(number):
        together.wait()
        try:
            with lease(root, f"r{number}"):
                got.append(number)
                together.wait()
        except BusyError as error:
            busy.append(str(error))
            together.wait()

    threads = [threading.Thread(target=take, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got, busy


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "store"))


def test_rows_are_put_in_replaced_and_taken_out_in_one_commit(store):
    store.upsert(
        "scored", scored(("2101.00001", "a"), ("2101.00002", "b"), ("hep-th/9901001", "c"), ("x", "d")), "r1"
    )
    gone = scored(("2101.00002", ""), ("x", ""), ("2101.00009", ""))
    store.upsert("scored", scored(("2101.00001", "A"), ("x", "D"), ("2202.00001", "e")), "r2", gone)
    assert titles(store) == {"2101.00001": "A", "hep-th/9901001": "c", "x": "D", "2202.00001": "e"}
    assert store.version("scored") == 1
    assert store.read("scored", version=0)["title"].to_pylist() != store.read("scored")["title"].to_pylist()
    assert sorted(store.open("scored").metadata().partition_columns) == ["month"]
    assert {m["month"] for m in store.open("scored").partitions()} >= {"2101", "9901", "2202", "other"}


def test_nothing_to_do_makes_no_version(store):
    store.upsert("scored", scored(("2101.00001", "a")), "r1")
    store.upsert("scored", scored(), "r2")
    assert store.version("scored") == 0


def test_the_same_commit_twice_is_the_same_as_once(store):
    for _ in range(2):
        store.upsert(
            "scored", scored(("2101.00001", "a"), ("2101.00002", "b")), "r1", scored(("2101.00003", ""))
        )
    assert titles(store) == {"2101.00001": "a", "2101.00002": "b"}


def test_a_table_that_is_not_there_is_empty(store):
    assert len(store.read("predictions")) == 0
    assert store.read("predictions").schema == FORMS["predictions"].schema
    assert store.version("predictions") is None
    with pytest.raises(InputError, match="no finished run"):
        store.snapshot()


def test_rows_of_a_table_may_come_from_another(store):
    """delta-rs asks for the rows inside its runtime, from where it cannot be called."""
    store.overwrite("scored", [scored(("2101.00001", "a"))], "r1")
    store.overwrite("scored", (store.read("scored") for _ in range(1)), "r2")
    assert titles(store) == {"2101.00001": "a"}


def test_one_cpu_is_enough(store):
    """Its runtime has one thread then, which must not wait for itself."""
    code = """if True:
        import os, sys
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        sys.path.insert(0, sys.argv[2])
        from test_store import scored
        from tdm_ray.store.tables import Store
        store = Store(sys.argv[1])
        store.overwrite("scored", [scored(("2101.00001", "a"))], "r1")
        store.overwrite("scored", (store.read("scored") for _ in range(1)), "r2")
        store.upsert("scored", store.read("scored"), "r3")
    """
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("processes cannot be bound to a CPU here")
    subprocess.run(
        [sys.executable, "-c", code, store.root, os.path.dirname(__file__)], check=True, timeout=100
    )
    assert titles(store) == {"2101.00001": "a"}


def test_a_column_that_is_new_is_added(store, monkeypatch):
    form = FORMS["scored"]
    old = dataclasses.replace(form, schema=pa.schema([f for f in form.schema if f.name != "published"]))
    with monkeypatch.context() as patch:
        patch.setitem(FORMS, "scored", old)
        store.upsert("scored", scored(("2101.00001", "a")).drop_columns("published"), "r1")
    store.upsert("scored", scored(("2101.00002", "b")), "r2")
    assert set(store.read("scored").column_names) == set(form.schema.names)
    assert titles(store) == {"2101.00001": "a", "2101.00002": "b"}


def test_an_error_among_the_rows_leaves_the_table_as_it_was(store):
    store.overwrite("scored", [scored(("2101.00001", "a"))], "r1")

    def broken():
        yield scored(("2101.00002", "b"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.overwrite("scored", broken(), "r2")
    assert titles(store) == {"2101.00001": "a"}


def test_small_files_are_put_together(store, monkeypatch):
    monkeypatch.setattr("tdm_ray.store.tables._FILES_A_PARTITION", 3)
    for number in range(6):
        store.upsert("scored", scored((f"2101.0000{number}", "a")), "r")
    before = titles(store)
    version = store.version("scored")
    store.compact("scored")
    assert len(store.open("scored").file_uris()) == 1
    assert titles(store) == before
    assert len(store.read("scored", version=version)) == 6


def test_readers_see_a_whole_run_or_nothing_of_it(store):
    """80 reads of two tables while nights write one after the other: both always of the same night."""
    assert len(read_beside_nights(store, 80, pause=0.1)) > 5  # the nights went on meanwhile


def test_earlier_runs_stay_readable(store):
    for number in range(3):
        store.overwrite("scored", [scored(("2101.00001", str(number)))], "r")
        add_run(store, number)
    add_run(store, 3, outcome="failed", versions=None)
    assert store.snapshot().read("scored")["title"].to_pylist() == ["2"]
    assert store.snapshot("r0").read("scored")["title"].to_pylist() == ["0"]
    assert [run["run_id"] for run in store.runs()] == ["r3", "r2", "r1", "r0"]
    with pytest.raises(InputError, match="no finished run r3"):
        store.snapshot("r3")


def test_filters_find_what_merges_wrote(store):
    """Of deltalake 1.4 to 1.6 they do not; see pyproject.toml."""
    store.upsert("scored", scored(("2101.00001", "a"), ("2101.00002", "b")), "r1")
    store.upsert("scored", scored(("2101.00001", "A"), ("2101.00003", "c")), "r2")
    assert store.read("scored", ["title"], pc.field("paper_id") == "2101.00001").to_pylist() == [
        {"title": "A"}
    ]
    store.open("scored").optimize.compact()
    assert store.read("scored", ["title"], pc.field("title").isin(["c"])).to_pylist() == [{"title": "c"}]


def test_others_read_the_tables_too(store):
    duckdb = pytest.importorskip("duckdb")
    store.upsert("scored", scored(("2101.00001", "a"), ("2101.00002", "b")), "r1")
    found = store.open("scored").to_pyarrow_dataset()  # noqa: F841 - DuckDB reads the variable
    assert duckdb.sql("select count(*) from found where month = '2101'").fetchall() == [(2,)]
    assert sorted(store.open("scored").to_pandas()["title"]) == ["a", "b"]


def test_of_two_runs_one_gets_the_lease(tmp_path):
    got, busy = take_together(str(tmp_path), 4)
    assert len(got) == 1
    assert len(busy) == 3
    assert all("at work" in text or "same moment" in text for text in busy)
    with lease(str(tmp_path), "r9"):  # it was given back
        pass


def test_a_dead_runs_lease_ends(tmp_path):
    other = Lease(str(tmp_path), "r1", lasts_s=0.5)
    other._holder = "another-machine:1"
    other.take()
    with pytest.raises(BusyError, match=r"run r1 \(another-machine:1\) is at work; should it be dead"):
        Lease(str(tmp_path), "r2", 60).take()
    threading.Event().wait(0.6)
    Lease(str(tmp_path), "r2", 60).take()
    with pytest.raises(
        BusyError, match="lost to run r2"
    ):  # what it would write now, the new holder could write too
        other.check()


def test_a_lease_of_a_dead_process_of_this_machine_ends_at_once(tmp_path):
    code = "import sys; from tdm_ray.store.lease import Lease; Lease(sys.argv[1], 'r1', 600).take()"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=dict(os.environ))
    with lease(str(tmp_path), "r2"):
        pass


def test_a_lease_is_renewed_while_it_is_held(tmp_path):
    with lease(str(tmp_path), "r1", lasts_s=0.6) as held:
        threading.Event().wait(1.2)
        with pytest.raises(BusyError):
            Lease(str(tmp_path), "r2", 60).take()
        held.check()


def test_months_follow_from_ids_alone():
    table = pa.table(
        {"paper_id": ["2101.00001v2", "hep-th/9901001", "math.GT/0309136v1", "yolov4", "1412.65"]}
    )
    assert with_month(table)["month"].to_pylist() == ["2101", "9901", "0309", "other", "other"]


def test_a_table_of_another_form_is_named(store):
    write_deltalake(f"{store.root}/scored", pa.table({"paper_id": ["a"]}))
    with pytest.raises(Exception, match=r"schema|Schema|column|field"):
        store.upsert("scored", scored(("2101.00001", "a")), "r1")
    assert pc.count(store.open("scored").to_pyarrow_table()["paper_id"]).as_py() == 1


def test_a_table_on_a_disk_is_read_without_files_of_pythons(tmp_path):
    """A thread of Arrow that lets go of one while Python ends aborts the process, now and then."""
    store = Store(str(tmp_path / "with blanks"))
    store.overwrite("taxonomy", [FORMS["taxonomy"].schema.empty_table()], "1")
    assert store.scan("taxonomy").filesystem.base_fs.type_name == "local"
    assert store.read("taxonomy").num_rows == 0


@pytest.mark.parametrize("name", ["a%20b", "a[1]", "a|b"])
def test_a_path_that_a_store_cannot_have_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="in its path; choose another folder"):
        Store(str(tmp_path / name))
