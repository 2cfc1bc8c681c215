"""The README's blocks, run as they stand in a folder like a clone's; what they print is what it says, but for
times."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(console|python)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
# What is run elsewhere: this very command is CI, and runs these tests.
ELSEWHERE = ("./tests/run.sh",)


def commands(block):
    """(command, lines of output shown) of a console block."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((re.sub(r"\s{2,}# .*$", "", line[2:]), []))
        elif line.strip():
            found[-1][1].append(line)
    return found


def plain(text):
    """Without what differs from run to run: seconds, rates, how wide columns are."""
    text = re.sub(r"[\d.]+ s\b|[\d.]+ papers/s|\d+ files written", "N", text)
    return re.sub(r"\s+", " ", text)


@pytest.fixture(scope="module")
def clone(tmp_path_factory, labelled_files, tiny_model):
    """The package and jobs of a clone, and what the README takes for given: train, dev, gold, taxonomy, an
    encoder."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("tdm_ray", "jobs", "pyproject.toml", "constraints.txt", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    papers = (labelled_files / "papers.jsonl").read_text().splitlines(keepends=True)
    for side, lines in (("train", papers), ("dev", papers[:12])):  # all 108 are five minutes to evaluate
        (folder / side).mkdir()
        (folder / side / "papers.jsonl").write_text("".join(lines))
    shutil.copy(labelled_files / "gold.tsv", folder / "resultsAnnotation.tsv")
    shutil.copy(labelled_files / "taxonomy.tsv", folder / "TDM_taxonomy.tsv")
    (folder / "my-encoder").symlink_to(tiny_model)
    return folder


def run(command, folder, **more):
    paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": paths, "COLUMNS": "80", **more}
    done = subprocess.run(  # the commands of our own README
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
        said = plain(run(command, folder, **more))
        for line in shown:
            assert plain(line).strip() in said, (command, line, said[-3000:])


def with_s3(block):
    return "s3://" in block


def test_blocks_are_found_and_begin_with_commands():
    assert len(BLOCKS) >= 9
    assert all(block.startswith("$ ") for kind, block in BLOCKS if kind == "console")
    assert sum(with_s3(block) for _, block in BLOCKS) == 1  # run in test_s3.py, where there is a store


@pytest.mark.slow
def test_every_block_does_what_it_says(clone):
    printed = re.search(r"^```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[1]
    table, last = printed.split("...\n")
    for kind, block in BLOCKS:
        if kind == "python":
            run(f"python - <<'END'\n{block}\nEND", clone)
        elif "./jobs/demo.sh" in block:
            said = plain(run("./jobs/demo.sh", clone, VIRTUAL_ENV=sys.prefix))
            assert plain(table) in said
            assert plain(last).strip() in said
        elif not with_s3(block):
            run_block(block, clone)


def test_pictures_are_there_and_small():
    pictures = re.findall(r"\]\((tests/pictures/[^)]+)\)", README)
    assert len(pictures) == 3
    assert sum((ROOT / picture).stat().st_size for picture in pictures) < 400_000
