"""The README's pictures of the site.

tdm-ray demo && tdm-ray site out/demo --out out/site && python tests/pictures.py out/site tests/pictures
"""

import sys
from pathlib import Path

from browser import opened
from PIL import Image

WIDTH = 700  # pixels: three beside each other are looked at, not read


def take(site: Path, out: Path) -> list[Path]:
    """home.png (at night, with a search), leaderboard.png, paper.png; small enough for a README."""
    out.mkdir(parents=True, exist_ok=True)
    with opened(dark=True) as page:
        page.goto((site / "index.html").as_uri())
        page.keyboard.press("/")
        page.keyboard.type("imagenet")
        page.wait_for_selector("#found li")
        _save(page, out / "home.png")
    with opened() as page:
        page.goto(
            next((site / "boards").glob("image-classification-cifar-10-percentage-error-*.html")).as_uri()
        )
        page.locator("summary").first.click()
        _save(page, out / "leaderboard.png")
        page.goto((site / "papers" / "1512.03385.html").as_uri())
        _save(page, out / "paper.png")
    return sorted(out.glob("*.png"))


def _save(page, path: Path) -> None:
    page.screenshot(path=path)
    with Image.open(path) as found:
        small = found.resize((WIDTH, round(found.height * WIDTH / found.width)), Image.Resampling.LANCZOS)
        small.convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(path, optimize=True)


if __name__ == "__main__":
    for path in take(Path(sys.argv[1]), Path(sys.argv[2])):
        print(path, f"{path.stat().st_size / 1000:.0f} kB")
