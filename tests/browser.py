"""Headless Chromium, the system's: `apt-get install chromium`. Nothing is fetched."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def opened(dark: bool = False) -> Iterator[Page]:
    """A page; its size is that of the README's pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        yield browser.new_page(
            viewport={"width": 1000, "height": 760}, color_scheme="dark" if dark else "light"
        )
        browser.close()
