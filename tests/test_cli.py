"""The command line: help with examples, exit codes, errors of one line; the demo with the embedded model."""

import csv
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from conftest import write_store
from typer.testing import CliRunner

from tdm_ray import __version__
from tdm_ray.classify.checkpoint import embedded_folder
from tdm_ray.cli import app
from tdm_ray.demo import demo_papers
from tdm_ray.errors import InputError
from tdm_ray.leaderboard.read import read_leaderboards

COMMANDS = [
    "ingest",
    "index",
    "score",
    "leaderboard",
    "inspect",
    "plan",
    "demo",
    "taxonomy list",
    "taxonomy twins",
    "show",
    "site",
    "nightly",
    "runs",
    "matcher",
    "dataset",
    "train",
    "evaluate",
]


def call(*args):
    return CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False)


def command(*args):
    """As a process of its own: what a scheduler sees."""
    return subprocess.run(
        [sys.executable, "-m", "tdm_ray", *map(str, args)], capture_output=True, text=True, check=False
    )


def test_version():
    assert call("--version").output == f"tdm-ray {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name):
    found = call(*name.split(), "--help")
    assert found.exit_code == 0
    assert f"tdm-ray {name.removesuffix(' list')}" in found.output
    assert "Example" in found.output
    assert "--json" in found.output


