"""The answer step: every method answers every held-out row, with the few-shot prompt that it should have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_recipes.inference.shots import few_shot, fitting


def chat(user: str, assistant: str | None = None, system: str | None = None) -> list[dict[str, str]]:
    turns = [{"role": "system", "content": system}] if system else []
    turns.append({"role": "user", "content": user})
    return [*turns, {"role": "assistant", "content": assistant}] if assistant else turns


@pytest.fixture
def answering(make_run, tiny_llama) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    run = make_run(
        task="lm_training",
        base_model=str(tiny_llama),
        data={"path": "x", "local": True, "train_split": "train"},
        params={},
        evaluate={
            "baselines": ["zero-shot", "few-shot"],
            "shots": 2,
            "max_new_tokens": 4,
            "batch_size": 3,
            "limit": 7,
        },
    )
    tuned = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_llama),
        LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    torch.manual_seed(1)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    tuned.save_pretrained(run / "model")
    AutoTokenizer.from_pretrained(tiny_llama).save_pretrained(run / "model")
    rows = [{"row": 10 + row, "messages": chat("x" * (9 - row)), "reference": "y"} for row in range(9)]
    shots = [{"messages": chat(f"shot {number}", "answer")} for number in range(2)]
    for name, content in (("test", rows), ("shots", shots)):
        (run / "work" / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in content))
    (run / "work" / "prepared.json").write_text(json.dumps({"base_model": str(tiny_llama)}))
    return run


def test_every_method_answers_the_same_rows(answering, step):
    done, failure = step("answer", answering)
    assert (done.returncode, failure) == (0, {}), done.stderr
    folder = answering / "answers"
    found = {
        method: [json.loads(line) for line in (folder / f"{method}.jsonl").read_text().splitlines()]
        for method in ("zero-shot", "few-shot", "fine-tuned")
    }
    for method, rows in found.items():
        assert [row["row"] for row in rows] == list(range(10, 17))  # the limit, in the order of the test rows
        assert {row["method"] for row in rows} == {method}
        assert all(0 < row["completion_tokens"] <= 4 and row["seconds"] > 0 for row in rows)
        summary = json.loads((folder / f"{method}.json").read_text())
        assert summary["rows"] == 7
        assert summary["seconds"] == pytest.approx(sum(row["seconds"] for row in rows), abs=0.001)
    prompt = [row["prompt_tokens"] for row in found["zero-shot"]]
    assert prompt == [row["prompt_tokens"] for row in found["fine-tuned"]]
    shot = len("user\nshot 0\n") + 2 + len("assistant\nanswer\n") + 2
    assert [row["prompt_tokens"] for row in found["few-shot"]] == [count + 2 * shot for count in prompt]
    kinds = {method: {row["weights"].split(":")[0] for row in rows} for method, rows in found.items()}
    assert kinds == {"zero-shot": {"base"}, "few-shot": {"base"}, "fine-tuned": {"fine-tuned"}}
    assert [row["answer"] for row in found["zero-shot"]] != [row["answer"] for row in found["fine-tuned"]]
    assert not list(folder.glob("*.part"))
    assert '"total": 7, "unit": "rows", "what": "few-shot"' in done.stdout


def test_a_run_that_cannot_be_answered_says_why(answering, step):
    (answering / "work" / "test.jsonl").unlink()
    done, failure = step("answer", answering)
    assert done.returncode == 1
    assert failure == {
        "reason": "evaluation_failed",
        "message": "there are no test rows with messages to answer",
    }


def test_shots_share_their_system_message():
    shots = [chat("a", "1", "Count."), chat("b", "2", "Count.")]
    assert few_shot(shots, chat("c", None, "Count.")) == [
        {"role": "system", "content": "Count."},
        *chat("a", "1"),
        *chat("b", "2"),
        *chat("c"),
    ]


def test_shots_with_system_messages_of_their_own_keep_them():
    asked = few_shot([chat("a", "1", "Schema A")], chat("c", None, "Schema C"))
    assert [turn["role"] for turn in asked] == ["user", "assistant", "user"]
    assert asked[0]["content"] == "Schema A\n\na"
    assert asked[2]["content"] == "Schema C\n\nc"


def test_shots_that_do_not_fit_are_left_out():
    shots = [chat("a" * 10, "1"), chat("b" * 10, "2")]

    def count(messages) -> int:
        return sum(len(turn["content"]) for turn in messages)

    assert len(fitting(shots, chat("c"), count, 100)) == 5
    assert len(fitting(shots, chat("c"), count, 15)) == 3
    assert fitting(shots, chat("c"), count, 0) == chat("c")
    assert len(fitting(shots, chat("c"), count, None)) == 5
