"""Imports run one way, and Ray appears only where the design says."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tdm_ray"
# Each room may import those of a lower number; siblings (same number) never import each other.
FLOORS = {
    "errors": 0, "config": 0, "parallel": 0, "numbers": 0, "records": 1, "storage": 1, "cluster": 1,
    "store": 2, "papers": 2, "premise": 2, "taxonomy": 3, "model": 4, "demo": 0, "results": 5,
    "scoring": 6, "training": 6, "leaderboard": 6, "inspect": 6,
    "evaluation": 7, "nightly": 7, "site": 8, "benchmark": 8, "chaos": 8, "cli": 9,
    "__init__": 10,
}  # fmt: skip
# clean() is what every text goes through; the taxonomy's too.
ALLOWED_ASIDE = {("storage", "errors"), ("config", "errors"), ("taxonomy", "papers")}
WITH_RAY = {"cluster", "scoring", "training", "benchmark", "chaos"}
NO_TORCH = {"papers", "premise", "taxonomy", "results", "leaderboard", "records", "config", "errors", "storage",
            "store", "nightly", "site"}  # fmt: skip


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """(module, at run time) of every import of a file; those under TYPE_CHECKING bind nothing."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(n)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for n in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    here = room(path)
    for name in imports(path):
        if name.startswith("tdm_ray."):
            there = name.split(".")[1]
            if there != here:
                assert FLOORS[there] < FLOORS[here] or (here, there) in ALLOWED_ASIDE, f"{here} imports {there}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_ray_and_torch_only_where_designed(path):
    tops = {name.split(".")[0] for name in imports(path)}
    assert "ray" not in tops or room(path) in WITH_RAY, f"{path} imports ray"
    assert not tops & {"torch", "transformers"} or room(path) not in NO_TORCH, f"{path} imports torch"


def test_every_room_has_a_floor():
    assert {room(p) for p in modules()} == set(FLOORS)


def test_rooms_stay_small():
    sizes = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in modules()}
    assert {name: n for name, n in sizes.items() if n > 260} == {}


def test_top_level_holds_only_what_belongs():
    tracked = {p.name for p in ROOT.iterdir() if not p.name.startswith(".")}
    wanted = {"pyproject.toml", "tdm_ray", "jobs", "cluster", "tests", "README.md", "LICENSE", "CHANGELOG.md"}
    assert tracked - {"out", "constraints.txt", "build", "dist"} - {f"{n}.egg-info" for n in ("tdm_ray",)} <= wanted
