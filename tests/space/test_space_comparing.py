"""Somebody who compares: the same prompt for several models, the answers of before, a page whose server is gone."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from browser.answers import ANSWERED, ask, is_waiting, pane, wait_for

pytestmark = pytest.mark.browser


def choose(page: Page, name: str) -> None:
    page.click("#pair input")
    page.get_by_role("option", name=name).click()
    page.wait_for_selector(f'[data-model="fine-tuned"] .name:text-is("{name}")')


def test_another_model_is_asked_the_same_prompt(visit: Callable[..., Page], two_pairs: str) -> None:
    page = visit(two_pairs)
    ask(page, "3 tsp. oats")
    wait_for(page, "running")
    page.click("#stop")
    said = pane(page, "base")["text"]
    page.fill("#prompt textarea", "flaky salt,\nto taste")
    page.click("#system-box button")
    assert page.input_value("#system textarea").startswith("Turn the recipe line")

    choose(page, "second")
    page.wait_for_selector("#examples", state="hidden")
    assert is_waiting(page)  # no answer stands under a name that did not give it
    assert page.input_value("#prompt textarea") == "flaky salt,\nto taste"
    assert page.input_value("#system textarea") == "Answer."
    # What was asked before stands below, with the name of who answered.
    [before] = page.locator("#earlier details").all()
    before.locator("summary").click()
    assert "first" in before.locator("summary").inner_text()
    assert before.locator(".said.base [data-text]").get_attribute("data-text") == said

    page.focus("#prompt textarea")
    page.keyboard.press("Enter")
    wait_for(page, "running")
    page.click("#stop")
    pane(page, "base")
    page.click("#run")
    wait_for(page, "running")
    asked = page.locator("#earlier summary").all_inner_texts()
    assert [("second" in one, "first" in one) for one in asked] == [(True, False), (False, True)]
    page.click("#stop")
    wait_for(page, "done")
    assert [one.split("·")[0].split()[:2] for one in asked] == [["flaky", "salt,"], ["3", "tsp."]]


def test_an_address_leads_to_one_model(visit: Callable[..., Page], two_pairs: str) -> None:
    page = visit(two_pairs)
    choose(page, "second")
    assert "model=second" in page.url
    shared = page
    shared.goto(page.url)
    shared.wait_for_selector('[data-model="fine-tuned"] .name:text-is("second")')
    assert shared.input_value("#pair input") == "second"
    shared.goto(f"{two_pairs}?model=/etc/passwd")
    shared.wait_for_selector('[data-model="fine-tuned"] .name:text-is("first")')
    shared.wait_for_timeout(1000)
    assert shared.input_value("#pair input") == "first"


def test_stop_ends_the_reading_of_a_long_prompt(visit: Callable[..., Page], two_pairs: str) -> None:
    page = visit(two_pairs)
    ask(page, "oats")  # the models are there
    wait_for(page, "running")
    page.click("#stop")
    wait_for(page, "done")
    ask(page, "1234567890 " * 363)
    page.wait_for_selector('[data-model="base"][data-state="loading"]:has-text("Reading the prompt")')
    page.click("#stop")
    for model in ("base", "fine-tuned"):
        assert "stopped before its first word" in pane(page, model)["visible"]


def test_enter_asks_and_shift_enter_begins_a_line(visit: Callable[..., Page], served: Any) -> None:
    page = visit(served.url)
    assert page.evaluate("document.activeElement.matches('#prompt textarea')")
    page.keyboard.type("3 tsp.")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("oats")
    assert is_waiting(page)
    page.keyboard.press("Enter")
    pane(page, "base")
    assert page.input_value("#prompt textarea") == "3 tsp.\noats"
    # The next one is typed at once.
    assert page.evaluate("document.activeElement.matches('#prompt textarea')")


def test_an_answer_is_copied_as_the_model_gave_it(visit: Callable[..., Page], served: Any, made: Any) -> None:
    page = visit(served.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, made.examples[0])
    wait_for(page, "done")
    page.locator('[data-model="base"] .copy').click()
    page.wait_for_selector('[data-model="base"] .copy:has-text("Copied")')
    assert page.evaluate("navigator.clipboard.readText()") == made.base_says
    # Where a page has no clipboard (plain http, not local), it is copied the old way.
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.locator('[data-model="fine-tuned"] .copy').click()
    page.wait_for_selector('[data-model="fine-tuned"] .copy:has-text("Copied")')


def test_a_screen_reader_is_told_how_it_stands_and_no_token_by_itself(
    visit: Callable[..., Page], served: Any, made: Any
) -> None:
    page = visit(served.url)
    page.evaluate(
        """() => {
          window.told = [];
          new MutationObserver((changes) => {
            for (const change of changes) {
              const live = (change.target.nodeType === 3 ? change.target.parentElement : change.target)
                .closest('#panes [role=status], #panes [aria-live]:not([aria-live=off])');
              if (live && told.at(-1) !== live.textContent) told.push(live.textContent);
            }
          }).observe(document.querySelector('#panes'), {subtree: true, childList: true, characterData: true});
        }"""
    )
    ask(page, made.examples[0])
    wait_for(page, "done")
    told = page.evaluate("told")
    assert {"Base: answered", "Fine-tuned: answered"} <= set(told)
    assert len(told) <= 12, told  # not one for each token


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_answers_whose_server_is_gone_are_said_to_be_cut_off(
    browser: Any, serve: Callable[..., Any], talkative: Path, how: signal.Signals
) -> None:
    served = serve(talkative)
    assert served.url, served.said
    page = browser.new_page()
    page.goto(served.url)
    ask(page, "Tell me a long story about oats.")
    wait_for(page, "running")
    [app, *_] = [one for one in served.children() if "app.py" in " ".join(one.cmdline())]
    app.send_signal(how)
    page.wait_for_selector("#lost .hr-lost:visible", timeout=ANSWERED)
    assert "The connection was lost" in page.locator("#lost").inner_text()
    for model in ("base", "fine-tuned"):
        shown = page.locator(f'[data-model="{model}"]')
        assert "interrupted" in shown.inner_text() and "answering" not in shown.locator("h2").inner_text()
        assert shown.locator("[data-text]").get_attribute("data-text")  # what was said stays
    page.close()


def test_a_page_that_is_loaded_again_has_what_was_typed(visit: Callable[..., Page], served: Any) -> None:
    page = visit(served.url)
    assert page.locator("#lost").is_hidden()
    page.fill("#prompt textarea", "half a prompt")
    page.reload()
    page.wait_for_function("document.querySelector('#prompt textarea')?.value === 'half a prompt'")
    page.press("#prompt textarea", "Enter")
    assert json.loads(json.dumps(pane(page, "base")["text"]))
    assert visit(served.url).input_value("#prompt textarea") == ""  # for this tab alone
