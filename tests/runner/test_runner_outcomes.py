"""A run says `succeeded` only when it trained, and says why when it did not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import record
from hf_recipes.record.state import State

Outcome = Callable[..., tuple[Path, Any]]
MakeStep = Callable[..., Any]
PRINTED = Path(__file__).parent / "printed"
TRAIN = "weights('tiny/adapter_model.safetensors')\n"


def test_a_run_that_trains_ends_with_its_publishable_files_in_model(
    outcome: Outcome, make_step: MakeStep
) -> None:
    wrote = TRAIN + """
for name in ('config.json', 'tokenizer.json', 'training_args.bin', 'optimizer.pt', 'rng_state.pth', 'notes.txt',
             'checkpoint-2/model.safetensors', 'runs/x/events', '1_Pooling/config.json', '1_Pooling/pytorch_model.bin', 'elsewhere/config.json'):
    os.makedirs(os.path.dirname('tiny/' + name), exist_ok=True)
    open('tiny/' + name, 'w').write('{}')
json.dump([{'path': ''}, {'path': '1_Pooling'}, {'path': '../../..'}], open('tiny/modules.json', 'w'))
json.dump({'lr': 1, 'token': 'a secret'}, open('tiny/training_params.json', 'w'))
os.symlink('/etc/passwd', 'tiny/README.md')
"""  # fmt: skip
    run, state = outcome(
        make_step("prepare", "open('prepared.json', 'w').write('{}')"),
        make_step("train", wrote, "autotrain"),
        make_step("verify", "print('looks good')", promote="work/tiny"),
        make_step("report", "assert os.path.exists(sys.argv[0]) or True"),
    )
    assert (state.state, state.stage, state.reason) == (State.SUCCEEDED, "evaluate", None)
    model = run / "model"
    assert sorted(str(path.relative_to(model)) for path in model.rglob("*") if path.is_file()) == [
        "1_Pooling/config.json", "adapter_model.safetensors", "config.json", "modules.json", "tokenizer.json", "training_params.json",
    ]  # fmt: skip
    assert json.loads((model / "training_params.json").read_text()) == {"lr": 1, "token": None}
    left = {path.name for path in (run / "work" / "tiny").iterdir()}
    assert not left & {"checkpoint-2", "runs", "optimizer.pt", "training_args.bin", "rng_state.pth"}
    until = time.monotonic() + 10  # the runner tidies up once it has said how the run ended
    while list(run.glob(".*")) and time.monotonic() < until:
        time.sleep(0.05)
    assert not list(run.glob(".*")) and not (run / "model.tmp").exists()
    document = record.record_as_json(run)
    assert document["model_dir"] == str(model) and document["state"] == "succeeded"


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        pytest.param("sys.stdout.write(open(PRINTED).read())\n" + TRAIN, "trainer_failed", "CUDA is required", id="crash, exit 0, weights"),
        pytest.param("print('Job ID: 17')", "no_weights", "without writing weights", id="no weights"),
        pytest.param("weights('tiny/checkpoint-1/model.safetensors')", "no_weights", "", id="only a checkpoint"),
        pytest.param("weights('tiny/model.safetensors', cut=3)", "weights_invalid", "model.safetensors is damaged", id="truncated"),
        pytest.param("os.mkdir('tiny'); open('tiny/model.safetensors', 'w')", "weights_invalid", "damaged", id="empty file"),
        pytest.param("os.mkdir('tiny'); open('tiny/pytorch_model.bin', 'w').write('x')", "weights_invalid", "pickle", id="pickle"),
        pytest.param("weights('tiny/model-00001-of-00002.safetensors')", "weights_invalid", "index", id="shard, no index"),
        pytest.param(
            "weights('tiny/model-00001-of-00002.safetensors')\njson.dump({'weight_map': {'w': 'model-00001-of-00002.safetensors',"
            " 'v': 'model-00002-of-00002.safetensors'}}, open('tiny/model.safetensors.index.json', 'w'))",
            "weights_invalid", "model-00002-of-00002.safetensors is missing", id="a shard is missing",
        ),
        pytest.param("raise MemoryError", "out_of_memory", "out of memory", id="MemoryError"),
        pytest.param("print('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB'); sys.exit(1)", "out_of_memory",
                     "CUDA out of memory", id="GPU memory"),
        pytest.param("os.kill(os.getpid(), 9)", "trainer_failed", "killed by the signal SIGKILL", id="killed"),
        pytest.param("import subprocess; subprocess.run([sys.executable, '-c', 'import os; os.kill(os.getpid(), 9)'], check=True)",
                     "trainer_failed", "killed by the signal SIGKILL", id="the launcher's child was killed"),
        pytest.param("os.kill(os.getpid(), 11)", "trainer_failed", "SIGSEGV", id="crashed in C"),
        pytest.param("open('/dev/full', 'w').write('x' * 9999)", "disk_full", "the disk is full", id="disk full for the child"),
        pytest.param("raise KeyError('text')", "trainer_failed", "KeyError: 'text'", id="an error"),
        pytest.param("sys.exit(7)", "trainer_failed", "exit code 7", id="silent"),
        pytest.param("json.dump({'reason': 'data_invalid', 'message': 'row 7001 is broken'}, open(os.environ['HF_RECIPES_FAILURE'], 'w'))\n"
                     "raise ValueError('vague')", "data_invalid", "row 7001 is broken", id="said by the step"),
    ],
)  # fmt: skip
def test_training_that_failed_is_failed_with_its_cause_in_one_line(
    outcome: Outcome, make_step: MakeStep, code: str, reason: str, words: str
) -> None:
    code = code.replace("PRINTED", repr(str(PRINTED / "crashed.txt")))
    run, state = outcome(make_step("train", code), make_step("verify", "", promote="work/tiny"))
    assert (state.state, state.reason, state.stage) == (State.FAILED, reason, "train")
    assert words in state.message and "\n" not in state.message
    assert state.message.endswith(f"log: {run / 'train.log'}")
    assert not (run / "model").exists()


@pytest.mark.parametrize(
    ("backend", "push", "pushed", "words"),
    [
        ("spaces-a10g-large", "", True, "; the model was pushed all the same"),
        ("jobs-t4-small", "sys.exit('the Hub is away')", True, "; the model is lost: push: "),
        ("local", "", False, "; log: "),
    ],
)
def test_a_model_that_could_not_be_measured_is_pushed_from_a_machine_that_forgets_it(
    outcome: Outcome, make_step: MakeStep, backend: str, push: str, pushed: bool, words: str
) -> None:
    """Hours of a rented GPU are in it."""
    tell = (
        "print('state', json.load(open('../state.json'))['stage'], os.path.exists('../model/config.json'))\n"
    )
    run, state = outcome(
        make_step("train", TRAIN + "open('tiny/config.json', 'w').write('{}')", "autotrain"),
        make_step("verify", "", promote="work/tiny"),
        make_step("answer", "raise RuntimeError('CUDA out of memory')"),
        make_step("report", "print('reported')"),
        make_step("push", tell + push),
        backend=backend,
        here=backend == "local",
    )
    assert (state.state, state.stage, state.reason) == (State.FAILED, "evaluate", "out_of_memory")
    assert state.message.startswith("answer: out of memory") and words in state.message
    log = (run / "train.log").read_text()
    assert ("state push True" in log) is pushed and "reported" not in log


def test_a_cause_that_holds_half_a_character_is_told_all_the_same(
    outcome: Outcome, make_step: MakeStep
) -> None:
    said = "{'reason': 'data_invalid', 'message': 'caf\\udce9.jsonl: row 3 is broken'}"
    _, state = outcome(
        make_step("prepare", f"json.dump({said}, open(os.environ['HF_RECIPES_FAILURE'], 'w')); sys.exit(1)")
    )
    assert (state.state, state.reason) == (State.FAILED, "data_invalid")
    assert state.message.startswith("caf\udce9.jsonl: row 3 is broken")


def test_weights_that_were_there_before_training_prove_nothing(outcome: Outcome, make_step: MakeStep) -> None:
    _, state = outcome(make_step("prepare", TRAIN), make_step("train", "print('done')", promote="work/tiny"))
    assert (state.reason, state.stage) == ("no_weights", "train")
    assert "was there before" in state.message


def test_weights_that_training_overwrote_are_its_own(outcome: Outcome, make_step: MakeStep) -> None:
    _, state = outcome(make_step("prepare", TRAIN), make_step("train", TRAIN, promote="work/tiny"))
    assert state.state is State.SUCCEEDED


def test_a_tabular_model_is_kept_and_its_pickle_named(outcome: Outcome, make_step: MakeStep) -> None:
    code = "os.mkdir('tiny'); open('tiny/model.joblib', 'w').write('x')"
    run, state = outcome(make_step("train", code, promote="work/tiny"), task="tabular_binary_classification")
    assert state.state is State.SUCCEEDED and "pickle" in state.message
    assert [path.name for path in (run / "model").iterdir()] == ["model.joblib"]
    _, state = outcome(make_step("train", code, promote="work/tiny"))
    assert state.reason == "no_weights", "a pickle is no model of another task"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("prepare", "step_failed"), ("verify", "weights_invalid"), ("answer", "evaluation_failed")],
)
def test_the_steps_around_training_have_reasons_of_their_own(
    outcome: Outcome, make_step: MakeStep, name: str, reason: str
) -> None:
    run, state = outcome(
        make_step(name, "raise RuntimeError('x')", promote="work/tiny"),
        make_step("report", "open('late', 'w')"),
    )
    assert (state.state, state.reason) == (State.FAILED, reason)
    assert not (run / "work" / "late").exists(), "no step follows a failed one"


def test_a_missing_interpreter_is_named(outcome: Outcome, make_step: MakeStep) -> None:
    _, state = outcome(make_step("prepare", "", requirements="inference"))
    assert (state.reason, "inference" in state.message) == ("environment_failed", True)


def test_a_disk_full_for_the_log_does_not_silence_the_verdict(
    make_run: Any, make_step: MakeStep, start: Any
) -> None:
    run = make_run(make_step("train", "print('x' * 100_000); sys.exit(1)"))
    (run / "train.log").symlink_to("/dev/full")
    (run / "events.jsonl").symlink_to("/dev/full")
    start(run)
    while not (state := record.read_state(run)).state.finished:
        time.sleep(0.05)
    assert (state.state, state.reason) == (State.FAILED, "disk_full")


FILLS_THE_DISK = """
import sys
from pathlib import Path
from hf_recipes import record
from hf_recipes.backends import local
run = Path(sys.argv[1])
local.start(run, pythons={}, attached=False, package=run)
*_, (state, _) = record.watch(run)
print(state.state.value, state.reason)
"""


def test_a_disk_that_the_run_fills_to_the_last_byte(
    make_job: Any, make_step: MakeStep, tmp_path: Path
) -> None:
    """On a small file system of its own; who may not mount one gets a limit on the size of files instead."""
    fill = """
