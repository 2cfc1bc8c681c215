"""The benchmark's figures as a table for a terminal, and as one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What is said of each ratio, and the bar it is held against.
RATIOS = {
    "ours_vs_exhaustive": ("contest", "papers/s, ours / every label at 512 tokens", "at least 60"),
    "ours_vs_crossencoder": (
        "contest",
        "CrossEncoder.predict on our shortlist / ours deciding it: same decisions",
        "at least 2",
    ),
    "ours_vs_crossencoder_pair_for_pair": ("contest", "the same, every pair through both", ""),
    "ray_vs_loop": ("ray", "wall time, Ray engine / local engine, start-up apart", "at most 1.1"),
    "startup_s": ("ray", "start-up: cluster, actors, models, one paper (s)", "under 25"),
    "two_actors_vs_one": ("actors", "model stage, two actors / one, a thread each", "at least 1.7"),
    "two_nodes_vs_one": ("nodes", "wall time, two simulated nodes / one, two actors, start included", ""),
    "labels_6900_vs_1850": ("labels", "cost of a paper, 6,900 labels / 1,850", "at most 1.5"),
    "papers_2x": ("ray", "cost of twice the papers, start-up apart", "at most 2.1"),
    "papers_4x": ("ray", "cost of four times the papers, the same", ""),
    "growth_mb": ("memory", "growth of the driver while ten times the papers are scored (MB)", "under 50"),
    "commit_mb": ("memory", "the same in the commit, with the rows of the tables (MB)", ""),
    "peak_share": ("contest", "model stage: share of the matrix-multiply peak", "at least 0.35"),
    "padding": ("contest", "model stage: share of padding among its tokens", "at most 0.05"),
    "error": ("plan", "planner: planned / real run - 1", "within 0.20"),
}


def as_tables(found: dict[str, Any]) -> Group:
    """The contenders and the ratios of the parts that were measured, for a terminal."""
    ratios = Table(box=None, pad_edge=False, header_style="bold")
    for name, side in (("ratio", "left"), ("measured", "right"), ("bar", "left")):
        ratios.add_column(name, justify=side)  # type: ignore[arg-type]
    for key, (part, text, bar) in RATIOS.items():
        if part in found:
            ratios.add_row(text, f"{found[part][key]:.3g}", bar)
    return Group(*(_contenders(found) if "contest" in found else [Text(found["machine"])]), Text(), ratios)


def _contenders(found: dict[str, Any]) -> tuple[Text, Table]:
    contest = found["contest"]
    title = (
        f"{found['machine']}; {contest['papers']} papers, {contest['labels']:,} labels; matrix-multiply peak "
        + ", ".join(f"{peak:,.0f} GFLOP/s in {dtype}" for dtype, peak in contest["peak_gflops"].items())
    )
    contenders = Table(box=None, pad_edge=False, header_style="bold")
    contenders.add_column("")
    for name in ("papers/s", "pairs/s", "tokens/s", "peak MB", "micro F1", "of peak", "in"):
        contenders.add_column(name, justify="right")
    for row in contest["contenders"]:
        f1 = "" if row["micro_f1"] is None else f"{row['micro_f1']:.3f}"
        contenders.add_row(
            row["name"],
            f"{row['papers_per_s']:.4g}",
            f"{row['pairs_per_s']:,.1f}",
            f"{row['tokens_per_s']:,.0f}",
            f"{row['memory_mb']:,.0f}" if row["memory_mb"] else "",
            f1,
            f"{row['peak_share']:.0%}",
            row["dtype"],
        )
    return Text(title), contenders


def save_plot(found: dict[str, Any], path: str) -> None:
    """Throughput, and cost by papers, labels and length, as four panels; those not measured stay empty."""
    import matplotlib as mpl  # of the extra `benchmark`
    from matplotlib.figure import Figure

    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    throughput, papers, labels, length = figure.subplots(2, 2).ravel()
    if "contest" in found:
        _throughput(throughput, found["contest"]["contenders"])
        words, seconds = zip(*found["contest"]["lengths"], strict=True)
        length.scatter(words, seconds, s=10, color="#014f86")
        length.set(xlabel="words of a paper", ylabel="s a paper", ylim=(0, None))
    if "ray" in found:
        _curve(papers, found["ray"]["seconds"], "papers", "s of the pipeline, start-up apart")
    if "labels" in found:
        _curve(labels, found["labels"]["seconds_a_paper"], "labels in the taxonomy", "s a paper")
    figure.suptitle(found["machine"], fontsize=9)
    figure.savefig(path, dpi=110)


def _throughput(axes: Axes, contenders: list[dict[str, Any]]) -> None:
    names = [row["name"].replace(" (", "\n(").replace(", ", ",\n", 1) for row in contenders]
    rates = [row["papers_per_s"] for row in contenders]
    bars = axes.barh(names, rates, color=["#adb5bd", "#adb5bd", "#89c2d9", "#468faf", "#014f86"])
    axes.bar_label(bars, [f"{rate:.3g}" for rate in rates], padding=3)
    axes.set(xscale="log", xlabel="papers/s", xlim=(min(rates) / 2, max(rates) * 4))
    axes.invert_yaxis()


def _curve(axes: Axes, points: dict[str, float], x: str, y: str) -> None:
    sizes = [int(size) for size in points]
    axes.plot(sizes, list(points.values()), marker="o", color="#014f86")
    axes.set(xlabel=x, ylabel=y, xlim=(0, None), ylim=(0, None))
