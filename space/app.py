"""The comparison page: one prompt, the base and the fine-tuned model answer side by side.

    HF_RECIPES_COMPARE=compare.json python app.py

It serves on 127.0.0.1 (a Space sets GRADIO_SERVER_NAME), on HF_RECIPES_COMPARE_PORT or the first free port from 7860
on, and says where on stdout. With HF_RECIPES_COMPARE_ATTACHED=1 it ends when its stdin does: with who started it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from pathlib import Path

# Before gradio, huggingface_hub and torch are imported: they read these once.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from hf_recipes.catalog.openmp import WAITING

os.environ.update(WAITING | os.environ)

import zerogpu  # noqa: F401, I001  (it has to come before those below)

import gradio as gr

from catalog import Catalog
from models import Models
from page import ComparePage
from settings import PageSettings, read_settings

HERE = Path(__file__).resolve().parent
SYSTEM_FONTS = ["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO_FONTS = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"]


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # The addresses that they would write hold signatures of private files.
    for name in ("httpx", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if os.environ.get("HF_RECIPES_COMPARE_ATTACHED"):
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        settings = read_settings(Path(os.environ.get("HF_RECIPES_COMPARE") or HERE / "compare.json"))
        return serve(settings)
    except (OSError, ValueError) as error:
        _say("failed", message=" ".join(str(error).split()))
        return 1


def serve(settings: PageSettings) -> int:
    """Show the page until it is ended. Raises OSError where the port is taken."""
    models = Models()
    if settings.pairs:
        models.preload(settings.pairs[0])
    blocks = ComparePage(settings, Catalog(settings), models).build()
    blocks.queue(max_size=32, default_concurrency_limit=4)
    port = os.environ.get("HF_RECIPES_COMPARE_PORT")
    _, url, _ = blocks.launch(
        server_name=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        server_port=int(port) if port else None,
        share=False,
        inbrowser=False,
        quiet=True,
        prevent_thread_lock=True,
        footer_links=[],
        enable_monitoring=False,
        ssr_mode=False,
        theme=gr.themes.Base(
            primary_hue="orange",
            neutral_hue="slate",
            radius_size="lg",
            font=SYSTEM_FONTS,
            font_mono=MONO_FONTS,
        ),
        css_paths=HERE / "style.css",
        js=(HERE / "page.js").read_text("utf-8"),
    )
    _say("ready", url=url)
    blocks.block_thread()
    return 0


def _say(what: str, **facts: str) -> None:
    sys.stdout.write(f"::{what} {json.dumps(facts)}\n")
    sys.stdout.flush()


def _end_with_stdin() -> None:
    while sys.stdin.buffer.read(1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
