"""The addresses of pages: names that every file system and web server accepts."""

from __future__ import annotations

import re
import unicodedata

from tdm_ray.keys import label_key
from tdm_ray.records import TDM
from tdm_ray.storage import digest

_LONGEST = 80  # characters: with the folder and ending far below the 255 bytes of a file's name


def board_url(tdm: TDM) -> str:
    """The page of a leaderboard; a hash distinguishes labels whose names would be the same."""
    return f"boards/{_name(' '.join((tdm.task, tdm.dataset, tdm.metric)), label_key(tdm))}.html"


def paper_url(paper_id: str) -> str:
    """The page of a paper: named as it is where its id is a plain one (`1512.03385`)."""
    plain = re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,60}", paper_id) and not paper_id.endswith(".")
    return f"papers/{paper_id if plain else _name(paper_id, paper_id)}.html"


def area_url(area: str) -> str:
    """The page of an area; its tasks are anchors on it."""
    return f"areas/{_slug(area)}.html"


def run_url(run_id: str) -> str:
    """The page of a run."""
    return f"runs/{run_id if re.fullmatch(r'[0-9a-z-]{1,60}', run_id) else _name(run_id, run_id)}.html"


def _name(text: str, unique: str) -> str:
    return f"{_slug(text)[:_LONGEST].strip('-')}-{digest([unique.encode()])[:8]}".lstrip("-")


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
