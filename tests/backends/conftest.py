"""Runs for a Space of the stand-in Hub, recorded and begun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends.space_runs import PUSH, TRAIN, silent
from hf_recipes import record
from hf_recipes.backends.huggingface import submit
from hf_recipes.recipe.model import Data


@pytest.fixture
def new_run(logged_in: Any, make_run: Any, make_step: Any) -> Callable[..., Path]:
    """new_run(train=…, push=…) records a run for a Space whose steps are a few lines of Python."""

    def go(train: str = TRAIN, push: str = PUSH, backend: str = "spaces-t4-small", **more: Any) -> Path:
        logged_in.put("dataset", "ada/sums", {"train.jsonl": b'{"text": "1 + 1 = 2"}\n'})
        data = Data(path="ada/sums", local=False, train_split="train")
        steps = [make_step("train", train, promote="work/tiny"), make_step("push", push)]
        run: Path = make_run(*steps, backend=backend, data=data, secrets=("HF_TOKEN",), **more)
        return run

    return go


@pytest.fixture
def started(new_run: Any, logged_in: Any) -> Callable[..., tuple[Path, Any]]:
    """started(…) → the run and its Space, which hangs in building unless `builds`."""

    def go(*, builds: bool = False, **more: Any) -> tuple[Path, Any]:
        logged_in.builds_hang = not builds
        run = new_run(**more)
        submit.begin(run, say=silent)
        state = record.read_state(run)
        assert not state.state.finished, state.message
        return run, logged_in.space(str(state.handle["space"]))

    return go
