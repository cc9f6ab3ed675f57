"""report.html in a real browser: opened from the disk, with hostile rows, many rows, a keyboard, a phone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from evaluation.reported import HOSTILE, full, row, write_run
from hf_recipes.evaluation import page as report_page

pytestmark = pytest.mark.browser

N = 60


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a file; in the end nothing was logged, and nothing but files was asked for."""
    trouble: list[str] = []
    pages: list[Page] = []

    def open_page(file: Path, **context: Any) -> Page:
        page = browser.new_page(**context)
        pages.append(page)
        page.on("request", lambda one: one.url == file.as_uri() or trouble.append(f"asked {one.url}"))
        page.on("console", lambda one: trouble.append(one.text))
        page.on("dialog", lambda one: trouble.append(one.message))
        page.on("pageerror", lambda one: trouble.append(str(one)))
        page.goto(file.as_uri())
        return page

    yield open_page
    for page in pages:
        page.close()
    assert trouble == []


def lines(n: int) -> list[dict[str, Any]]:
    """The fine-tuned model is right but in every 10th row, few-shot in every 4th."""
    found = []
    for number in range(n):
        tuned, few = number % 10 != 0, number % 4 == 0
        one = row(
            number,
            f"question {number}",
            f"answer {number}",
            few_shot=(f"answer {number}" if few else "guess", float(few)),
            fine_tuned=(f"answer {number}" if tuned else f"almost {number}", float(tuned)),
        )
        one["answers"]["few-shot"]["prompt"] = [
            {"role": "user", "content": "an example"},
            *one["messages"][1:],
        ]
        found.append(one)
    return found


def written(run: Path, rows: list[dict[str, Any]] | None, **changes: Any) -> Path:
    report = {**full(), **changes}
    file = write_run(run, report, rows) / "report" / report_page.NAME
    file.write_text(report_page.of_run(run, report), encoding="utf-8")
    return file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path, lines(N))


def numbers(page: Page) -> list[int]:
    """The rows that are shown."""
    return [int(str(one.get_attribute("data-row"))) for one in page.locator("article").all()]


def status(page: Page) -> str:
    return page.locator("[role=status]").inner_text()


def test_rows_are_shown_a_page_at_a_time_with_right_and_wrong(visit: Callable[..., Page], file: Path) -> None:
    page = visit(file)
    assert numbers(page) == list(range(25))
    assert status(page) == "1 to 25 of 60 rows"
    first = page.locator("article").nth(0)
    assert first.locator('[data-method="few-shot"] .said').inner_text() == "✓ right"
    assert first.locator('[data-method="fine-tuned"] .said').inner_text() == "✗ wrong"
    assert "almost 0" in first.inner_text() and "answer 0" in first.inner_text()
    page.get_by_role("button", name="Later rows").click()
    page.get_by_role("button", name="Later rows").click()
    assert numbers(page) == list(range(50, 60))
    assert page.get_by_role("button", name="Later rows").is_disabled()
    page.get_by_role("button", name="Earlier rows").click()
    assert numbers(page)[0] == 25


def test_filters_by_method_disagreement_and_text(visit: Callable[..., Page], file: Path) -> None:
    page = visit(file)
    tuned = page.get_by_label("Fine-tuned", exact=True)
    assert tuned.locator("option").all_inner_texts() == ["any", "right (54)", "wrong (6)"]
    tuned.select_option("wrong")
    assert numbers(page) == [0, 10, 20, 30, 40, 50]
    page.get_by_label("Base, few-shot", exact=True).select_option("right")
    assert numbers(page) == [0, 20, 40]
    assert status(page) == "1 to 3 of 3 rows that match, of 60"
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("article")).to_have_count(25)
    page.get_by_label("Only rows where methods disagree").check()
    agreed = {n for n in range(N) if (n % 10 != 0) == (n % 4 == 0)}
    assert not set(numbers(page)) & agreed and f"of {N - len(agreed)} rows" in status(page)
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("Search").fill("ALMOST 3")
    expect(page.locator("article")).to_have_count(1)
    assert numbers(page) == [30]
    page.get_by_label("Search").fill("nothing like it")
    expect(page.locator("article")).to_have_count(0)
    assert status(page) == "None of the 60 rows matches."


def test_a_graded_answer_shows_its_number_and_is_neither_right_nor_wrong(
    visit: Callable[..., Page], tmp_path: Path
) -> None:
    graded = lines(4)
    for one, value in zip(graded, (0.0, 0.25, 0.996, 1.0), strict=True):
        one["answers"]["fine-tuned"]["scores"]["exact_match"] = value
    page = visit(written(tmp_path, graded))
    tuned = page.get_by_label("Fine-tuned", exact=True)
    assert tuned.locator("option").all_inner_texts() == ["any", "right (1)", "in between (2)", "wrong (1)"]
    said = page.locator('[data-method="fine-tuned"] .said').all_inner_texts()
    assert said == ["✗ wrong", "25.0%", "99.6%", "✓ right"]
    tuned.select_option("between")
    assert numbers(page) == [1, 2]