def test_errors_are_one_line_with_their_exit_code(tmp_path):
    done = command("score", tmp_path / "nothing", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr == (
        f"tdm-ray: error: {tmp_path}/nothing: no such file or folder; "
        "give a file, a folder or a quoted glob\n"
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    done = command("ingest", demo_papers(), "--out", tmp_path / "full")
    assert done.returncode == 3
    assert "choose another --out" in done.stderr


def test_a_model_that_is_not_there_is_a_line_and_leaves_nothing(tmp_path):
    done = command("score", demo_papers(), "--model", "nosuch", "--out", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("tdm-ray: error: nosuch: neither a folder nor a model of the hub")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_short_help_completion_and_usage_errors():
    assert "Example" in command("score", "-h").stdout
    assert "--install-completion" in command("--help").stdout
    done = command("score")
    assert done.returncode == 2
    assert "Missing argument" in done.stderr


def test_an_interrupted_command_says_how_to_go_on(tmp_path):
    """Ctrl-C: SIGINT to the process while it works."""
    code = (
        "import os, signal, sys; import tdm_ray.run.run as module; "
        "module.score_corpus = lambda *a, **k: os.kill(os.getpid(), "
        "signal.SIGINT) or __import__('time').sleep(9); "
        "from tdm_ray.cli import main; sys.argv = ['tdm-ray', 'score', 'x', '--out', 'y']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines()[-1] == "tdm-ray: interrupted; the same command goes on where it stopped"


def test_a_process_ends_with_its_exit_code_and_its_exit_functions(tmp_path):
    """A thread at work does not hold it up, and what was registered for the end is done."""
    code = (
        "import atexit, sys, threading, time; atexit.register(print, 'registered'); "
        "threading.Thread(target=time.sleep, args=(60,)).start(); "
        f"from tdm_ray.cli import main; sys.argv = ['tdm-ray', 'runs', '{tmp_path}/none']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50
    )
    assert (done.returncode, done.stdout) == (2, "registered\n")
    assert "not a store" in done.stderr


def test_a_few_papers_are_scored_without_ray(tmp_path):
    """From the prompt to the leaderboards of three papers; neither Ray nor transformers is imported, and the
    reason is printed."""
    papers = [Path(demo_papers()) / name for name in ("1511.06581.md", "1512.03385.tei.xml", "1605.07146.md")]
    code = (
        "import sys; from tdm_ray.cli import app; app(sys.argv[1:], "
        "standalone_mode=False); assert not {'ray', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "score", *map(str, papers), "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "papers in 3 = scored 3" in done.stdout
    assert "engine=local" in done.stderr
    assert "papers: 3; up to 16 are done in this process" in done.stderr


def test_help_does_not_load_ray_or_torch():
    script = (
        "import sys, tdm_ray.cli; print([m for m in ('ray', 'torch', 'transformers') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_taxonomy():
    assert "labels:" in call("taxonomy", "--find", "imagenet top-1").output
    assert "largest tasks" in call("taxonomy", "--area").output
    rows = [json.loads(line) for line in call("taxonomy", "--find", "imagenet", "--json").output.splitlines()]
    assert rows
    assert all("imagenet" in json.dumps(r).lower() for r in rows)


def test_inspect_shows_every_step(tmp_path):
    found = call("inspect", demo_papers(), "--id", "1512.03385").output
    for step in (
        "1. the paper",
        "2. the premise",
        "3. the shortlist",
        "4. the best label's pair",
        "5. decisions",
    ):
        assert step in found
    assert "Deep Residual Learning" in found
    facts = json.loads(call("inspect", demo_papers(), "--id", "1512.03385", "--json").output)
    assert facts["paper_id"] == "1512.03385"
    assert 0 < len(facts["hypotheses"]) < 32 + 16  # those whose dataset the paper names
    for decision in facts["decisions"]:
        assert f"{decision['probability']:.3f}  {decision['task']}" in found


def test_inspect_names_a_paper_that_is_not_there():
    with pytest.raises(Exception, match="no paper 'x'"):
        call("inspect", demo_papers(), "--id", "x")


def test_demo_puts_every_paper_on_a_right_leaderboard(ray_session, tmp_path):
    """The whole road with the model that ships: every demo paper, every leaderboard it should be on at
    best."""
    out = tmp_path / "demo"
    done = call("demo", "--out", out)
    assert done.exit_code == 0
    assert "papers in 36 = scored 36 + rejected 0 (none)" in done.output
    found = read_leaderboards(str(out), tentative=True).to_pylist()
    shown = {(r["paper_id"], r["task"], r["dataset"], r["metric"]) for r in found}
    confirmed = {(r["paper_id"], r["task"], r["dataset"], r["metric"]) for r in found if r["confirmed"]}
    with resources.files("tdm_ray.demo").joinpath("expected.tsv").open() as file:
        expected = {tuple(row.values())[:4] for row in csv.DictReader(file, delimiter="\t")}
    right = shown & expected
    assert {key[0] for key in expected} - {key[0] for key in right} == set(), "papers on no right leaderboard"
    precision = len(confirmed & expected) / len(confirmed)
    recall = len(right) / len(expected)
    assert precision > 0.85, (
        f"precision {precision:.2f}, recall {recall:.2f}; wrong: {sorted(shown - expected)}"
    )
    assert recall > 0.5, f"precision {precision:.2f}, recall {recall:.2f}; missed: {sorted(expected - shown)}"
    assert call("leaderboard", out, "--format", "csv", "--format", "json").exit_code == 0
    written = {"leaderboards.csv", "leaderboards.json"}
    assert {path.name for path in (out / "exports").iterdir()} == written
    # A later call without a format leaves them, whatever it prints.
    assert call("leaderboard", out, "--model-index", "1512.03385").exit_code == 0
    boards = json.loads(call("leaderboard", out, "--json", "--boards", "3").output)
    assert len(boards) == 3
    assert {path.name for path in (out / "exports").iterdir()} == written


@pytest.fixture
def boards(tmp_path):
    evidence = {
        "kind": "cell",
        "text": "76.1",
        "caption": "Table 1",
        "row_headers": ["Ours"],
        "table": 0,
        "column_headers": ["top-1"],
        "row": [],
    }
    rows = [
        {
            "task": "Image Classification",
            "dataset": dataset,
            "metric": "Top-1",
            "direction": "higher",
            "rank": rank,
            "paper_id": paper,
            "title": f"[bold]{paper}[/]",
            "score": 76.1,
            "score_text": "76.1",
            "probability": 0.9,
            "evidence": evidence,
            "published": None,
            "outlier": False,
            "was_best": False,
        }
        for dataset, rank, paper in (
            ("ImageNet", 1, "1512.03385v2"),
            ("ImageNet V2", 1, "p"),
            ("ImageNet V2", 2, "q"),
        )
    ]
    write_store(tmp_path / "boards", leaderboards=rows)
    return tmp_path / "boards"


def test_show_finds_leaderboards_by_words_and_papers_by_id(boards):
    both = call("show", "top-1", "imagenet", "--from", boards)
    assert both.output.index("ImageNet V2 · Top-1") < both.output.index(
        "ImageNet · Top-1"
    )  # the larger one first
    assert "[bold]q[/]" in both.output  # no markup of ours
    (one,) = json.loads(call("show", "imagenet v2", "--from", boards, "--json").output)
    assert (one["dataset"], len(one["entries"])) == ("ImageNet V2", 2)
    paper = call("show", "1512.03385", "--from", boards).output
    assert "Ours / top-1 = 76.1" in " ".join(paper.replace("│", " ").split())
    with pytest.raises(InputError, match="each alone: squad 0, top-1 2"):
        call("show", "squad", "top-1", "--from", boards)


def test_show_without_a_folder_takes_the_usual_ones(boards, monkeypatch):
    monkeypatch.chdir(boards)
    with pytest.raises(InputError, match="say where they are with --from"):
        call("show", "imagenet")
    monkeypatch.chdir(boards.parent)
    boards.rename(boards.parent / "results")
    assert "ImageNet" in call("show", "imagenet").output


def test_the_embedded_checkpoint_fits_its_limits():
    files = [p for p in Path(embedded_folder()).rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 50_000_000
    assert not [p for p in files if p.suffix in (".bin", ".pt", ".pkl")]  # nothing that unpickles
    assert (Path(embedded_folder()) / "README.md").is_file()  # the model card


def test_a_command_that_worked_in_processes_ends_at_once(tmp_path):
    """Idle workers of joblib were waited for at the end: five minutes after the last line of `evaluate`."""
    script = tmp_path / "work.py"
    script.write_text(
        "from joblib import Parallel, delayed\n"
        "from tdm_ray.cli import _leave\n"
        "if __name__ == '__main__':\n"
        "    print(sum(Parallel(n_jobs=2)(delayed(abs)(i) for i in range(100))), flush=True)\n"
        "    _leave(3)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], check=False, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout.strip()) == (3, "4950"), done.stderr
