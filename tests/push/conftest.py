"""`finished`: runs that have ended well, with a small adapter, its tokenizer and a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import record
from hf_recipes.recipe.model import Compare, Data, Message, UseCase
from push.pushable import BASE_FOLDER, BUNDLED, measured, safetensors, set_state, write


@pytest.fixture
def finished(make_job: Callable[..., Any], tmp_path: Path) -> Callable[..., Path]:
    """finished(**changes of the job) → the folder of a succeeded run with an adapter and a report."""

    def make(
        recipe: str = "task: llm-sft\nbase_model: bundled/smollm2-135m-instruct\n", **changes: Any
    ) -> Path:
        facts: dict[str, Any] = {
            "base_model": BUNDLED,
            "project_name": "tiny",
            "data": Data(
                path=str(tmp_path / "own" / "data"),
                local=True,
                train_split="train",
                test_split="test",
                messages=(
                    Message("system", "Line to JSON."),
                    Message("user", "{line}"),
                    Message("assistant", "{json}"),
                ),
            ),
            "compare": Compare(examples=('two "cups" of\nflour',)),
            "use_case": UseCase("Read recipes.", "Nine in ten."),
            "params": {"trainer": "sft", "lr": 0.0015, "peft": True, "lora_r": 16, "token": None, "chat_template": "tokenizer"},
            "secrets": ("MY_SECRET", "HF_TOKEN"),
        }  # fmt: skip
        run = record.create(make_job(**{**facts, **changes}), recipe, tmp_path / "runs")
        model = run / "model"
        model.mkdir()
        (model / "adapter_model.safetensors").write_bytes(safetensors())
        write(model / "adapter_config.json", {"base_model_name_or_path": BASE_FOLDER, "r": 16})
        write(
            model / "tokenizer_config.json", {"chat_template": "{{ messages }}", "name_or_path": BASE_FOLDER}
        )
        write(model / "tokenizer.json", {"model": {"vocab": {"/tmp/": 1, "a": 2}}})
        write(model / "training_params.json", {"data_path": str(tmp_path), "token": None})
        (model / "README.md").write_text("AutoTrain's own card")
        write(run / "work" / "prepared.json", {"base_model": BASE_FOLDER, "rows": {"train": 80, "test": 20}})
        (run / "report").mkdir()
        write(run / "report" / "report.json", measured(model))
        event = {"stage": "train", "step": 8, "total": 8, "train_runtime": 12.5}
        (run / "events.jsonl").write_text(json.dumps(event) + "\n")
        set_state(run, state="succeeded", stage="evaluate")
        return run

    return make
