"""Imports run one way, and Ray and torch appear only where the design says."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tdm_ray"
# Each room may import those on lower floors; rooms of one floor never import each other.
FLOORS = {
    "errors": 0,
    "arrays": 0,
    "progress": 0,
    "demo": 0,
    "config": 1,
    "parallel": 1,
    "storage": 1,
    "arxiv_ids": 1,
    "records": 2,
    "keys": 3,
    "text": 3,
    "store": 4,
    "papers": 4,
    "taxonomy": 4,
    "gold": 5,
    "classify": 6,
    "extract": 7,
    "leaderboard": 7,
    "discover": 8,
    "run": 9,
    "explain": 9,
    "website": 9,
    "training": 10,
    "evaluation": 11,
    "cli": 12,
    "__init__": 13,
    "__main__": 13,
}
WITH_RAY = {"run", "training", "cli"}
NO_TORCH = {
    "errors",
    "arrays",
    "progress",
    "demo",
    "config",
    "parallel",
    "storage",
    "arxiv_ids",
    "records",
    "keys",
    "text",
    "store",
    "papers",
    "taxonomy",
    "gold",
    "extract",
    "discover",
    "leaderboard",
    "run",
    "explain",
    "website",
}
# Of run/ these know Ray; the road, the local engine and all the others do not.
RAY_MODULES = {"cluster.py", "layout.py", "ray_engine.py", "ray_metrics.py", "ray_source.py"}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Every module that a file imports at run time; what stands under TYPE_CHECKING binds nothing."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "tdm_ray":
            yield from (f"tdm_ray.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def rooms_of(name):
    """The room that `tdm_ray.x...` lies in; a name of the package itself (`__version__`) is `__init__`'s."""
    inner = name.split(".")[1]
    return inner if (PACKAGE / inner).is_dir() or (PACKAGE / f"{inner}.py").is_file() else None


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    here = room(path)
    for name in imports(path):
        if name.startswith("tdm_ray.") and (there := rooms_of(name)) not in (None, here):
            assert FLOORS[there] < FLOORS[here], f"{here} imports {there}"


def test_an_import_of_a_room_from_the_package_is_seen(tmp_path):
    (tmp_path / "x.py").write_text("from tdm_ray import run, __version__\nfrom tdm_ray.store import tables\n")
    found = list(imports(tmp_path / "x.py"))
    assert [rooms_of(name) for name in found] == ["run", None, "store"]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_ray_and_torch_only_where_designed(path):
    tops = {name.split(".")[0] for name in imports(path)}
    assert "ray" not in tops or room(path) in WITH_RAY, f"{path} imports ray"
    assert "ray" not in tops or room(path) != "run" or path.name in RAY_MODULES, f"{path} imports ray"
    assert "torch" not in tops or room(path) not in NO_TORCH, f"{path} imports torch"


def test_every_room_has_a_floor():
    assert {room(path) for path in modules()} == set(FLOORS)


def test_no_line_is_exempt_from_the_formatter():
    assert [str(path) for path in modules() if "fmt: skip" in path.read_text()] == []


def test_top_level_holds_only_what_belongs():
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    wanted = {
        "pyproject.toml",
        "tdm_ray",
        "jobs",
        "cluster",
        "tests",
        "benchmarks",
        "docs",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "constraints.txt",
    }
    assert there - {"out", "build", "dist", "tdm_ray.egg-info"} <= wanted


def test_the_wheel_holds_every_data_file():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    held = {file for pattern in settings["package-data"]["tdm_ray"] for file in PACKAGE.glob(pattern)}
    held |= set(modules())
    there = {file for file in PACKAGE.rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    assert there - held == set()
    assert settings["packages"]["find"]["include"] == ["tdm_ray*"]  # neither benchmarks nor tests
