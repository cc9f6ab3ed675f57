"""What `plan` says while its answer is being made: whoever waits for a base to be converted is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hf_recipes import environments
from hf_recipes.environments import EnvironmentFailed
from hf_recipes.environments.call import ask_inference
from hf_recipes.recipe import RecipeError

ANSWER = """
import json, sys
request = json.load(sys.stdin)
sys.stderr.write("a library's warning\\n::say converting the base\\n")
sys.stderr.write("x" * 200_000 + "\\n")
json.dump({"rows": request["rows"] * 50_000, **request["more"]}, sys.stdout)
sys.stderr.write("the last word\\n")
sys.exit(request["code"])
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that answers, in an interpreter that is taken for the inference environment's."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "answers.py").write_text(ANSWER)
    monkeypatch.setattr(environments, "ensure", lambda name, say: Path(sys.executable))
    monkeypatch.setattr(environments, "package_path", lambda: package)
    return "answers"


def test_what_is_said_is_passed_on_while_it_works_and_nothing_else(module: str) -> None:
    said: list[str] = []
    answer = ask_inference(module, {"rows": "0123456789", "more": {}, "code": 0}, said.append)
    assert said == ["converting the base"]
    assert len(str(answer["rows"])) == 500_000


def test_a_failure_is_its_last_word(module: str) -> None:
    with pytest.raises(EnvironmentFailed, match="answers failed in the inference environment: the last word"):
        ask_inference(module, {"rows": "", "more": {}, "code": 1}, lambda _: None)


def test_of_many_broken_rows_the_first_are_listed_and_their_number_is_said(module: str) -> None:
    broken = {
        "file": "train.jsonl",
        "line": 2,
        "column": 1,
        "code": "bad-row",
        "message": "broken",
        "hint": "",
    }
    said: list[str] = []
    more = {"problems": [broken], "notes": ["5000 problems in all, the first 1 are listed"]}
    with pytest.raises(RecipeError, match=r"train\.jsonl:2:1: broken"):
        ask_inference(module, {"rows": "", "more": more, "code": 0}, said.append)
    assert said[-1] == "5000 problems in all, the first 1 are listed"
