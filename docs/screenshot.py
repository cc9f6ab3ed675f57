"""Takes docs/compare.png of a page that is being served: `python docs/screenshot.py URL [--out FILE] [--width N] [--dark]`.

hf-recipes compare last --no-open          # prints the URL
.venv/bin/python docs/screenshot.py http://127.0.0.1:7860
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("url")
    arguments.add_argument("--out", type=Path, default=Path(__file__).parent / "compare.png")
    arguments.add_argument("--width", type=int, default=1280)
    arguments.add_argument("--dark", action="store_true")
    arguments.add_argument("--example", type=int, default=1, help="which example to ask, from 0")
    given = arguments.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=list(FLAGS)
        )
        page = browser.new_page(
            viewport={"width": given.width, "height": 900}, color_scheme="dark" if given.dark else "light"
        )
        page.goto(given.url + ("?__theme=dark" if given.dark else "?__theme=light"))
        page.locator("#examples .gallery-item").nth(given.example).click()
        for model in ("base", "fine-tuned"):
            page.wait_for_selector(f'[data-model="{model}"][data-state="done"]', timeout=300_000)
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(400)
        page.screenshot(path=given.out, full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
