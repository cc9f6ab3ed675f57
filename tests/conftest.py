"""Runs for the tests of every room: jobs whose steps are a few lines of Python, run by the real runner."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

# tests/hub is imported as `hub`. hf_xet keeps what it knows of past uploads in one folder for all tests, so it is
# switched off in this process, before huggingface_hub is imported anywhere (hub.handle.environment can switch it on).
sys.path.insert(0, str(Path(__file__).resolve().parent))
os.environ["HF_HUB_DISABLE_XET"] = "1"
pytest_plugins = ["browser.chromium", "hub.fixture"]

# A shell starts what it puts in the background with Ctrl-C ignored, and so would all that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a hole: it counts as failed."""
    report = yield
    if report.skipped and os.environ.get("HF_RECIPES_NO_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and HF_RECIPES_NO_SKIPS allows none: {call.excinfo}"
    return report


WEIGHTS = """
import json, os, struct, sys, time
def weights(path, values=4, cut=0, name='w'):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    header = json.dumps({name: {'dtype': 'F32', 'shape': [values], 'data_offsets': [0, 4 * values]}}).encode()
    data = struct.pack('<Q', len(header)) + header + b'\\1' * (4 * values)
    open(path, 'wb').write(data[:len(data) - cut])
"""


@pytest.fixture
def make_step() -> Callable[..., Any]:
    """step(name, code, …) → a Step that runs `code` with a function weights(path) at hand."""
    from hf_recipes.record.job import Step

    stages = {"prepare": "prepare", "train": "train", "verify": "train", "push": "push"}

    def step(name: str, code: str, requirements: str = "core", **more: Any) -> Step:
        return Step(
            name, stages.get(name, "evaluate"), requirements, ("{python}", "-c", WEIGHTS + code), **more
        )

    return step


@pytest.fixture
def make_job() -> Callable[..., Any]:
    from hf_recipes.recipe.model import Compare, Data
    from hf_recipes.record.job import Job

    def job(*steps: Any, **changes: Any) -> Job:
        facts: dict[str, Any] = {
            "engine": "autotrain", "engine_title": "AutoTrain", "engine_version": "0.8.36", "backend": "local", "task": "lm_training", "project_name": "tiny", "base_model": "bundled/none",
            "data": Data(path="data", local=True, train_split="train"), "evaluate": None, "compare": Compare(),
            "trust_remote_code": False, "params": {}, "overrides": {}, "steps": steps,
        }  # fmt: skip
        return Job(**{**facts, **changes})

    return job


@pytest.fixture
def make_run(make_job: Callable[..., Any], tmp_path: Path) -> Callable[..., Path]:
    from hf_recipes import record

    def run(*steps: Any, **changes: Any) -> Path:
        return record.create(make_job(*steps, **changes), "task: llm-sft\n", tmp_path / "runs")

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., dict[str, object]]]:
    """start(run) begins a run; what still goes on when the test ends is cancelled."""
    from hf_recipes.backends import local

    begun: list[Path] = []

    def go(run: Path, *, attached: bool = False) -> dict[str, object]:
        begun.append(run)
        return local.start(
            run, pythons={"autotrain": Path(sys.executable)}, attached=attached, package=tmp_path
        )

    yield go
    for run in begun:
        local.cancel(run)


@pytest.fixture
def outcome(make_run: Callable[..., Path], start: Callable[..., object]) -> Callable[..., tuple[Path, Any]]:
    """outcome(*steps) → the folder of a run of these steps and the state that it ended in."""
    from hf_recipes import record

    def go(*steps: Any, **changes: Any) -> tuple[Path, Any]:
        run = make_run(*steps, **changes)
        start(run)
        for _ in record.follow_log(run):
            pass
        return run, record.read_state(run)

    return go