with open('filler', 'wb', buffering=0) as file:
    while file.write(b'x' * 512):
        pass
"""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], capture_output=True
    ).returncode
    try:
        run = record.create(make_job(make_step("train", fill)), "", disk)
        limit = (
            ""
            if mounted
            else "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        )
        looked = subprocess.run(
            [sys.executable, "-c", limit + FILLS_THE_DISK, str(run)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert looked.stdout == "failed disk_full\n", looked.stderr
        assert json.loads((run / "state.json").read_text())["reason"] == "disk_full"
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_runner_that_cannot_work_fails_the_run_at_once(
    make_run: Any, make_step: MakeStep, start: Any
) -> None:
    run = make_run(make_step("train", ""))
    (run / "job.json").write_text("{")
    start(run)
    state = record.read_state(run)
    assert (
        state.state is State.FAILED
        and "the runner did not start" in state.message
        and "runner.log" in state.message
    )


def test_children_see_what_they_are_promised(
    outcome: Outcome, make_step: MakeStep, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("MY_TOKEN", "value-of-my-token")
    look = "json.dump({**os.environ, 'cwd': os.getcwd()}, open(sys.argv[0] + 'NAME.json', 'w')); assert os.environ['HF_TOKEN']"
    steps = [
        make_step(
            "prepare",
            look.replace("sys.argv[0] + 'NAME", "'ours").replace("assert", "#"),
            env={"WHERE": "{run}/work/data"},
        ),
        make_step("train", look.replace("sys.argv[0] + 'NAME", "'theirs"), "autotrain"),
    ]
    run, _ = outcome(*steps, secrets=("MY_TOKEN",))
    ours, theirs = (json.loads((run / "work" / f"{name}.json").read_text()) for name in ("ours", "theirs"))
    assert ours["WHERE"] == f"{run}/work/data" and ours["cwd"] == str(run / "work")
    assert ours["PYTHONPATH"] == str(tmp_path) and "PYTHONPATH" not in theirs
    assert theirs["HF_TOKEN"] == "value-of-my-token" and theirs["PYTHONUNBUFFERED"] == "1"
    assert ours["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_key_of_another_server_is_never_taken_for_the_token_of_the_hub(
    outcome: Outcome, make_step: MakeStep, monkeypatch: Any
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("MY_KEY", "key-of-an-endpoint")
    look = "json.dump(dict(os.environ), open('seen.json', 'w'))"
    run, _ = outcome(make_step("prepare", look), secrets=("MY_TOKEN", "HF_TOKEN", "MY_KEY"))
    seen = json.loads((run / "work" / "seen.json").read_text())
    assert seen["MY_KEY"] == "key-of-an-endpoint" and "HF_TOKEN" not in seen
