"""The demo corpus: short papers about well-known systems, with their published scores."""

from importlib import resources


def demo_papers() -> str:
    """The folder of the demo papers: TEI, Markdown, HTML, plain text and JSON lines."""
    return str(resources.files("tdm_ray.demo").joinpath("papers"))


def demo_gold() -> str:
    """What those papers report, as a file of annotations."""
    return str(resources.files("tdm_ray.demo").joinpath("expected.tsv"))
