"""The comparison page of a run: what it shows, and serving it in the inference environment."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hf_recipes import environments, record
from hf_recipes.data.answer_room import answer_room
from hf_recipes.data.prompt_form import prompt_form
from hf_recipes.engines.result import TrainedEndpoint, TrainedWeights, result_of
from hf_recipes.evaluation import run_warnings
from hf_recipes.record.job import Job, load_job
from hf_recipes.record.prepared import known_of_preparation
from hf_recipes.record.state import State
from hf_recipes.record.trained import TRAINED_NOTHING, trains_nothing
from hf_recipes.resources import shipped
from hf_recipes.runner.environment import child_environment

CONFIG = "compare.json"
LOG = "compare.log"
GENERATIVE = ("sft", "default", "dpo", "orpo")
SECONDS_TO_END = 5


class CompareFailed(Exception):
    """There is no page for this run, or it did not start; the message is one sentence."""


def is_comparable(run: Path) -> bool:
    """Whether there is a page for the run's model."""
    try:
        return bool(build_config(run))
    except CompareFailed:
        return False


def build_config(run: Path) -> dict[str, Any]:
    """What the page shows for a run: one pair of models. Raises CompareFailed where the run has none."""
    job = _job(run)
    if job.task != "lm_training" or (job.settled.get("trainer") or "default") not in GENERATIVE:
        raise CompareFailed(
            f"{run.name} trained a {job.task} model; the page compares models that write text"
        )
    result = result_of(run)
    if trains_nothing(run):
        raise CompareFailed(f"{run.name} {TRAINED_NOTHING}")
    endpoint = result.server if isinstance(result, TrainedEndpoint) else None
    model = result.folder if isinstance(result, TrainedWeights) else None
    if endpoint is None and (model is None or not any(model.glob("*.safetensors"))):
        state = record.read_state(run)
        if state.state is State.SUCCEEDED and state.handle.get("model"):
            # Trained elsewhere: the page brings it from the Hub, as it does in a Space.
            return {"title": _title(run, job), "models": [str(state.handle["model"])]}
        raise CompareFailed(
            f"{run.name} has no model: it did not come that far (see: hf-recipes status {run.name})"
        )
    form = prompt_form([asdict(turn) for turn in job.data.messages], folds=job.data.system == "fold")
    prepared = known_of_preparation(run)
    report, rows = run / "report" / "report.json", run / "report" / "rows.jsonl"
    name = job.project_name or run.name
    return {
        "title": _title(run, job),
        "pairs": [
            {
                "name": name,
                "base": _base(run, job),
                "base_name": job.base_model.rstrip("/").rsplit("/", 1)[-1],
                "model_dir": str(model.absolute()) if model else "",
                "server": asdict(endpoint) if endpoint else None,
                "system": form.system,
                "system_columns": list(form.system_columns),
                "user_template": form.user,
                "folds": form.folds,
                "reasoning": prepared.get("reasoning"),
                "examples": list(job.compare.examples),
                "report": str(report.absolute()) if report.is_file() else None,
                "rows": str(rows.absolute()) if rows.is_file() else None,
                **({} if report.is_file() else {"told": run_warnings.training_and_warnings(run)}),
                "max_new_tokens": answer_room(asdict(job.evaluate) if job.evaluate else {}, prepared),
                "trust_remote_code": job.trust_remote_code,
            }
        ],
    }


def serve_run_page(
    run: Path,
    *,
    port: int | None,
    say: Callable[[str], None],
    ready: Callable[[str], None],
) -> None:
    """Show the page of a run until it is interrupted (KeyboardInterrupt is its proper end). `ready` is given the URL.

    `port` None: 7860 or the next free one. The page ends with this process, however that ends. Raises CompareFailed,
    environments.EnvironmentFailed.
    """
    config = run / CONFIG
    shown = build_config(run)
    config.write_text(json.dumps(shown, ensure_ascii=False, indent=2) + "\n", "utf-8")
    python = environments.ensure("inference", say=say)
    with (run / LOG).open("w", encoding="utf-8") as log:
        page = subprocess.Popen(
            [str(python), str(shipped("space") / "app.py")],
            stdin=subprocess.PIPE,  # never written to: the page ends when it closes, and a dead process closes it
            stdout=subprocess.PIPE,
            stderr=log,
            env={**_environment(config, port), **(_login(run) if "models" in shown else {})},
            text=True,
            start_new_session=True,  # Ctrl-C is for us alone, so that the page does not print what it thinks of it
        )
    try:
        url = _wait(page, run / LOG)
        ready(url)
        assert page.stdout is not None
        for _ in page.stdout:  # the page says no more; a library that prints must not fill the pipe
            pass
        code = page.wait()
        raise CompareFailed(f"the page ended by itself (exit code {code}); see {run / LOG}")
    except KeyboardInterrupt:
        pass
    finally:
        _end(page)


def _wait(page: subprocess.Popen[str], log: Path) -> str:
    """The URL, once the page says it. Raises CompareFailed where it ends instead."""
    assert page.stdout is not None
    for line in page.stdout:
        what, _, facts = line.partition(" ")
        if what == "::ready":
            return str(json.loads(facts)["url"])
        if what == "::failed":
            raise CompareFailed(str(json.loads(facts)["message"]))
    lines = [line for line in log.read_text("utf-8", errors="replace").splitlines() if line.strip()]
    raise CompareFailed(f"the page did not start: {lines[-1] if lines else 'it said nothing'} (see {log})")


def _end(page: subprocess.Popen[str]) -> None:
    for stream in (page.stdin, page.stdout):
        if stream is not None:
            stream.close()
    page.terminate()
    try:
        page.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        page.kill()
        page.wait()


def _environment(config: Path, port: int | None) -> dict[str, str]:
    environment = {
        **child_environment(os.environ),
        "PYTHONPATH": str(environments.package_path()),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_RECIPES_COMPARE": str(config.absolute()),
        "HF_RECIPES_COMPARE_ATTACHED": "1",
    }
    if port is not None:
        environment["HF_RECIPES_COMPARE_PORT"] = str(port)
    return environment


def _login(run: Path) -> dict[str, str]:
    """The viewer's token, with which the page can read a private model on the Hub. Raises CompareFailed."""
    from hf_recipes.hub.errors import HubFailed
    from hf_recipes.hub.publish.push import client_of

    try:
        token = client_of(run).token
    except HubFailed as error:
        raise CompareFailed(str(error)) from error
    return {"HF_TOKEN": token} if isinstance(token, str) else {}


def _job(run: Path) -> Job:
    try:
        return load_job(run)
    except (OSError, ValueError):
        raise CompareFailed(f"{run.name} has no readable job.json") from None


def _title(run: Path, job: Job) -> str:
    return job.compare.title or job.project_name or run.name


def _base(run: Path, job: Job) -> str:
    """The base as the prepare step resolved it, while that is still there; else as the recipe names it."""
    prepared = str(known_of_preparation(run).get("base_model") or "")
    return prepared if prepared and Path(prepared).is_dir() else job.base_model
