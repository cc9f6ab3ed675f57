"""report.html of a pushed model: with the test rows where anybody may read the data, and never with what is private."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.reported import row
from hf_recipes.hub.publish import bundle
from hf_recipes.hub.publish.facts import read_facts
from hf_recipes.hub.publish.push import push
from hf_recipes.recipe.model import Data
from hub.handle import Hub

PAGE = "report/report.html"
SECRET_ANSWER = "an answer of the test data"


@pytest.fixture
def answered(finished: Callable[..., Path]) -> Callable[..., Path]:
    """answered(text, **changes of the job) → a finished run with one test row, in which the text stands."""

    def make(text: str = SECRET_ANSWER, **changes: Any) -> Path:
        run = finished(**changes)
        line = json.dumps(row(0, "question", text, fine_tuned=(text, 1.0)))
        (run / "report" / "rows.jsonl").write_text(line + "\n")
        return run

    return make


def pushed_page(run: Path, hub: Hub, said: list[str] | None = None) -> str | None:
    push(run, repo=None, private=False, force=False, say=(said if said is not None else []).append)
    files = hub.repo("model", "ada/tiny").commit("main").files
    return hub.read("model", "ada/tiny", PAGE).decode() if PAGE in files else None


def hub_data(path: str) -> Data:
    return Data(path=path, local=False, train_split="train", test_split="test")


def test_rows_of_local_data_stay_here(answered: Callable[..., Path], logged_in: Hub, tmp_path: Path) -> None:
    page = pushed_page(answered(), logged_in)
    assert page is not None and "90.0%" in page and str(tmp_path) not in page
    assert SECRET_ANSWER not in page and "left out of this copy" in page


@pytest.mark.parametrize("where", ["here", "private", "public"])
def test_the_first_misses_go_up_where_anybody_may_read_the_data(
    answered: Callable[..., Path], logged_in: Hub, where: str
) -> None:
    """The report names them with what was expected: rows of the test data, like those of the page."""
    logged_in.put("dataset", "ada/lines", {"test.jsonl": b"{}"}, private=where == "private")
    run = answered(**({} if where == "here" else {"data": hub_data("ada/lines")}))
    report = json.loads((run / "report" / "report.json").read_text())
    report["misses"] = [{"row": 0, "answer": SECRET_ANSWER, "reference": SECRET_ANSWER}]
    (run / "report" / "report.json").write_text(json.dumps(report))
    pushed_page(run, logged_in)
    pushed = json.loads(logged_in.read("model", "ada/tiny", "report/report.json"))
    card = logged_in.read("model", "ada/tiny", "README.md").decode()
    shown = where == "public"
    assert pushed == {name: value for name, value in report.items() if shown or name != "misses"}
    assert (logged_in.where(SECRET_ANSWER) != []) is shown and ("first misses" in card) is shown


@pytest.mark.parametrize("private", [True, False])
def test_rows_of_a_dataset_go_up_where_anybody_may_read_it(
    answered: Callable[..., Path], logged_in: Hub, private: bool
) -> None:
    logged_in.put("dataset", "ada/lines", {"test.jsonl": b"{}"}, private=private)
    page = pushed_page(answered(data=hub_data("ada/lines")), logged_in)
    assert page is not None and (SECRET_ANSWER in page) is not private


def test_rows_of_a_dataset_that_is_not_found_stay_here(answered: Callable[..., Path], logged_in: Hub) -> None:
    page = pushed_page(answered(data=hub_data("ada/nowhere")), logged_in)
    assert page is not None and SECRET_ANSWER not in page


def test_a_page_with_a_token_or_a_path_in_a_row_stays_here_and_the_model_goes_up(
    answered: Callable[..., Path], logged_in: Hub, tmp_path: Path
) -> None:
    logged_in.put("dataset", "ada/lines", {"test.jsonl": b"{}"})
    for leak in ("hf_" + "a" * 34, str(tmp_path / "runs" / "own")):
        said: list[str] = []
        run = answered(leak, data=hub_data("ada/lines"))
        assert pushed_page(run, logged_in, said) is None
        assert any("report.html is not pushed: a test row in it holds" in one for one in said)
        assert not any(leak in one for one in said)
    card = logged_in.read("model", "ada/tiny", "README.md").decode()
    assert "report.json" in card and "report.html" not in card


def test_a_page_too_large_for_a_text_file_stays_here(
    answered: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = answered()
    packed = bundle.pack(run, read_facts(run), "ada/tiny", ())
    assert PAGE in packed.texts and packed.left_out == ""
    monkeypatch.setattr(bundle, "PAGE_LIMIT", len(packed.texts[PAGE]) - 1)
    packed = bundle.pack(run, read_facts(run), "ada/tiny", ())
    assert PAGE not in packed.texts and "more than" in packed.left_out


def test_a_broken_row_holds_up_its_page_and_not_the_model(answered: Callable[..., Path]) -> None:
    run = answered()
    (run / "report" / "rows.jsonl").write_text("{")
    packed = bundle.pack(run, replace(read_facts(run), public_data=True), "ada/tiny", ())
    assert PAGE not in packed.texts and "line 1, is not a test row" in packed.left_out
