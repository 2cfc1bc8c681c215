"""Turn papers into leaderboards.

    from tdm_ray import ScoreConfig, read_leaderboards, read_papers, read_taxonomy, score_corpus

    score_corpus("papers/", "results", ScoreConfig(taxonomy="TDM_taxonomy.tsv", min_count=5))
    table = read_leaderboards("results")

Names are imported when first used: reading papers needs neither Ray nor torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

_HOME = {
    "ScoreConfig": "config",
    "RayConfig": "config",
    "IngestConfig": "config",
    "Selection": "config",
    "TdmRayError": "errors",
    "read_papers": "papers.read",
    "read_taxonomy": "taxonomy.sources",
    "read_gold": "gold.annotations",
    "build_index": "training.index",
    "score_corpus": "run.run",
    "ingest_corpus": "run.ingest",
    "read_leaderboards": "leaderboard.read",
    "build_site": "website.build",
    "run_night": "run.run",
    "Store": "store.tables",
}
__all__ = [*_HOME, "__version__"]  # noqa: PLE0604

if TYPE_CHECKING:  # for type checkers and editors
    from tdm_ray.config import IngestConfig, RayConfig, ScoreConfig, Selection
    from tdm_ray.errors import TdmRayError
    from tdm_ray.gold.annotations import read_gold
    from tdm_ray.leaderboard.read import read_leaderboards
    from tdm_ray.papers.read import read_papers
    from tdm_ray.run.ingest import ingest_corpus
    from tdm_ray.run.run import run_night, score_corpus
    from tdm_ray.store.tables import Store
    from tdm_ray.taxonomy.sources import read_taxonomy
    from tdm_ray.training.index import build_index
    from tdm_ray.website.build import build_site


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"tdm_ray.{_HOME[name]}"), name)
    raise AttributeError(f"module 'tdm_ray' has no attribute {name!r}")
