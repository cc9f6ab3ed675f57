"""What `check`, `plan` and the prepare step say of rows that a base's chat template or tokenizer takes otherwise than meant."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.steps.prepare.check_rows import inspect_rows
from hf_recipes.steps.prepare.inspect import inspect

NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ONE_TURN = NO_SYSTEM.replace(
    "{% for", "{% if messages|length > 2 %}{{ raise_exception('Only one turn') }}{% endif %}{% for", 1
)
DROPS_SYSTEM = (
    "{% for m in messages %}{% if m.role != 'system' %}{{ m.role + ':' + m.content + '<|im_end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
)
SYSTEM, USER, ASSISTANT = (
    {"role": "system", "content": "Warm or cold?"},
    {"role": "user", "content": "{q}"},
    {"role": "assistant", "content": "{a}"},
)
PLACES = {
    f"data.messages.{number}": {"file": "recipe.yml", "line": 12 + number, "column": 7} for number in range(3)
} | {"evaluate.baseline_system": {"file": "recipe.yml", "line": 20, "column": 3}}


@pytest.fixture
def ask(tiny_llama: Path, tmp_path: Path):
    """The request for a recipe on rows, with a base of another chat template."""

    def make(rows: list[dict[str, Any]], chat_template: str = "", **data: Any) -> dict[str, Any]:
        base = tmp_path / "base"
        if not base.exists():
            shutil.copytree(tiny_llama, base)
        if chat_template:
            config = json.loads((base / "tokenizer_config.json").read_text())
            (base / "tokenizer_config.json").write_text(
                json.dumps({**config, "chat_template": chat_template})
            )
            (base / "chat_template.jinja").unlink(missing_ok=True)
        folder = tmp_path / "rows"
        folder.mkdir(exist_ok=True)
        for name in ("train", "test"):
            some = [row for place, row in enumerate(rows) if (place % 2 == 1) == (name == "test")]
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
        evaluate = data.pop("evaluate", {"metrics": [{"name": "exact_match"}], "max_new_tokens": 64})
        return {
            "task": "lm_training",
            "base_model": str(base),
            "data": {
                "path": str(folder),
                "local": True,
                "train_split": "train",
                "test_split": "test",
                **data,
            },
            "params": {"trainer": "sft", "chat_template": "tokenizer", "block_size": 8},
            "evaluate": evaluate,
            "places": PLACES,
        }

    return make


def found_by(request: dict[str, Any], what: str, code: str) -> list[dict[str, Any]]:
    """What check says, which plan says too."""
    checked, planned = inspect_rows(request)["found"], inspect(request)
    for one in (checked[what], planned[what]):
        assert any(problem["code"] == code for problem in one), (what, code, checked, planned)
    return [problem for problem in checked[what] if problem["code"] == code]


def rows(count: int = 4, answer: str = "cold{n}", **more: Any) -> list[dict[str, Any]]:
    return [{"q": f"Ice {n}?", "a": answer.replace("{n}", str(n)), **more} for n in range(count)]


def test_a_system_turn_that_the_template_refuses_is_one_line_at_the_recipe_s_message(ask):
    request = ask(rows(), NO_SYSTEM, messages=[SYSTEM, USER, ASSISTANT])
    [problem] = found_by(request, "problems", "template-refuses")
    assert (problem["file"], problem["line"], problem["column"]) == ("recipe.yml", 12, 7)
    assert problem["message"] == (
        'data.messages.0: the chat template of base takes no system turn ("System role not supported")'
    )
    assert "data.system: fold" in problem["hint"]
    # What is not rendered has no length, so nobody is told that the rows are too short for a block.
    assert inspect_rows(request)["tokens"]["rows"] == 0
    folded = {**request, "data": {**request["data"], "system": "fold"}}
    assert not inspect_rows(folded)["found"]["problems"] and not inspect(folded)["problems"]


def test_another_turn_that_it_refuses_is_named(ask):
    messages = [
        USER,
        {"role": "assistant", "content": "Well?"},
        {"role": "user", "content": "Say it."},
        ASSISTANT,
    ]
    [problem] = found_by(ask(rows(), ONE_TURN, messages=messages), "problems", "template-refuses")
    assert problem["message"].startswith("data.messages.2: ") and "Only one turn" in problem["message"]


def test_ready_made_conversations_are_told_by_row(ask):
    chats = [
        {"text": [SYSTEM, {"role": "user", "content": "Ice?"}, {"role": "assistant", "content": "cold"}]},
        {"text": [{"role": "user", "content": "Fire?"}, {"role": "assistant", "content": "warm"}]},
    ]
    [problem] = found_by(ask([*chats, *chats], NO_SYSTEM), "problems", "template-refuses")[:1]
    assert problem["file"].endswith("train.jsonl") and problem["line"] == 1
    assert problem["message"].startswith("message 1: the chat template of base takes no system turn")


def test_the_baselines_own_system_turn_is_tried_too(ask):
    evaluate = {"metrics": [{"name": "exact_match"}], "baseline_system": "Say warm or cold."}
    request = ask(rows(), NO_SYSTEM, messages=[USER, ASSISTANT], evaluate=evaluate)
    [problem] = found_by(request, "problems", "template-refuses")
    assert problem["line"] == 20 and problem["message"].startswith("evaluate.baseline_system: ")


def test_a_turn_that_the_template_leaves_out_is_told(ask):
    [warning] = found_by(
        ask(rows(), DROPS_SYSTEM, messages=[SYSTEM, USER, ASSISTANT]), "warnings", "turn-dropped"
    )
    assert warning["message"].startswith(
        "data.messages.0: the chat template of base leaves the system's turn out"
    )


def test_reasoning_in_answers_is_told_by_row(ask):
    request = ask(rows(4, "<think>\nIce.\n</think>\n\ncold"), messages=[USER, ASSISTANT])
    warnings = found_by(request, "warnings", "reasoning-in-answer")
    assert [(Path(one["file"]).name, one["line"]) for one in warnings] == [
        ("train.jsonl", 1),
        ("train.jsonl", 2),
        ("test.jsonl", 1),
        ("test.jsonl", 2),
    ]
    assert warnings[2]["message"] == (
        "the expected answer begins with reasoning (<think>): what follows it is compared"
    )


def test_an_expected_answer_that_is_all_reasoning_is_a_problem_and_an_open_block_a_warning(ask):
    both = [*rows(2), {"q": "Sea?", "a": "<think>Sea"}, {"q": "Sun?", "a": "<think>hot</think>"}]
    request = ask(both, messages=[USER, ASSISTANT])
    [warning] = [
        one for one in inspect_rows(request)["found"]["warnings"] if one["code"] == "reasoning-unclosed"
    ]
    assert (Path(warning["file"]).name, warning["line"]) == ("train.jsonl", 2)
    [problem] = [one for one in inspect_rows(request)["found"]["problems"] if one["code"] == "unmeasurable"]
    assert (Path(problem["file"]).name, problem["line"]) == ("test.jsonl", 2)
    assert problem["message"].startswith("nothing follows the reasoning (<think>) of the expected answer")


def test_special_tokens_are_told_by_row_and_end_tokens_are_not_compared(ask):
    some = [*rows(2, "cold<|im_end|>"), {"q": "a <|im_start|> b", "a": "no"}, {"q": "Sea?", "a": "blue</s>"}]
    request = ask(some, messages=[USER, ASSISTANT])
    warnings = found_by(request, "warnings", "special-token")
    places = {(Path(one["file"]).name, one["line"]): one["message"] for one in warnings}
    assert "ends with '<|im_end|>', an end token of the base" in places["train.jsonl", 1]
    assert "the user's turn (message 1) holds '<|im_start|>'" in places["train.jsonl", 2]
    assert "an end token of the base: it is not compared" in places["test.jsonl", 1]
    assert "an end token of other models" in places["test.jsonl", 2]


def test_the_prepare_step_writes_what_is_compared_and_how_models_are_asked(ask, make_run, step):
    request = ask(
        rows(4, "<think>\nIce.\n</think>\n\ncold{n}<|im_end|>"),
        messages=[SYSTEM, USER, ASSISTANT],
        system="fold",
    )
    run = make_run(**request)
    done, failure = step("prepare", run)
    assert (done.returncode, failure) == (0, {}), done.stderr
    test = [json.loads(line) for line in (run / "work" / "test.jsonl").read_text().splitlines()]
    assert [row["reference"] for row in test] == ["cold1", "cold3"]
    assert test[0]["messages"] == [{"role": "user", "content": "Warm or cold?\n\nIce 1?"}]
    prepared = json.loads((run / "work" / "prepared.json").read_text())
    assert prepared["reasoning"] == ["<think>", "</think>"]
    assert prepared["totals"]["reasoning-in-answer"] == 4
    train = (run / "work" / "data" / "train.jsonl").read_text()
    assert "Ice." in train and '"system"' not in train  # the reasoning is trained on, the system turn folded
