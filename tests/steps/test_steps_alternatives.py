"""The answer step with every alternative: retrieval, a reference, a server, vLLM, and the likelihoods measured here."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.evaluation.answers import read_answers
from hf_recipes.evaluation.forgetting import forgetting
from hf_recipes.inference.answer_cache import AnswerCache
from hf_recipes.inference.likelihood import reference_nll, text_nll
from hf_recipes.inference.pair import load_pair
from hf_recipes.steps.answer.forgetting import general_texts

SPEC = importlib.util.spec_from_file_location("endpoints", Path(__file__).with_name("endpoints.py"))
assert SPEC and SPEC.loader
endpoints = importlib.util.module_from_spec(SPEC)
sys.modules["endpoints"] = endpoints
SPEC.loader.exec_module(endpoints)

KEY = "sk-" + "z9" * 12


def chat(user: str, assistant: str | None = None) -> list[dict[str, str]]:
    turns = [{"role": "user", "content": user}]
    return [*turns, {"role": "assistant", "content": assistant}] if assistant else turns


@pytest.fixture(scope="session")
def tuned(tiny_llama, tmp_path_factory) -> Path:
    """A LoRA adapter of the tiny model that says something else than its base."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("tuned")
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_llama), config)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_llama).save_pretrained(folder)
    return folder


@pytest.fixture
def measured(make_run, tiny_llama, tuned, tmp_path, monkeypatch):
    """Makes a run that has been trained and is to be measured: four test rows, three training examples."""
    monkeypatch.setenv("HF_RECIPES_HOME", str(tmp_path / "home"))

    def make(**evaluate: Any) -> Path:
        run = make_run(
            task="lm_training",
            base_model=str(tiny_llama),
            data={"path": "x", "local": True, "train_split": "train"},
            params={},
            evaluate={"max_new_tokens": 4, "batch_size": 3, "forgetting": False, **evaluate},
        )
        (run / "model").symlink_to(tuned)
        rows = [{"row": n, "messages": chat(f"lost card {n}"), "reference": "order a card"} for n in range(4)]
        (run / "work" / "test.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        (run / "work" / "prepared.json").write_text(json.dumps({"base_model": str(tiny_llama)}))
        train = [
            chat("my card is lost", "order a card"),
            chat("rate of euros", "rate"),
            chat("cash", "top up"),
        ]
        (run / "work" / "data").mkdir()
        lines = "".join(json.dumps({"text": one}) + "\n" for one in train)
        (run / "work" / "data" / "train.jsonl").write_text(lines)
        return run

    return make


@pytest.fixture
def server():
    started = endpoints.Server(endpoints.Behaviour(("big", "tuned"), key=KEY))
    threading.Thread(target=started.serve_forever, daemon=True).start()
    yield started
    started.shutdown()
    started.server_close()


def answers(run: Path, method: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "answers" / f"{method}.jsonl").read_text().splitlines()]


def succeeded(step, run: Path) -> None:
    done, failure = step("answer", run)
    assert (done.returncode, failure) == (0, {}), done.stderr


def test_retrieval_records_what_it_asked_and_where_that_came_from(measured, step):
    run = measured(baselines=["zero-shot", "retrieval"], passages=2)
    succeeded(step, run)
    retrieved, plain = answers(run, "retrieval"), answers(run, "zero-shot")
    assert [one["sources"] for one in retrieved] == [
        ["train#1"]
    ] * 4  # the others share no word with the question
    assert retrieved[2]["prompt"] == [*chat("my card is lost", "order a card"), *chat("lost card 2")]
    assert all(
        one["prompt_tokens"] > other["prompt_tokens"] for one, other in zip(retrieved, plain, strict=True)
    )
    assert "prompt" not in plain[0] and "sources" not in plain[0]
    succeeded(step, run)
    assert answers(run, "retrieval") == [one | {"cached": True} for one in retrieved]


