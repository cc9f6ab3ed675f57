"""What the children print becomes a log and events; secrets become neither."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import record
from hf_recipes.runner.redaction import Redactor

Outcome = Callable[..., tuple[Path, Any]]
MakeStep = Callable[..., Any]
TRAINED = Path(__file__).parent / "printed" / "trained.txt"
LOOKS_LIKE_A_TOKEN = "hf_" + "Ab3" * 11


def test_autotrains_own_output_becomes_events(outcome: Outcome, make_step: MakeStep) -> None:
    run, _ = outcome(make_step("train", f"sys.stdout.write(open({str(TRAINED)!r}, newline='').read())"))
    events = record.events(run)
    losses = {event["step"]: event["loss"] for event in events if "loss" in event}
    # Logged each 5 of 120 steps; the losses stand beside the steps that the trainer counted them for.
    assert list(losses) == list(range(5, 121, 5))
    assert (losses[80], losses[85]) == (5.5405, 5.5237)
    assert next(event for event in events if event.get("step") == 85 and "loss" in event)[
        "lr"
    ] == pytest.approx(3.2407e-4, rel=1e-3)
    norms = [event["grad_norm"] for event in events if "loss" in event]
    assert len(norms) == 24 and norms[0] == pytest.approx(0.52434, abs=1e-4)
    assert all(event["total"] == 120 and event["stage"] == "train" for event in events)
    assert all(event["step"] <= after["step"] for event, after in itertools.pairwise(events))
    assert [event["step"] for event in events if "train_loss" in event] == [120], (
        "printed twice, counted once"
    )
    assert record.run_metrics(run)["train_loss"] == pytest.approx(5.6442, abs=1e-4)
    assert {"step", "loss", "lr", "epoch", "total"} <= set(record.run_metrics(run))
    log = (run / "train.log").read_text()
    assert "Finished training, saving model" in log and "Generating train split: 200 examples" in log
    assert log.count("it/s]") < 5, "progress bars are condensed"


def test_ten_thousand_progress_lines_leave_few_in_the_log(outcome: Outcome, make_step: MakeStep) -> None:
    code = "for i in range(10_000): sys.stdout.write(f'\\r {i // 100}%|###| {i}/10000 [00:01<00:02, 50.0it/s]')\nprint('\\nthe end')"
    run, _ = outcome(make_step("train", code))
    assert len((run / "train.log").read_text().splitlines()) < 12
    assert "the end" in (run / "train.log").read_text()
    assert record.events(run)[-1]["step"] == 9999


def test_progress_is_seen_before_its_line_ends(make_run: Any, make_step: MakeStep, start: Any) -> None:
    run = make_run(
        make_step(
            "train",
            "sys.stdout.write('\\r 50%|##| 3/6 [00:09<00:12, 3.0s/it]'); sys.stdout.flush(); time.sleep(60)",
        )
    )
    start(run)
    looks = record.watch(run)
    event = next(events[0] for _, events in looks if events)
    assert (event["step"], event["total"], event["eta"]) == (3, 6, 12)


def test_a_loss_that_is_no_number_is_a_word(outcome: Outcome, make_step: MakeStep) -> None:
    lines = (
        "{'loss': nan, 'learning_rate': 2e-05, 'epoch': 0.5}",
        "{'loss': '1.5', 'learning_rate': '1e-05', 'epoch': '1'}",
    )
    run, _ = outcome(
        make_step(
            "train", f"print({lines[0]!r}); print({lines[1]!r}); print({{'eval_loss': 0.25, 'epoch': 1.0}})"
        )
    )
    assert [event.get("loss", event.get("eval_loss")) for event in record.events(run)] == ["nan", 0.25, 1.5]
    assert all(
        json.loads(line, parse_constant=pytest.fail)
        for line in (run / "events.jsonl").read_text().splitlines()
    )


def test_our_own_steps_speak_in_progress_lines(outcome: Outcome, make_step: MakeStep) -> None:
    code = """
print('::progress {"step": 3, "total": 10, "unit": "rows", "what": "few-shot", "other": [1]}')
print('::progress nonsense')
"""
    run, _ = outcome(make_step("answer", code))
    (event,) = record.events(run)
    event.pop("time")
    assert event == {"stage": "evaluate", "step": 3, "total": 10, "unit": "rows", "what": "few-shot"}
    log = (run / "train.log").read_text()
    assert '"few-shot"' not in log.partition("\n")[2].replace(code, "") and "::progress nonsense" in log


def test_nothing_that_is_printed_ends_a_run(outcome: Outcome, make_step: MakeStep) -> None:
    code = """
for left, total in (('::', 6), (':', 6), ('1::2', 6), ('9' * 5000, 6), ('00:12', '6' * 5000), ('00:12', 6)):
    print(f' 50%|##| 3/{total} [00:09<{left}, 3.0s/it]')
