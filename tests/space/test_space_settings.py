"""What the page is told about a run, and how it shows what models and reports say: no browser needed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hf_recipes.api import compare
from hf_recipes.api.compare import CompareFailed, build_config
from hf_recipes.cli.main import cli

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "space"))
import rendering
import settings


def finished(folder: Path, write_run: Callable[..., Path], **job: Any) -> Path:
    run = write_run(folder / "run-1", "somewhere", **job)
    (run / "model" / "adapter_model.safetensors").write_bytes(b"weights")
    return run


def test_a_run_becomes_one_pair_with_the_recipe_s_own_template(
    tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    config = build_config(finished(tmp_path, write_run))
    [pair] = config["pairs"]
    assert config["title"] == "Ingredient parser <before> & after"
    assert pair["base"] == "bundled/smollm2-135m-instruct"  # the resolved folder is not there any more
    assert (pair["base_name"], pair["user_template"], pair["max_new_tokens"]) == (
        "smollm2-135m-instruct",
        "{line}",
        12,
    )
    (tmp_path / "compare.json").write_text(json.dumps(config))
    read = settings.read_settings(tmp_path / "compare.json").pairs[0]
    assert read.form.messages({"line": "3 tsp. {oats}"}) == [
        {"role": "system", "content": "Turn the recipe line into JSON with qty, unit and name."},
        {"role": "user", "content": "3 tsp. {oats}"},
    ]
    assert read.form.messages({"line": "oats"}, "  ") == [{"role": "user", "content": "oats"}]
    assert read.report is not None


@pytest.mark.parametrize(
    ("user", "expected", "fields"),
    [
        ("Q: {question} {{x}}", "Q: {question} {{x}}", ("question",)),
        ("{a} or {b}", "{a} or {b}", ("b", "a")),
        ("always the same", "{prompt}", ("prompt",)),
    ],
)
def test_a_visitor_fills_a_field_for_each_column_or_types_the_whole_turn(
    tmp_path: Path,
    write_run: Callable[..., Path],
    user: str,
    expected: str,
    fields: tuple[str, ...],
) -> None:
    data = {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": "{c}"}]}
    [pair] = build_config(finished(tmp_path, write_run, data=data))["pairs"]
    assert (pair["system"], pair["user_template"]) == ("", expected)
    (tmp_path / "compare.json").write_text(json.dumps({"pairs": [pair]}))
    form = settings.read_settings(tmp_path / "compare.json").pairs[0].form
    assert (form.field, *form.others) == fields


def test_a_column_in_the_system_turn_is_a_field_and_reaches_no_model_as_a_name(
    tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    system = "Tables: {schema}. Answer as {{sql}}."
    turns = [("system", system), ("user", "{question}"), ("assistant", "{a}")]
    data = {"messages": [{"role": role, "content": content} for role, content in turns]}
    run = finished(tmp_path, write_run, data=data)
    (run / "work" / "prepared.json").write_text(json.dumps({"reasoning": ["<think>", "</think>"]}))
    config = build_config(run)
    (tmp_path / "compare.json").write_text(json.dumps(config))
    pair = settings.read_settings(tmp_path / "compare.json").pairs[0]
    assert (pair.form.field, pair.form.others) == ("question", ("schema",))
    assert pair.form.system == "Tables: {schema}. Answer as {sql}."  # as people read it
    values = {"schema": "t(x) {question}", "question": "How many {x}?"}
    assert pair.form.messages(values) == [
        {"role": "system", "content": "Tables: t(x) {question}. Answer as {sql}."},
        {"role": "user", "content": "How many {x}?"},
    ]
    assert pair.form.messages(values, "Only {schema}")[0]["content"] == "Only t(x) {question}"
    assert pair.form.messages({"question": "q"})[0]["content"] == "Tables: . Answer as {sql}."
    assert pair.reasoning == ("<think>", "</think>")
    data["system"] = "fold"
    config = build_config(finished(tmp_path / "folded", write_run, data=data))
    (tmp_path / "compare.json").write_text(json.dumps(config))
    folded = settings.read_settings(tmp_path / "compare.json").pairs[0].form
    assert folded.messages({"schema": "t(x)", "question": "q"}) == [
        {"role": "user", "content": "Tables: t(x). Answer as {sql}.\n\nq"}
    ]


def test_a_run_that_has_nothing_to_compare_is_told_in_a_sentence(
    tmp_path: Path, write_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run-1", "somewhere")
    with pytest.raises(CompareFailed, match="run-1 has no model: it did not come that far"):
        build_config(run)
    with pytest.raises(CompareFailed, match="trained a text_multi_class_classification model"):
        build_config(write_run(tmp_path / "run-2", "", task="text_multi_class_classification"))
    from hf_recipes.cli.errors import CommandFailed

    with pytest.raises(CommandFailed, match="has no model"):
        cli.main(args=["compare", str(run)], standalone_mode=False)


def test_a_run_that_was_trained_elsewhere_is_shown_from_the_hub_with_its_readers_own_token(
    tmp_path: Path, write_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run-1", "someone/base")
    state = {"schema": 1, "id": "run-1", "state": "succeeded", "backend": "jobs-t4-small"}
    (run / "state.json").write_text(json.dumps({**state, "handle": {"model": "ada/sums"}}))
    config = build_config(run)
    assert config["models"] == ["ada/sums"] and "pairs" not in config
    (tmp_path / "compare.json").write_text(json.dumps(config))
    assert settings.read_settings(tmp_path / "compare.json").models == ("ada/sums",)
    monkeypatch.setenv("HF_TOKEN", "of-whoever-looks")
    assert compare._login(run) == {"HF_TOKEN": "of-whoever-looks"}


def test_only_configured_models_are_ever_meant(tmp_path: Path) -> None:
    pairs = [{"name": name, "base": "b", "model_dir": name} for name in ("one", "two")]
    (tmp_path / "compare.json").write_text(json.dumps({"pairs": pairs}))
    read = settings.read_settings(tmp_path / "compare.json")
    assert read.pair("two").model_dir == str(tmp_path / "two")
    assert read.pair("../../etc").name == "one"


@pytest.mark.parametrize("text", ["", "[]", '{"pairs": []}', '{"pairs": [{"name": "x"}]}', '{"pairs": 3}'])
def test_a_settings_file_that_is_wrong_is_a_value_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "compare.json").write_text(text)
    with pytest.raises(ValueError, match=r"\S"):
        settings.read_settings(tmp_path / "compare.json")


def said(text: str, done: bool = True) -> Any:
    return SimpleNamespace(
        text=text,
        tokens=3,
        seconds=1.0,
        first_token_seconds=0.5,
        done=done,
        stopped=False,
        weights="base:0123456789ab",
        reasoning="",
    )


def test_what_a_model_says_is_text_and_never_markup() -> None:
    shown = rendering.pane("base", "<b>name</b>", said('<img src=x onerror="alert(1)">'))
    assert "<img" not in shown and "<b>name" not in shown
    shown = rendering.pane("base", "n", said('{"<script>": "</pre><script>"}'))
    assert "<script" not in shown and "valid JSON" in shown


def test_json_is_laid_out_once_it_is_whole() -> None:
    whole = rendering.pane("fine-tuned", "n", said('{"qty": "2½", "unit": null}'))
    assert '<span class="key">"qty"</span>: <span class="value">"2½"</span>,\n' in whole
    assert "<pre" not in rendering.pane("fine-tuned", "n", said('{"qty": "2½"}', done=False))
    assert "<pre" not in rendering.pane("fine-tuned", "n", said("12"))


def test_only_what_is_json_is_called_so_and_half_a_character_can_be_sent() -> None:
    """The page goes out as UTF-8, which has no halves of characters."""
    assert "valid JSON" not in rendering.pane("fine-tuned", "n", said('{"qty": NaN}'))
    whole = rendering.pane("fine-tuned", "n", said('{"qty": "\\ud83d"}'))
    assert "valid JSON" in whole and "\\ud83d" in whole
    whole.encode("utf-8")


def test_an_answer_that_was_ended_by_the_limit_says_so() -> None:
    assert "at the limit of 3 tokens" in rendering.pane("base", "n", said("and then"), limit=3)
    assert "limit" not in rendering.pane("base", "n", said("and then"), limit=4)
    assert "limit" not in rendering.pane("base", "n", said("and then", done=False), limit=3)


def test_a_method_is_called_on_the_page_what_its_verdict_calls_it() -> None:
    report = {
        "n": 3,
        "methods": {name: {"metrics": {"m": {"value": 0.5}}} for name in ("few-shot", "retrieval")},
    }
    shown = rendering.evaluation(report)
    assert "Base, few-shot" in shown and "Base, retrieval" in shown


def test_an_evaluation_that_is_missing_or_partial_shows_what_there_is() -> None:
    assert "Nothing was measured" in rendering.evaluation(None)
    shown = rendering.evaluation(
        {"methods": {"fine-tuned": {"metrics": {}}, "new <way>": {"metrics": {"m": {"value": 0.5}}}}}
    )
    assert "50.0%" in shown and "new &lt;way&gt;" in shown


def test_the_page_holds_a_bounded_number_of_rows_and_none_that_is_broken(
    tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    run = finished(tmp_path, write_run)
    file = run / "report" / "rows.jsonl"
    (line, *_) = file.read_text().splitlines()
    (tmp_path / "compare.json").write_text(json.dumps(build_config(run)))

    def read() -> int:
        return len(settings.read_settings(tmp_path / "compare.json").pairs[0].rows)

    file.write_text("\n".join([line] * (settings.ROW_LIMIT + 50)))
    assert read() == settings.ROW_LIMIT
    file.write_text(f"{line}\n{{broken\n{line}\n")
    assert read() == 1
    file.unlink()
    assert read() == 0
    (tmp_path / "compare.json").write_text(json.dumps(build_config(run)))
    assert read() == 0


def test_a_graded_row_has_its_number_where_others_are_right_or_wrong() -> None:
    answers = {
        name: {"answer": "x", "scores": {"chrf": value}}
        for name, value in (("zero-shot", 0), ("few-shot", 0.996), ("fine-tuned", 1.0))
    }
    row = {"row": 3, "messages": [], "reference": "x", "answers": answers}
    shown = rendering.evaluation(
        {"n": 1, "methods": {"fine-tuned": {"metrics": {"chrf": {"value": 1}}}}}, [row]
    )
    for part in ("Base, zero-shot ✗ wrong", "Base, few-shot 99.6%<", "Fine-tuned ✓ right"):
        assert part in shown, part
    assert '<span class="graded" title="Base, few-shot: 99.6%">99.6%</span>' in shown


def test_what_was_saved_and_forgotten_is_said_where_it_was_measured() -> None:
    shown = rendering.evaluation(
        {
            "n": 300,
            "methods": {
                "reference": {"metrics": {"chrf": {"value": 0.8}}},
                "fine-tuned": {"metrics": {"chrf": {"value": 0.9}}},
            },
            "gate": [{"metric": "chrf", "bound": "at least 0.95", "value": 0.9, "met": False}],
            "savings": {"against": "<few-shot>", "prompt_tokens_saved": 153.0, "requests_to_pay_back": 881},
            "forgetting": {"base": 3.1, "fine-tuned": 3.9, "flagged": True},
            "notes": {"few-shot": "no <answer>"},
        }
    )
    for part in (
        "Not measured: few-shot. no &lt;answer&gt;.",
        "Against &lt;few-shot&gt;, a request takes 153.0 prompt tokens less.",
        "after 881 requests",
        "3.100 nats a token before and 3.900 after: it has become worse",
        "Reference",
        "✗ chrF at least 0.95: not met",
    ):
        assert part in shown, part
    assert rendering.report_summary({"methods": {}}) == "" and rendering.report_summary(None) == ""


def test_what_makes_the_numbers_doubtful_stands_above_the_verdict_on_the_page() -> None:
    report = {
        "n": 3,
        "methods": {"fine-tuned": {"metrics": {"m": {"value": 0.5}}}},
        "training": {"updates": 75, "loss": {"first": 3.5, "last": 10.8}},
        "warnings": [{"code": "loss-rose", "message": "the loss <rose> from 3.5 to 10.8"}],
        "verdict": {"decision": "fine-tuned", "reason": "Better."},
    }
    for shown in (rendering.report_summary(report), rendering.evaluation(report)):
        assert shown.index("The loss &lt;rose&gt; from 3.5 to 10.8.") < shown.index("Fine-tuning is worth it")
    assert "Training: 75 updates; loss first 3.5, last 10.8." in rendering.evaluation(report)


def test_of_a_run_that_measured_nothing_the_page_says_what_training_did(
    tmp_path: Path, write_run: Callable[..., Path]
) -> None:
    run = finished(tmp_path, write_run)
    (run / "report" / "report.json").unlink()
    losses = [{"stage": "train", "step": step, "loss": loss} for step, loss in ((1, 3.5), (2, 10.8))]
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in losses))
    (tmp_path / "compare.json").write_text(json.dumps(build_config(run)))
    (pair,) = settings.read_settings(tmp_path / "compare.json").pairs
    shown = rendering.evaluation(pair.report)
    assert "The loss rose from 3.5 to 10.8" in shown and "Nothing was measured" in shown
    assert "Training: 2 updates; loss first 3.5, last 10.8, lowest 3.5." in shown
    assert "The loss rose" in rendering.report_summary(pair.report)