def test_a_reference_answers_the_same_rows_and_its_key_is_in_no_file(measured, step, server, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    run = measured(
        baselines=["zero-shot"], reference={"base_url": server.url, "model": "big", "api_key": "MY_KEY"}
    )
    succeeded(step, run)
    found = answers(run, "reference")
    assert [one["answer"] for one in found] == [f"big: lost card {n}" for n in range(4)]
    assert {one["weights"] for one in found} == {"reference:big"}
    assert not (run / "answers" / "notes.json").exists()
    assert list(read_answers(run / "answers")) == ["zero-shot", "reference", "fine-tuned"]
    for path in run.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path


def test_a_reference_that_refuses_costs_nothing_of_what_was_measured(measured, step, server):
    run = measured(baselines=["zero-shot"], reference={"base_url": server.url, "model": "big"})
    succeeded(step, run)
    assert len(answers(run, "fine-tuned")) == len(answers(run, "zero-shot")) == 4
    assert sorted(path.name for path in (run / "answers").glob("reference*")) == []
    said = json.loads((run / "answers" / "notes.json").read_text())["reference"]
    assert said.startswith("evaluate.reference: ") and "refuses the key (401)" in said
    (run / "answers" / "forgetting.json").write_text("{}")  # of an evaluation that measured it
    job = json.loads((run / "job.json").read_text())
    job["evaluate"].pop("reference")
    (run / "job.json").write_text(json.dumps(job))
    succeeded(step, run)
    assert not (run / "answers" / "notes.json").exists()
    assert not (run / "answers" / "forgetting.json").exists()


def test_a_server_answers_for_both_models(measured, step, server, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    run = measured(
        baselines=["zero-shot", "retrieval"],
        forgetting=True,
        server={"base_url": server.url, "base": "big", "fine_tuned": "tuned", "api_key": "MY_KEY"},
    )
    (run / "model").unlink()  # nothing is loaded here
    succeeded(step, run)
    assert [one["answer"] for one in answers(run, "fine-tuned")] == [
        f"tuned: lost card {n}" for n in range(4)
    ]
    assert {one["weights"] for one in answers(run, "fine-tuned")} == {"fine-tuned:served/tuned"}
    assert {one["weights"] for one in answers(run, "retrieval")} == {"base:served/big"}
    assert answers(run, "retrieval")[0]["sources"] == ["train#1"]
    assert not (run / "answers" / "forgetting.json").exists()


def test_a_server_of_the_base_alone_leaves_the_fine_tuned_model_to_us(measured, step, server, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    served = {"base_url": server.url, "base": "big", "api_key": "MY_KEY"}
    run = measured(baselines=["zero-shot"], server=served)
    succeeded(step, run)
    assert {one["weights"] for one in answers(run, "zero-shot")} == {"base:served/big"}
    [stamp] = {one["weights"] for one in answers(run, "fine-tuned")}
    assert stamp.startswith("fine-tuned:") and "served" not in stamp


def test_a_server_that_refuses_fails_the_step_in_one_sentence(measured, step, server):
    run = measured(baselines=["zero-shot"], server={"base_url": server.url, "base": "big"})
    done, failure = step("answer", run)
    assert done.returncode == 1 and failure["reason"] == "evaluation_failed"
    assert failure["message"].startswith("evaluate.server: http") and "(401)" in failure["message"]


@pytest.fixture
def vllm(tmp_path, monkeypatch) -> Path:
    """An interpreter that has "vllm": a stand-in of its command line, a real process. Returns where it notes its starts."""
    entry = tmp_path / "site" / "vllm" / "entrypoints" / "cli"
    entry.mkdir(parents=True)
    for folder in (entry, *list(entry.parents)[:2]):
        (folder / "__init__.py").touch()
    (entry / "main.py").write_text(Path(__file__).with_name("endpoints.py").read_text())
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}/site" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("HF_RECIPES_VLLM_PYTHON", str(python))
    monkeypatch.setenv("STAND_IN_SEEN", str(tmp_path / "seen.jsonl"))
    monkeypatch.setenv("VLLM_API_KEY", KEY)  # a person's, for a server of theirs
    return tmp_path / "seen.jsonl"


def test_vllm_serves_base_and_adapter_from_one_process_that_ends(measured, step, vllm, tuned):
    run = measured(baselines=["zero-shot"], runtime="vllm", metrics=[{"name": "likelihood"}], forgetting=True)
    succeeded(step, run)
    [started] = map(json.loads, vllm.read_text().splitlines())
    base, adapter = started["served_model_name"], started["lora_modules"][0].partition("=")[0]
    assert started["enable_lora"] and started["max_lora_rank"] == 8 and started["generation_config"] == "vllm"
    assert {one["weights"] for one in answers(run, "zero-shot")} == {f"base:served/{base}"}
    assert {one["weights"] for one in answers(run, "fine-tuned")} == {f"fine-tuned:served/{adapter}"}
    # The prompt went as its tokens, the last of which is the newline after the assistant's header.
    newline = load_pair(started["model"], tuned).tokenizer("\n")["input_ids"][-1]
    assert answers(run, "fine-tuned")[0]["answer"] == f"{adapter}: {newline}"
    with pytest.raises(ProcessLookupError):
        os.kill(started["pid"], 0)
    assert all(one["reference_nll"] > 0 for one in answers(run, "fine-tuned"))
    recorded = read_answers(run / "answers")  # what the report is built from
    assert list(recorded) == ["zero-shot", "fine-tuned"]
    assert forgetting(run / "answers") is not None


def test_a_whole_fine_tuned_model_gets_a_server_of_its_own(measured, step, vllm, tiny_llama):
    run = measured(baselines=["zero-shot"], runtime="vllm")
    (run / "model").unlink()
    (run / "model").symlink_to(tiny_llama)
    succeeded(step, run)
    started = [json.loads(line) for line in vllm.read_text().splitlines()]
    assert [one["model"] for one in started] == [str(tiny_llama), str(run / "model")]
    assert not any(one["enable_lora"] for one in started)


def test_vllm_serves_the_base_alone_where_nothing_is_trained(measured, step, vllm):
    """As `decide` asks it."""
    run = measured(
        baselines=["zero-shot", "retrieval"],
        runtime="vllm",
        metrics=[{"name": "likelihood"}],
        forgetting=True,
    )
    job = json.loads((run / "job.json").read_text())
    job["steps"] = [
        {"name": "prepare", "stage": "prepare", "requirements": "core", "argv": []},
        {"name": "answer", "stage": "answer", "requirements": "core", "argv": []},
        {"name": "report", "stage": "report", "requirements": "core", "argv": []},
    ]
    (run / "job.json").write_text(json.dumps(job))
    (run / "model").unlink()
    succeeded(step, run)
    [started] = map(json.loads, vllm.read_text().splitlines())
    assert not started["enable_lora"] and list(read_answers(run / "answers")) == ["zero-shot", "retrieval"]
    assert all(one["reference_nll"] > 0 for one in answers(run, "retrieval"))
    assert not (run / "answers" / "forgetting.json").exists()


def test_vllm_has_room_for_the_prompts_and_not_for_all_that_the_model_could_read(
    measured, step, vllm, monkeypatch
):
    """Else it does not start where the GPU cannot hold one text of 131,072 tokens."""
    run = measured(baselines=["zero-shot", "few-shot"], shots_by="similarity", runtime="vllm")
    succeeded(step, run)
    assert [json.loads(line)["max_model_len"] for line in vllm.read_text().splitlines()] == [2048]
    vllm.unlink()
    monkeypatch.setattr("hf_recipes.steps.answer.vllm.ROOM", 16)
    succeeded(step, run)
    short, longer = (json.loads(line)["max_model_len"] for line in vllm.read_text().splitlines())
    assert short < longer < 2048


def test_vllm_that_cannot_start_or_is_not_there_is_one_sentence(measured, step, vllm, monkeypatch):
    run = measured(baselines=["zero-shot"], runtime="vllm")
    monkeypatch.setenv("STAND_IN_FAILS", "ValueError: No available memory for the cache blocks.")
    _, failure = step("answer", run)
    assert failure["message"].startswith(
        "evaluate.runtime: vllm serve ended with 1 before it answered: ValueError"
    )
    monkeypatch.setenv(
        "STAND_IN_FAILS",
        "(EngineCore pid=7) ValueError: To serve at least one request 16 GiB are needed\n"
        "(APIServer pid=6) RuntimeError: Engine core initialization failed. See root cause above.",
    )
    _, failure = step("answer", run)
    assert "16 GiB are needed" in failure["message"] and "See root cause" not in failure["message"]
    monkeypatch.setenv("HF_RECIPES_VLLM_PYTHON", sys.executable)
    _, failure = step("answer", run)
    assert "vLLM is not installed in" in failure["message"] and "\n" not in failure["message"]


def test_likelihood_is_that_of_a_plain_forward_pass(tiny_llama, tuned):
    """Against one row at a time, without padding, by the definition: log p of each token after all before it."""
    import torch

    pair = load_pair(str(tiny_llama), tuned)
    questions = [chat("short"), chat("a much longer question than the other"), chat("middle one")]
    references = ["yes", "a long answer, of several words", ""]
    found = {
        which: reference_nll(pair, questions, references, model=which) for which in ("base", "fine-tuned")
    }
    assert found["base"] != found["fine-tuned"]
    for which, rows in found.items():
        side = pair.side(which)
        for question, reference, (nats, tokens) in zip(questions, references, rows, strict=True):
            prompt = pair.tokenizer.apply_chat_template(question, add_generation_prompt=True)["input_ids"]
            turn = pair.tokenizer(reference + "<|im_end|>", add_special_tokens=False)["input_ids"]
            assert tokens == len(turn)
            with side.alone(), torch.inference_mode():
                logits = side.model(torch.tensor([[*prompt, *turn]])).logits[0].log_softmax(-1)
            due = -sum(float(logits[len(prompt) - 1 + place, token]) for place, token in enumerate(turn))
            assert nats == pytest.approx(due, rel=1e-4)


def test_a_likelihood_that_was_measured_before_costs_no_forward_pass(tiny_llama, tuned, tmp_path):
    pair = load_pair(str(tiny_llama), tuned)
    pair.cache = AnswerCache(tmp_path)
    passes = []
    pair.side("base").model.register_forward_pre_hook(lambda *_: passes.append(1))
    asked = [chat("lost card"), chat("rate of euros")]
    first = [
        reference_nll(pair, asked, ["order a card", "rate"], model=one) for one in ("base", "fine-tuned")
    ]
    assert passes and first[0] != first[1]
    passes.clear()
    again = [
        reference_nll(pair, asked, ["order a card", "rate"], model=one) for one in ("base", "fine-tuned")
    ]
    assert again == first and not passes
    assert reference_nll(pair, asked[:1], ["another"], model="base") != first[0][:1] and passes


def test_each_method_is_measured_with_its_own_prompt_and_what_is_measured_stays(measured, step):
    run = measured(baselines=["zero-shot", "retrieval"], metrics=[{"name": "likelihood"}])
    succeeded(step, run)
    plain, retrieved = answers(run, "zero-shot"), answers(run, "retrieval")
    assert {one["reference_tokens"] for one in plain} == {len("order a card") + 1}
    assert all(math.isfinite(one["reference_nll"]) for one in plain + answers(run, "fine-tuned"))
    assert plain[0]["reference_nll"] != retrieved[0]["reference_nll"]


def test_forgetting_compares_both_models_on_the_same_general_text(measured, step, tiny_llama, tuned):
    run = measured(baselines=["zero-shot"], forgetting=True)
    succeeded(step, run)
    found = json.loads((run / "answers" / "forgetting.json").read_text())
    assert (
        found["texts"] == len(general_texts()) == len(found["base"]["nll"]) == len(found["fine-tuned"]["nll"])
    )
    assert found["tokens"] == sum(
        len(text.encode()) - 1 for text in general_texts()
    )  # bytes, the first not counted
    assert found["base"]["weights"].startswith("base:") and found["fine-tuned"]["weights"].startswith(
        "fine-tuned:"
    )
    assert found["base"]["nll"] != found["fine-tuned"]["nll"]
    pair = load_pair(str(tiny_llama), tuned)
    alone = text_nll(pair, general_texts()[:1], model="base")
    assert alone[0][0] == pytest.approx(found["base"]["nll"][0], rel=1e-4)


def test_the_general_text_is_twenty_passages_of_a_few_sentences():
    texts = general_texts()
    assert len(texts) == 20 and len(set(texts)) == 20
    assert all(30 <= len(text.split()) <= 90 or text.startswith("def ") for text in texts)