def test_what_a_method_was_asked_can_be_opened_by_keyboard(visit: Callable[..., Page], file: Path) -> None:
    page = visit(file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the test rows"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "What it was asked":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("details[open] h5")
    assert "an example" in page.locator("details[open]").inner_text()


def test_hostile_answers_do_nothing(visit: Callable[..., Page], tmp_path: Path) -> None:
    rows = [
        row(0, HOSTILE, HOSTILE, few_shot=(HOSTILE, 0.0), fine_tuned=("\u202e" * 3 + "<b>bold</b>", 1.0)),
        row(1, "after", "after", few_shot=("__proto__", 0.0), fine_tuned=("after", 1.0)),
    ]
    method = full()["methods"]["few-shot"]
    page = visit(
        written(
            tmp_path,
            rows,
            verdict={"decision": "<img src=x onerror=alert(1)>", "reason": HOSTILE},
            methods={**full()["methods"], '"><script>alert(1)</script>': method},
        )
    )
    assert page.title() == "tiny <b>project</b>: report"
    assert numbers(page) == [0, 1]
    shown = page.locator('article [data-method="few-shot"] .text').nth(0)
    assert "</script><script>document.title" in shown.inner_text()
    assert page.locator("main img, main style, main b:text('bold'), main script:not([id])").count() == 0
    named = shown.locator(".unseen").all_inner_texts()
    assert named == ["U+202E", "U+202C", "U+2066", "U+2069", "U+200B", "U+2028", "U+D83D", "U+0000", "U+001B"]
    assert page.evaluate("/[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.innerText)") is False


def test_ten_thousand_rows_open_and_are_searched(visit: Callable[..., Page], tmp_path: Path) -> None:
    file = written(tmp_path, lines(10_000))
    began = time.monotonic()
    page = visit(file)
    page.wait_for_selector("article")
    assert page.locator("article").count() == 25
    assert page.evaluate("document.getElementsByTagName('*').length") < 2000
    page.get_by_label("Search").fill("almost 9990")
    expect(page.locator("article")).to_have_count(1)
    assert numbers(page) == [9990]
    assert time.monotonic() - began < 20  # a second on an idle machine


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_screen_in_light_and_dark(
    visit: Callable[..., Page], file: Path, width: int, scheme: str
) -> None:
    page = visit(file, viewport={"width": width, "height": 844}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ink, ground = (
        page.evaluate(
            f"getComputedStyle(document.body).{what}.match(/\\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b)"
        )
        for what in ("color", "backgroundColor")
    )
    assert (ink > ground) is (scheme == "dark") and abs(ink - ground) > 400
    for chart in page.locator("[role=img]").all():
        assert chart.get_attribute("aria-label")


def test_a_method_stays_in_sight_while_its_many_metrics_are_scrolled(
    visit: Callable[..., Page], tmp_path: Path
) -> None:
    page = visit(with_many_metrics(tmp_path), viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    table = page.get_by_role("region", name="Numbers of every method")
    table.evaluate("box => box.scrollLeft = 500")
    name = table.get_by_role("rowheader", name="Fine-tuned").bounding_box()
    assert name is not None and name["x"] >= 0 and name["width"] < 200


def test_on_paper_nothing_is_left_to_scroll(visit: Callable[..., Page], tmp_path: Path) -> None:
    page = visit(with_many_metrics(tmp_path), viewport={"width": 720, "height": 1000})
    page.emulate_media(media="print")
    cut = "[...document.querySelectorAll('.scroll, .text')].filter(box => box.scrollHeight > box.clientHeight + 1 && getComputedStyle(box).overflowY != 'visible').length"
    assert page.evaluate(cut) == 0
    last = page.get_by_role("columnheader", name="time a row").bounding_box()
    assert last is not None and last["x"] + last["width"] <= 720


def with_many_metrics(run: Path) -> Path:
    """Twelve metrics, and an answer of a hundred lines."""
    methods = full()["methods"]
    for one in methods.values():
        one["metrics"] |= {
            f"metric_{number}": {"value": 0.5, "low": 0.4, "high": 0.6} for number in range(11)
        }
    return written(run, [row(0, "q", "a", fine_tuned=("line\n" * 100, 0.0))], methods=methods)


def test_a_run_without_rows_says_so(visit: Callable[..., Page], tmp_path: Path) -> None:
    page = visit(written(tmp_path, None))
    assert "this run has no report/rows.jsonl" in page.locator("main").inner_text()
    assert page.locator(".filters").count() == 0
