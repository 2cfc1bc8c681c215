"""Render templates to HTML; all text of papers is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tdm_ray import __version__
from tdm_ray.website.areas import area_of
from tdm_ray.website.urls import area_url, board_url, paper_url, run_url


def render(template: str, **values: Any) -> str:
    """A page made from a template in `website/templates`."""
    return str(_environment().get_template(template).render(version=__version__, **values))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tdm_ray.website"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "area_of": area_of,
        "area_url": area_url,
        "board_url": board_url,
        "paper_url": paper_url,
    }
    environment.globals |= {"run_url": run_url}
    environment.filters |= {
        "thousands": lambda n: f"{n:,}",
        "svg": Markup,
        "probability": lambda p: f"{p:.2f}",
    }
    return environment
