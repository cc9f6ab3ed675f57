"""The answer step: every method answers every held-out row, with the few-shot prompt that it should have."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hf_recipes.steps.answer.shots import few_shot, fitting


def chat(user: str, assistant: str | None = None, system: str | None = None) -> list[dict[str, str]]:
    turns = [{"role": "system", "content": system}] if system else []
    turns.append({"role": "user", "content": user})
    return [*turns, {"role": "assistant", "content": assistant}] if assistant else turns


@pytest.fixture
def answering(make_run, tiny_llama, tmp_path, monkeypatch) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    monkeypatch.setenv("HF_RECIPES_HOME", str(tmp_path / "home"))
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
        asked = [row["row"] for row in rows]
        assert asked == sorted(set(asked)) and len(asked) == 7  # the limit, in the order of the test rows
        assert asked == [row["row"] for row in found["zero-shot"]]
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


def test_the_questions_are_recorded_once_and_a_prompt_where_it_is_another(answering, step):
    step("answer", answering)
    folder = answering / "answers"
    questions = lines(folder / "questions.jsonl")
    assert [set(one) for one in questions] == [{"row", "messages", "reference"}] * 7
    zero, few = lines(folder / "zero-shot.jsonl"), lines(folder / "few-shot.jsonl")
    assert [one["row"] for one in questions] == [one["row"] for one in zero]
    assert not any("prompt" in one for one in zero)
    for question, one in zip(questions, few, strict=True):
        assert one["prompt"] == [*chat("shot 0", "answer"), *chat("shot 1", "answer"), *question["messages"]]


def test_asked_again_everything_comes_out_of_the_cache_and_is_the_same(answering, step):
    step("answer", answering)
    folder = answering / "answers"
    first = {path.stem: lines(path) for path in folder.glob("*.jsonl")}
    done, _ = step("answer", answering)
    assert done.returncode == 0
    for method in ("zero-shot", "few-shot", "fine-tuned"):
        again = lines(folder / f"{method}.jsonl")
        assert all(one.pop("cached") for one in again)
        assert again == first[method]  # the seconds too: they are those of when it was made
        assert json.loads((folder / f"{method}.json").read_text())["cached"] == 7


def test_another_adapter_gets_nothing_out_of_the_cache_but_the_base_s_answers(answering, step):
    step("answer", answering)
    folder = answering / "answers"
    before = [one["answer"] for one in lines(folder / "fine-tuned.jsonl")]
    change_adapter(answering / "model")
    step("answer", answering)
    assert all(one["cached"] for one in lines(folder / "zero-shot.jsonl"))
    after = lines(folder / "fine-tuned.jsonl")
    assert not any("cached" in one for one in after)
    assert [one["answer"] for one in after] != before


def test_a_step_that_is_killed_goes_on_where_it_stopped(answering, child_step, monkeypatch):
    """kill -9 in the middle: the second try takes what the first has made, and what comes out is what one try gives."""
    rows = [
        {"row": number, "messages": chat(f"line {number} " * 3), "reference": "y"} for number in range(400)
    ]
    (answering / "work" / "test.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    job = json.loads((answering / "job.json").read_text())
    job["evaluate"].update(baselines=["zero-shot"], limit=None, batch_size=8, max_new_tokens=24)
    (answering / "job.json").write_text(json.dumps(job))
    child = subprocess.Popen(
        [sys.executable, "-m", "hf_recipes.steps.answer.answer", str(answering)],
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in child.stdout:
        if line.startswith("::progress") and json.loads(line.split(" ", 1)[1])["step"] >= 40:
            break
    child.kill()
    child.wait()
    assert not (answering / "answers" / "zero-shot.jsonl").exists()
    done, _ = child_step("answer", answering)
    assert done.returncode == 0, done.stderr
    resumed = lines(answering / "answers" / "zero-shot.jsonl")
    assert 32 <= sum(one.get("cached", False) for one in resumed) < 400
    monkeypatch.setenv("HF_RECIPES_ANSWER_CACHE", "0")
    child_step("answer", answering)
    whole = lines(answering / "answers" / "zero-shot.jsonl")
    assert not any("cached" in one for one in whole)
    assert [one["answer"] for one in resumed] == [one["answer"] for one in whole]


def test_a_method_that_is_asked_no_more_leaves_no_answers(answering, step):
    step("answer", answering)
    job = json.loads((answering / "job.json").read_text())
    job["evaluate"]["baselines"] = ["zero-shot"]
    (answering / "job.json").write_text(json.dumps(job))
    step("answer", answering)
    assert {path.name for path in (answering / "answers").glob("*.jsonl")} == {
        *("questions.jsonl", "zero-shot.jsonl", "fine-tuned.jsonl")
    }


def test_progress_says_how_fast_it_goes_and_how_long_it_will_take(answering, step):
    done, _ = step("answer", answering)
    told = [
        json.loads(line.split(" ", 1)[1])
        for line in done.stdout.splitlines()
        if line.startswith("::progress")
    ]
    last = [one for one in told if one["what"] == "few-shot"][-1]
    assert (last["step"], last["total"], last["eta"]) == (7, 7, 0)
    assert last["rate"] > 0


def test_no_speed_is_told_before_there_are_rows_enough_to_tell_it_from(capsys, monkeypatch):
    """A batch is quiet while its prompts are read: after its first row, hours would seem to be left."""
    from hf_recipes.engines import step

    clock = iter([0, 0, 0, 30, 30, 32, 32])
    monkeypatch.setattr(step.time, "monotonic", lambda: next(clock))
    pace = step.Pace(step.Progress(), "retrieval", 320)
    for done in (0, 1, 64):
        pace(done)
    told = [json.loads(line.split(" ", 1)[1]) for line in capsys.readouterr().out.splitlines()]
    assert [one["step"] for one in told] == [0, 1, 64]
    assert [one.get("eta") for one in told] == [None, None, 128]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def change_adapter(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    save_file({name: -part if "lora_B" in name else part for name, part in load_file(path).items()}, path)


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
