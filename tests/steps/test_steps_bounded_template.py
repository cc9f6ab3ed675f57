"""A chat template that does not end, or takes all memory, is one sentence from whoever renders with it."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hf_recipes.api.check_data import Quality
from hf_recipes.cli.check import quality_lines
from hf_recipes.data.findings import DataError
from hf_recipes.inference import bounded_template
from hf_recipes.inference.loading import load_tokenizer
from hf_recipes.inference.sides import encode
from hf_recipes.steps.prepare.check_rows import inspect_rows
from hf_recipes.steps.prepare.inspect import inspect

MESSAGES = [{"role": "user", "content": "my card is lost"}, {"role": "assistant", "content": "order a card"}]
NINES = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}"
BOMBS = {
    "takes more memory": "{{ 'x' * 2000000000 }}",
    "takes more memory for": "{% for m in messages %}{{ m['content'] * 1000000000 }}{% endfor %}",
    "makes 20,000,000 letters": "{{ 'x' * 20000000 }}",
    "has not ended": NINES,
}


@pytest.fixture
def explosive(tiny_llama, tmp_path):
    def make(template: str) -> Path:
        folder = tmp_path / "base"
        shutil.copytree(tiny_llama, folder, dirs_exist_ok=True)
        (folder / "chat_template.jinja").write_text(template)
        config = json.loads((folder / "tokenizer_config.json").read_text())
        config.pop("chat_template", None)
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        return folder

    return make


def request(base: Path, data: Path) -> dict:
    return {
        "task": "lm_training",
        "base_model": str(base),
        "data": {"path": str(data), "local": True, "train_split": "train"},
        "params": {"trainer": "sft", "chat_template": "tokenizer"},
        "evaluate": None,
        "trust_remote_code": False,
        "project_name": "tiny",
        "seed": 1,
    }


@pytest.mark.parametrize("says", BOMBS)
def test_a_template_without_bounds_is_one_problem_of_check_and_of_plan(
    says, explosive, tmp_path, monkeypatch
):
    monkeypatch.setattr(bounded_template, "SECONDS", 1.0)
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.jsonl").write_text("".join(json.dumps({"text": MESSAGES}) + "\n" for _ in range(3)))
    asked = request(explosive(BOMBS[says]), data)
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    answer = inspect_rows(asked)
    found = answer["found"]["problems"]
    assert answer["splits"]["train"]["rows"] == 3  # read all the same
    assert list(quality_lines(Quality(data, "lm_training", "base", answer, None, [], [], {})))
    planned = inspect(asked)["problems"]
    assert time.monotonic() - started < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_600_000  # KiB
    for problems in (found, planned):
        assert [problem["code"] for problem in problems] == ["chat-template"]
        assert says in problems[0]["message"] and "\n" not in problems[0]["message"]
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_who_answers_and_who_prepares_is_told_too(explosive, tmp_path, make_run, step, monkeypatch):
    base = explosive(BOMBS["takes more memory"])
    with pytest.raises(DataError, match="takes more memory"):
        encode(load_tokenizer(str(base), False), MESSAGES[:1])
    run = make_run(
        **{**request(base, tmp_path), "data": {"path": str(tmp_path), "local": True, "train_split": "train"}}
    )
    (tmp_path / "train.jsonl").write_text(json.dumps({"text": MESSAGES}) + "\n")
    done, failure = step("prepare", run)
    assert done.returncode == 1 and failure["reason"] == "data_invalid"
    assert "takes more memory" in failure["message"]


def test_one_operation_that_no_signal_interrupts_ends_with_the_process():
    """10 ** (10 ** 9) is one call that holds the interpreter for hours."""
    code = (
        "from types import SimpleNamespace; from hf_recipes.inference import bounded_template as b\n"
        "b.CPU_SECONDS = 1; hours = lambda *a, **b: 10 ** (10 ** 9) % 7\n"
        "b.bounded(SimpleNamespace(apply_chat_template=hours)).apply_chat_template([])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGXCPU, done.stderr


def test_a_usual_template_renders_as_before_and_costs_microseconds(tiny_llama):
    from transformers import AutoTokenizer

    plain, ours = AutoTokenizer.from_pretrained(tiny_llama), load_tokenizer(str(tiny_llama), False)
    for options in ({"tokenize": False}, {"add_generation_prompt": True}, {"return_dict": True}):
        assert ours.apply_chat_template(MESSAGES, **options) == plain.apply_chat_template(MESSAGES, **options)
    assert (
        ours.apply_chat_template([MESSAGES, MESSAGES], tokenize=False)
        == [plain.apply_chat_template(MESSAGES, tokenize=False)] * 2
    )
    long = [{"role": "user", "content": "word " * 400_000}]
    assert ours.apply_chat_template(long, tokenize=False) == plain.apply_chat_template(long, tokenize=False)
    started = time.process_time()
    for _ in range(1000):
        with bounded_template._limits():
            pass
    assert time.process_time() - started < 0.3