print('::progress ' + '[' * 60_000)
print("{'loss': " + '9' * 5000 + ", 'epoch': inf}")
"""
    run, state = outcome(make_step("train", code + "weights('tiny/model.safetensors')", promote="work/tiny"))
    assert state.state.value == "succeeded", state.message
    assert next(event.get("eta") for event in record.events(run)) == 12


def test_a_number_that_json_lacks_is_a_word(outcome: Outcome, make_step: MakeStep) -> None:
    code = "print('::progress ' + json.dumps({'step': 1, 'loss': float('nan'), 'eta': float('inf')}))"
    run, _ = outcome(make_step("answer", code))
    (line,) = (run / "events.jsonl").read_text().splitlines()
    event = json.loads(line, parse_constant=pytest.fail)
    assert (event["step"], event["loss"], event["eta"]) == (1, "nan", "inf")


def test_no_secret_reaches_a_file_of_the_run(
    make_run: Any, make_step: MakeStep, start: Any, monkeypatch: Any
) -> None:
    secret, lines = "pass word/with+signs", "first-line-of-key\nsecond-line-of-key"
    monkeypatch.setenv("MY_SECRET", secret)
    monkeypatch.setenv("MY_KEY", lines)
    monkeypatch.setenv("HF_TOKEN", "not-the-usual-form")
    code = """
import urllib.parse
secret, key = os.environ['MY_SECRET'], os.environ['MY_KEY']
token = os.environ['LIKE_A_TOKEN']
print(secret, key, token, os.environ['HF_TOKEN'], urllib.parse.quote(secret, safe=''), json.dumps({'key': key}))
for half in ('split: ' + secret[:7], secret[7:] + ' ' + token[:9], token[9:]):
    sys.stdout.write(half); sys.stdout.flush(); time.sleep(0.2)
print()
print('\\x1b[31m' + secret[:5] + '\\x1b[0m' + secret[5:], end='\\r')
for _ in range(30):  # one line without an end, a secret at every place in it
    sys.stdout.write('y' * 4093 + token + 'x ' + secret)
print()
print('::progress ' + json.dumps({'step': 1, 'what': secret}))
json.dump({'reason': 'step_failed', 'message': 'no access with ' + token + secret}, open(os.environ['HF_RECIPES_FAILURE'], 'w'))
os.makedirs('tiny'); open('tiny/README.md', 'w').write(secret)
sys.exit(1)
"""
    monkeypatch.setenv("LIKE_A_TOKEN", LOOKS_LIKE_A_TOKEN)
    run = make_run(make_step("prepare", code), secrets=("MY_SECRET", "MY_KEY"))
    start(run)
    shown = "".join(record.follow_log(run))
    assert record.read_state(run).reason == "step_failed" and shown.count("[secret]") > 60
    for path in (
        run / name for name in ("train.log", "events.jsonl", "state.json", "job.json", "runner.log")
    ):
        text = path.read_text()
        for part in (
            "pass wo",
            "with+signs",
            "with%2Bsigns",
            "first-line-of-key",
            "second-line-of-key",
            "not-the-usual",
            "Ab3Ab3",
        ):
            assert part not in text, f"{part} in {path.name}"


def test_what_is_no_text_does_not_stop_a_run(outcome: Outcome, make_step: MakeStep) -> None:
    run, state = outcome(
        make_step(
            "prepare",
            r"sys.stdout.buffer.write(bytes(range(256)) * 9 + b'\nafter\r\nend'); print('\x1b]0;t\x07ok')",
        )
    )
    assert state.state.value == "succeeded"
    log = (run / "train.log").read_text()
    assert "after\nend" in log and "\x1b" not in log and "\x07" not in log


def test_the_token_of_a_login_in_the_browser_is_taken_out_whole() -> None:
    """`hf auth login` stores a JSON web token: its first part is the same for all, the secret stands behind."""
    token = "hf_oauth_" + "eyJhbGciOiJFZERTQSJ9." + "eyJ-" + "a1B2_c3D4" * 4 + "." + "Zz-_9" * 8
    assert Redactor((), {})(f"Bearer {token} was sent") == "Bearer [secret] was sent"


@pytest.mark.parametrize("prefix", ["hf_", "hf_oauth_", "api_org_"])
def test_whatever_looks_like_a_token_is_taken_out_of_text(prefix: str) -> None:
    token = prefix + "a1B2c3D4e5" * 3
    assert Redactor((), {})(f"url?token={token}&x") == "url?token=[secret]&x"
    signed = f"https://host/f?X-Amz-Signature={'0a' * 32}&Expires=1 and ?Signature={'b~' * 20}&Key-Pair-Id=K"
    shown = "https://host/f?X-Amz-Signature=[secret]&Expires=1 and ?Signature=[secret]&Key-Pair-Id=K"
    assert Redactor((), {})(signed) == shown
