"""What a person does on the compare page, and what its panes show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ANSWERED = 120_000
"""Milliseconds until both have answered, on a machine that is busy."""


def pane(page: Page, model: str) -> dict[str, str]:
    """What a pane shows when its model is done."""
    page.wait_for_selector(f'[data-model="{model}"][data-state="done"]', timeout=ANSWERED)
    shown = page.locator(f'[data-model="{model}"]')
    return {
        "text": str(shown.locator("[data-text]").get_attribute("data-text")),
        "weights": str(shown.locator("[data-weights]").get_attribute("data-weights")),
        "visible": shown.inner_text(),
        "statistics": " ".join(shown.locator("dd").all_inner_texts()),
    }


def is_waiting(page: Page) -> bool:
    return page.locator('[data-state="idle"]').count() == 2


def ask(page: Page, prompt: str) -> None:
    page.fill("#prompt textarea", prompt)
    page.press("#prompt textarea", "Enter")


def wait_for(page: Page, state: str) -> None:
    """Until both models are in this state at once: asked one after the other, the second can be past it on a busy machine."""
    both = "".join(f':has([data-model="{model}"][data-state="{state}"])' for model in ("base", "fine-tuned"))
    page.wait_for_selector(f"body{both}", timeout=ANSWERED)
