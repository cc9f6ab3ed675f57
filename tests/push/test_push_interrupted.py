"""Ctrl-C in each phase of a push: nothing is half pushed, and the same command again finishes it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_recipes import record
from hub.handle import Hub

HF_RECIPES = str(Path(sys.executable).with_name("hf-recipes"))


@pytest.mark.parametrize(
    ("method", "slow"),
    [
        ("GET", r"/api/whoami-v2"),
        ("POST", r"/api/repos/create"),
        ("PUT", r".*"),
        ("POST", r"/api/models/ada/tiny/commit"),
    ],
    ids=["asking", "creating", "uploading", "committing"],
)
def test_ctrl_c_while_a_model_is_pushed_leaves_nothing_half_done(
    finished: Callable[..., Path], logged_in: Hub, method: str, slow: str
) -> None:
    run = finished()
    fault = logged_in.fail(method, slow, delay=3.0)
    command = [HF_RECIPES, "push", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while fault.times and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert err.strip().splitlines()[-1] == "interrupted" and "Traceback" not in err
    assert record.read_state(run).state.value == "succeeded" and not (run / "push.json").exists()
    while any(one.status is None for one in logged_in.requests) and time.monotonic() < deadline:
        time.sleep(0.05)  # what was on its way arrives
    repo = logged_in.state.repos.get(("model", "ada/tiny"))
    # Whole, or not there at all: never weights without their card.
    held = set(repo.files) - {".gitattributes"} if repo else set()
    assert not held or {"README.md", "adapter_model.safetensors", "hf_recipes.json"} <= held
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert len([one for one in logged_in.repo("model", "ada/tiny").history() if one.parent]) == 1
