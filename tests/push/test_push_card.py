"""The card of a pushed model: what it claims, what it leaves out, and code that is Python."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from evaluation.reported import full
from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.engines.autotrain import table
from hf_recipes.hub.publish.bundle import pack
from hf_recipes.hub.publish.card import make_card
from hf_recipes.hub.publish.facts import CardLicense, Facts, read_facts
from hf_recipes.hub.publish.snippet import snippet
from hf_recipes.inference.fingerprint import fingerprint, weight_files
from hf_recipes.recipe.model import Data, UseCase
from push.pushable import measured, safetensors, write

REPO = "ada/tiny"


@pytest.fixture
def facts(finished: Callable[..., Path]) -> Facts:
    return read_facts(finished())


def test_the_front_matter_says_what_the_model_is(facts: Facts) -> None:
    licensed = dataclasses.replace(facts, license=CardLicense("apache-2.0"))
    data = ModelCard(make_card(licensed, REPO)).data.to_dict()
    assert data["base_model"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert (data["base_model_relation"], data["library_name"]) == ("adapter", "peft")
    assert (data["license"], data["pipeline_tag"]) == ("apache-2.0", "text-generation")
    assert {"hf-recipes", "autotrain", "peft", "lora", "text-generation"} <= set(data["tags"])
    assert "datasets" not in data


def test_the_models_own_result_comes_first_and_baselines_say_that_they_are(facts: Facts) -> None:
    (index,) = ModelCard(make_card(facts, REPO)).data.to_dict()["model-index"]
    assert index["name"] == "tiny"
    (group,) = index["results"]
    values = [(metric["value"], metric["name"]) for metric in group["metrics"]]
    assert values[0] == (0.9, "exact_match")
    assert [value for value, _ in values[1:]] == [0.0, 0.15]
    assert all("baseline, not this model" in name for _, name in values[1:])
    assert group["dataset"]["split"] == "test"


def test_the_text_shows_purpose_numbers_with_intervals_verdict_and_limits(facts: Facts) -> None:
    text = make_card(facts, REPO)
    for said in (
        "Read recipes.",
        "Nine in ten.",
        "90.0% (69.9% to 97.2%)",
        "0.0% (0.0% to 16.1%)",
        "Verdict: fine-tuned",
        "at least 0.8",
        "AutoTrain 0.8.36",
        "Training took 12 s",
        "80 train, 20 test",
        "| lora_r | 16 |",
        "rounded to 4 bits",
        "20 rows",
    ):
        assert said in text, said
    assert "not met" not in text


def test_every_metric_and_method_is_in_the_index_and_what_was_saved_and_forgotten_in_the_text(
    facts: Facts,
) -> None:
    report = full()
    for one in report["methods"].values():
        one["metrics"]["json_f1"] = {"value": 0.5, "low": 0.4, "high": 0.6}
    measured_more = dataclasses.replace(facts, report=report)
    text = make_card(measured_more, REPO, has_page=True)
    (index,) = ModelCard(text).data.to_dict()["model-index"]
    metrics = [metric for result in index["results"] for metric in result["metrics"]]
    assert len(metrics) == 10
    assert [(one["type"], one["name"]) for one in metrics if "not this model" not in one["name"]] == [
        ("exact_match", "exact_match"),
        ("json_f1", "json_f1"),
    ]
    assert any("reference large-model (for comparison, not this model)" in one["name"] for one in metrics)
    for said in (
        "base model, retrieval",
        "Against retrieval, a request takes 262.0 prompt tokens less, 0.200 answer tokens more and 0.244 seconds less.",
        "Training took 215 s and has paid for itself, in time, after 881 requests.",
        "3.112 nats a token before and 3.151 after",
        "`report/report.html` shows them with plots",
    ):
        assert said in text, said
    assert "paid for itself" not in make_card(facts, REPO) and "report.html" not in make_card(facts, REPO)


def test_a_run_without_a_report_says_not_measured(finished: Callable[..., Path]) -> None:
    run = finished()
    (run / "report" / "report.json").unlink()
    text = make_card(read_facts(run), REPO)
    assert "Not measured." in text and "model-index" not in text and "%" not in text
    assert "report.json" not in text


def test_a_gate_that_was_not_met_stands_at_the_top(finished: Callable[..., Path]) -> None:
    run = finished()
    gate = [{"metric": "exact_match", "bound": "at least 0.95", "value": 0.9, "met": False}]
    write(run / "report" / "report.json", measured(run / "model", gate=gate))
    text = make_card(read_facts(run), REPO)
    head = text.partition("## ")[0]
    assert "gate was not met" in head and "at least 0.95" in head and "90.0%" in head


def test_a_dataset_of_the_hub_is_named_and_a_private_copy_of_local_data_is_not(
    finished: Callable[..., Path],
) -> None:
    def dataset(path: str) -> object:
        run = finished(data=Data(path=path, local=False, train_split="train", test_split=0.1))
        data = ModelCard(make_card(read_facts(run), REPO)).data.to_dict()
        (result,) = data["model-index"][0]["results"]
        assert "split" not in result["dataset"]
        return data.get("datasets")

    assert dataset("someone/recipes") == ["someone/recipes"]
    assert dataset("ada/hf-recipes-data-0123456789ab") is None


def test_a_full_model_is_a_finetune_that_transformers_loads(finished: Callable[..., Path]) -> None:
    run = finished(base_model="someone/base")
    (run / "model" / "adapter_config.json").unlink()
    (run / "model" / "adapter_model.safetensors").rename(run / "model" / "model.safetensors")
    card = make_card(read_facts(run), REPO)
    data = ModelCard(card).data.to_dict()
    assert (data["base_model"], data["base_model_relation"]) == ("someone/base", "finetune")
    assert data["library_name"] == "transformers" and "peft" not in data["tags"]
    assert "AutoModelForCausalLM" in card and "import peft" not in card and "4 bits" not in card


def test_a_base_that_is_a_folder_is_named_without_its_place(
    finished: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "bases" / "my-base"
    run = finished(base_model=str(folder))
    write(run / "work" / "prepared.json", {"base_model": str(folder)})
    text = make_card(read_facts(run), REPO)
    assert "`my-base`" in text and str(tmp_path) not in text
    assert "base_model" not in ModelCard(text).data.to_dict()
    # What transformers wrote into a folder says where its model had come from once, and nothing of its weights.
    write(folder / "config.json", {"_name_or_path": "someone/base"})
    (folder / "model.safetensors").write_bytes(safetensors(8))
    text = make_card(read_facts(run), REPO)
    assert "base_model" not in ModelCard(text).data.to_dict() and "someone/base" not in text
    weights = fingerprint(weight_files(folder))
    assert f"the local folder `my-base` (fingerprint of its weights: `{weights}`)" in text
    # As the run found them when it began, whatever lies there now.
    write(run / "work" / "prepared.json", {"base_model": str(folder), "base_fingerprint": "0a" * 6})
    assert f"weights: `{'0a' * 6}`" in make_card(read_facts(run), REPO)


def test_text_that_people_wrote_breaks_neither_card_nor_code(finished: Callable[..., Path]) -> None:
    goal = "---\nlicense: mit\n---\n# Not ours"
    card = make_card(read_facts(finished(use_case=UseCase(goal, ""), settings=("params.lr=1e-3",))), REPO)
    assert "license" not in ModelCard(card).data.to_dict()
    assert "`--set params.lr=1e-3`" in card
    code = card.partition("```python\n")[2].partition("```")[0]
    assert 'two \\"cups\\" of\\nflour' in code
    ast.parse(code)


ADAPTED = ("lm_training", "seq2seq", "vlm")


@pytest.mark.parametrize("adapter", [False, True])
@pytest.mark.parametrize("task", [task for task in table.tasks() if task != "tabular"])
def test_every_task_has_code_of_its_own(facts: Facts, task: str, adapter: bool) -> None:
    if adapter and task not in ADAPTED:
        adapter = False
    named = dataclasses.replace(facts, task=task, adapter=adapter)
    code = snippet(named, REPO)
    ast.parse(code)
    assert REPO in code and ("peft" in code) is adapter
    card = make_card(named, REPO)
    assert code in card


def test_code_follows_how_the_model_was_trained(facts: Facts) -> None:
    def code(**changes: Any) -> str:
        return snippet(dataclasses.replace(facts, **changes), REPO)

    assert '{"role": "system", "content": "Line to JSON."}' in code() and "apply_chat_template" in code()
    plain = code(messages=(), params={"chat_template": None})
    assert "apply_chat_template" not in plain and "generate" in plain
    assert "SequenceClassification" in code(trainer="reward")
    reward = make_card(dataclasses.replace(facts, trainer="reward"), REPO)
    assert ModelCard(reward).data.to_dict()["pipeline_tag"] == "text-classification"
    assert "trust_remote_code=True" in code(trust_remote_code=True) and "trust" not in code()
    several = code(messages=({"role": "user", "content": "{a} and {b}"},), examples=())
    assert "<your text>" in several and "<a>" in several and "{a}" not in several


def test_code_asks_as_the_model_was_trained(facts: Facts) -> None:
    def code(**changes: Any) -> str:
        made = snippet(dataclasses.replace(facts, **changes), REPO)
        ast.parse(made)
        return made

    switched = code(frame=AnswerFrame({"enable_thinking": False}))
    assert "add_generation_prompt=True, enable_thinking=False, return_dict=True" in switched
    framed = code(frame=AnswerFrame(dropped="<think>\n", added="</think>\n\n"))
    assert 'tokenize=False).removesuffix("<think>\\n") + "</think>\\n\\n"' in framed
    assert "tokenizer(prompt, add_special_tokens=False" in framed
    turns = (
        {"role": "system", "content": "Tables: {schema}"},
        {"role": "user", "content": "{question}"},
        {"role": "assistant", "content": "{sql}"},
    )
    private = code(messages=turns)
    assert "{schema}" not in private and "<schema>" in private
    row = ({"role": "system", "content": "Tables: t(x)"}, {"role": "user", "content": "How many?"})
    public = code(messages=turns, question=row, public_data=True)
    assert "Tables: t(x)" in public and "How many?" in public
    assert "Tables: t(x)" not in code(
        messages=turns, question=row
    )  # rows are shown where anybody may read them
    folded = code(messages=({"role": "system", "content": "Answer."}, *turns[1:]), folds=True)
    assert '"role": "system"' not in folded and "Answer.\\n\\n" in folded


def test_the_same_run_makes_the_same_bytes(finished: Callable[..., Path]) -> None:
    run = finished()
    first, second = (pack(run, read_facts(run), REPO, ()) for _ in range(2))
    assert first.texts == second.texts
    mark = json.loads(first.texts["hf_recipes.json"])
    assert (mark["schema"], mark["run"], mark["project_name"]) == (1, run.name, "tiny")
    assert len(mark["recipe_sha256"]) == 64 and len(mark["weights"]) == 12
    (run / "model" / "adapter_model.safetensors").write_bytes(safetensors(8))
    (run / "report" / "report.json").unlink()
    assert pack(run, read_facts(run), REPO, ()).mark["weights"] != mark["weights"]


def test_what_training_did_and_what_makes_it_doubtful_stand_in_the_card(
    finished: Callable[..., Path],
) -> None:
    run = finished()
    losses = [{"stage": "train", "step": step, "loss": loss} for step, loss in ((1, 3.5), (2, 10.8))]
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in losses))
    trained = "Training: 2 updates; loss first 3.5, last 10.8, lowest 3.5\\."
    (run / "report" / "report.json").rename(run / "report.json")
    text = make_card(read_facts(run), REPO)
    assert "Warning:** The loss rose from 3.5 to 10.8" in text.partition("## ")[0]
    assert trained.replace("\\", "") in text, "also where nothing was measured"
    mark = json.loads(pack(run, read_facts(run), REPO, ()).texts["hf_recipes.json"])
    assert mark["training"]["updates"] == 2 and [one["code"] for one in mark["warnings"]] == ["loss-rose"]
    warned = [{"code": "answers-empty", "message": "all 20 answers of the fine-tuned model are empty"}]
    training = {"updates": 2, "loss": {"first": 3.5, "last": 10.8, "lowest": 3.5}}
    write(run / "report" / "report.json", measured(run / "model", warnings=warned, training=training))
    text = make_card(read_facts(run), REPO)
    said = "**Warning:** All 20 answers of the fine-tuned model are empty."
    assert f"> {said}" in text.partition("## ")[0], "at the top"
    assert text.rindex(said) < text.index("**Verdict"), "and above the verdict"
    assert text.count(trained.replace("\\", "")) == 1


def test_rows_that_were_left_out_are_counted_and_named(facts: Facts) -> None:
    skipped = {"rows": {"train": 7}, "first": ["train.jsonl:8: the assistant's turn is empty (message 2)"]}
    measured_run = dataclasses.replace(facts, report={**dict(facts.report or {}), "skipped": skipped})
    for one in (measured_run, dataclasses.replace(facts, report=None, skipped=skipped)):
        text = make_card(one, REPO)
        assert text.count("Broken rows that were left out (data.skip") == 1
        assert "7 of train: train.jsonl:8: the assistant's turn is empty (message 2); 6 more." in text
    assert "left out (data.skip" not in make_card(facts, REPO)
