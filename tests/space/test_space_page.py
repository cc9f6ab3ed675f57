"""The page in a real browser, with the real base: what a person who compares two models relies on."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page

from browser.answers import ANSWERED, ask, is_waiting, pane, wait_for

pytestmark = pytest.mark.browser


def test_a_prompt_is_answered_by_both_and_the_base_pane_by_the_base(
    visit: Callable[..., Page], served: Any, made: Any
) -> None:
    page = visit(served.url)
    assert page.locator("h1").inner_text() == "Ingredient parser <before> & after"
    page.fill("#prompt textarea", made.examples[0])
    page.press("#prompt textarea", "Enter")
    base, tuned = pane(page, "base"), pane(page, "fine-tuned")
    assert base["text"] == made.base_says
    assert tuned["text"] != made.base_says
    assert re.fullmatch(r"base:[0-9a-f]{12}", base["weights"])
    assert re.fullmatch(r"fine-tuned:[0-9a-f]{12}", tuned["weights"])
    assert base["weights"].split(":")[1] != tuned["weights"].split(":")[1]
    assert "Base" in base["visible"] and "Fine-tuned" in tuned["visible"]
    for shown in (base, tuned):
        assert re.fullmatch(r"\d+\.\d\d s \d+\.\d tok/s \d+ / \d+", shown["statistics"])


def test_a_click_on_an_example_asks_it(visit: Callable[..., Page], served: Any, made: Any) -> None:
    page = visit(served.url)
    page.locator("#examples .gallery-item").nth(0).click()
    assert pane(page, "base")["text"] == made.base_says
    assert page.input_value("#prompt textarea") == made.examples[0]


def test_the_evaluation_of_the_run_is_a_tab_beside_the_chat(visit: Callable[..., Page], served: Any) -> None:
    page = visit(served.url)
    assert "Fine-tuning is worth it." in page.locator("#concluded").inner_text()
    page.get_by_role("tab", name="Evaluation").click()
    page.wait_for_selector("#evaluation table")
    shown = page.locator("#evaluation").inner_text()
    for part in (
        "300 held-out rows",
        "Fine-tuning is worth it.",
        "Right on 285 rows",
        "95.0%",
        "92.0% to 96.9%",
        "150 ms",
    ):
        assert part in shown
    # What this run did not measure is not there.
    for absent in ("General text", "a request takes", "requires", "Retrieval"):
        assert absent not in shown


def test_test_rows_are_looked_through_and_hostile_ones_do_nothing(
    visit: Callable[..., Page], served: Any
) -> None:
    page = visit(served.url, viewport={"width": 390, "height": 844})
    page.get_by_role("tab", name="Evaluation").click()
    page.wait_for_selector(".hr-rows")
    rows = page.locator(".hr-rows details:visible")
    assert rows.count() == 3
    assert "the first 3 of 300" in page.locator(".hr-rows h2").inner_text()
    page.get_by_label("Fine-tuned is wrong").check()
    assert rows.count() == 1
    rows.first.locator("summary").focus()
    page.keyboard.press("Enter")
    opened = rows.first.inner_text()
    assert "</script><img src=x onerror=" in opened and "[U+202E]" in opened and "[U+D83D]" in opened
    assert page.locator("#evaluation img").count() == 0
    page.get_by_label("Methods disagree").check()
    assert rows.count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_phone_keeps_the_method_in_sight_while_its_numbers_are_scrolled(
    visit: Callable[..., Page], served: Any
) -> None:
    page = visit(served.url, viewport={"width": 390, "height": 844})
    page.get_by_role("tab", name="Evaluation").click()
    table = page.get_by_role("region", name="Numbers of the evaluation")
    table.evaluate("box => box.scrollLeft = 300")
    name = table.get_by_role("rowheader", name="Fine-tuned")
    place = name.bounding_box()
    assert place is not None and place["x"] >= 0
    assert name.evaluate("cell => getComputedStyle(cell).backgroundColor") == "rgb(255, 255, 255)"


def test_what_right_to_left_scripts_say_begins_at_the_right(visit: Callable[..., Page], served: Any) -> None:
    page = visit(served.url)
    page.fill("#prompt textarea", "مرحبا بالعالم")
    assert (
        page.evaluate("getComputedStyle(document.querySelector('#prompt textarea')).unicodeBidi")
        == "plaintext"
    )
    ask = "() => getComputedStyle(document.querySelector('[data-model=base] .text')).unicodeBidi"
    page.press("#prompt textarea", "Enter")
    pane(page, "base")
    assert page.evaluate(ask) == "plaintext"


def test_what_cannot_be_asked_is_said_in_the_page(visit: Callable[..., Page], served: Any) -> None:
    page = visit(served.url)
    page.click("#run")
    page.wait_for_selector(".hr-error")
    assert "The prompt is empty" in page.locator(".hr-error").inner_text()
    assert is_waiting(page)


def test_a_prompt_that_is_too_long_is_refused_and_never_cut(visit: Callable[..., Page], served: Any) -> None:
    page = visit(served.url)
    page.focus("#prompt textarea")
    page.keyboard.insert_text("word " * 1000)
    page.click("#run")
    page.wait_for_selector(".hr-error")
    assert "5,000 characters, and this page takes 4,000" in page.locator(".hr-error").inner_text()
    assert len(page.input_value("#prompt textarea")) == 5000
    assert is_waiting(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(
    visit: Callable[..., Page], served: Any, theme: str
) -> None:
    page = visit(f"{served.url}?__theme={theme}", viewport={"width": 390, "height": 844})
    page.locator("#examples .gallery-item").nth(0).click()
    pane(page, "base")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    first, second = (page.locator(f'[data-model="{one}"]').bounding_box() for one in ("base", "fine-tuned"))
    assert first is not None and second is not None
    assert first["y"] + first["height"] <= second["y"]


def test_visitors_are_answered_in_turn_and_told_so(visit: Callable[..., Page], two_pairs: str) -> None:
    first, second, third = (visit(two_pairs) for _ in range(3))
    ask(first, "Tell me a long story about oats.")
    wait_for(first, "running")
    ask(second, "Tell me a long story about rice.")
    second.wait_for_selector('[data-model="base"]:has-text("you are next")', timeout=ANSWERED)
    ask(third, "Tell me a long story about salt.")
    third.wait_for_selector('[data-model="fine-tuned"]:has-text("2 others are answered before you")')
    second.click("#stop")  # who gives up in the line is in nobody's way
    second.wait_for_selector('[data-model="base"][data-state="idle"]')
    third.wait_for_selector('[data-model="base"]:has-text("you are next")')
    first.close()  # and so is who leaves
    wait_for(third, "running")
    third.click("#stop")
    wait_for(third, "done")
    assert is_waiting(second)


def test_a_new_question_of_a_visitor_takes_the_place_of_the_last(
    visit: Callable[..., Page], two_pairs: str
) -> None:
    page = visit(two_pairs)
    examples = page.locator("#examples .gallery-item")
    examples.nth(1).click()
    wait_for(page, "running")
    page.wait_for_timeout(3000)
    page.click("#stop")
    said = pane(page, "base")["text"]
    ask(page, "Tell me a long story about oats.")
    wait_for(page, "running")
    examples.nth(1).click()
    page.wait_for_function(
        "start => document.querySelector('[data-model=base] [data-text]')?.dataset.text.startsWith(start)",
        arg=said[:20],
        timeout=ANSWERED,
    )
    assert len(said) > 20
    page.click("#stop")
    assert pane(page, "base")["text"].startswith(said[:20])


def test_another_model_that_is_chosen_ends_the_answer_of_the_last(
    visit: Callable[..., Page], two_pairs: str
) -> None:
    page = visit(two_pairs)
    ask(page, "Tell me a long story about oats.")
    wait_for(page, "running")
    page.click("#pair input")
    page.get_by_role("option", name="second").click()
    wait_for(page, "idle")
    page.wait_for_timeout(2000)
    assert is_waiting(page)
    assert "second" in page.locator('[data-model="fine-tuned"] h2').inner_text()
    assert page.get_attribute("#prompt textarea", "placeholder") == "Type here"
    ask(page, "oats")
    wait_for(page, "running")
    page.click("#stop")
    wait_for(page, "done")


def test_stop_keeps_what_was_said_and_ctrl_c_ends_everything(
    visit: Callable[..., Page],
    made: Any,
    serve: Callable[..., Any],
    write_run: Callable[..., Path],
    tmp_path: Path,
) -> None:
    run = tmp_path / "endless"
    shutil.copytree(made.run, run)
    job = {"evaluate": {"max_new_tokens": 1000}}
    base = json.loads((run / "work" / "prepared.json").read_text())["base_model"]
    served = serve(write_run(run, base, **job))
    page = visit(served.url)
    page.fill("#prompt textarea", "Tell me a long story about oats.")
    page.click("#run")
    page.wait_for_selector('[data-model="base"][data-state="running"]', timeout=ANSWERED)
    page.click("#stop")
    base_pane = pane(page, "base")
    assert int(base_pane["statistics"].split()[-1]) < 500
    page.close()

    children = served.children()
    assert children
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(30) == 0
    assert gone(children)


def test_a_model_that_is_missing_is_said_in_the_page_which_ends_when_its_parent_is_killed(
    visit: Callable[..., Page],
    made: Any,
    serve: Callable[..., Any],
    write_run: Callable[..., Path],
    tmp_path: Path,
) -> None:
    run = tmp_path / "homeless"
    shutil.copytree(made.run, run)
    (run / "work" / "prepared.json").unlink()
    served = serve(write_run(run, "nowhere", base_model="bundled/no-such-model"))
    page = visit(served.url)
    page.locator("#examples .gallery-item").nth(0).click()
    page.wait_for_selector(".hr-error", timeout=ANSWERED)
    assert "bundled/no-such-model: no such bundled model" in page.locator(".hr-error").inner_text()
    assert "Traceback" not in page.content()
    page.close()

    children = served.children()
    assert children
    served.process.kill()
    served.process.wait()
    assert gone(children)


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all have ended, given some seconds."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes):
            return True
        time.sleep(0.1)
    return False
