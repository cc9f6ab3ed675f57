"""Measuring a run again: its answer and report steps, as children of this process, whatever became of the run.

State and events of the run stay as they are. Its lock is held meanwhile, so that no two evaluations mix their answers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from hf_recipes import environments, record
from hf_recipes.api.recipes import load_evaluate
from hf_recipes.catalog.hardware import runs_here
from hf_recipes.catalog.tasks import is_chat_trainer
from hf_recipes.data.measurable import ExpectedFields, lacking
from hf_recipes.engines.result import TrainedEndpoint, TrainedWeights, result_of
from hf_recipes.recipe.model import Evaluate, Metric
from hf_recipes.recipe.secrets import printable
from hf_recipes.record.create import plain
from hf_recipes.record.job import Job, load_job
from hf_recipes.record.prepared import read_prepared
from hf_recipes.record.state import RunState, State
from hf_recipes.runner.causes import Cause, short
from hf_recipes.runner.children import Children
from hf_recipes.runner.environment import child_environment
from hf_recipes.runner.files import parsed, read_json, take_lock, write_json
from hf_recipes.runner.lines import ESCAPES, Lines
from hf_recipes.runner.processes import MARK
from hf_recipes.runner.progress import own_progress
from hf_recipes.runner.redaction import Redactor, hub_tokens

LOG = "eval.log"
"""In the run's folder: what the last evaluation printed."""
MODULES = ("hf_recipes.steps.answer.answer", "hf_recipes.evaluation.write")
SWITCH = "HF_RECIPES_ANSWER_CACHE"
Look = tuple[RunState, Sequence[Mapping[str, object]]]


class CannotEvaluate(Exception):
    """This run cannot be measured again, or it did not come out; one sentence says why."""


def measure_again(
    run: Path, settings: Sequence[str] = (), *, anew: bool = False, say: Callable[[str], None]
) -> Generator[Look, None, None]:
    """Answer and report anew; yields how it stands, as `record.watch` does. `anew`: nothing out of the answer cache.

    `settings`, such as `evaluate.metrics=[chrf]`, are laid over the run's recipe, and job.json then says so.
    Raises CannotEvaluate, RecipeError, EnvironmentFailed. Whoever stops asking stops it, and no child is left.
    """
    state = _measurable(run)
    job = load_job(run)
    _chat_model(run, job)
    wanted = _with_settings(run, job, settings)
    _check(run, wanted)
    python = environments.ensure("inference", say=say)
    environment = {SWITCH: "0"} if anew else {}
    with _held(run):
        if wanted != job:
            write_json(run / "job.json", plain(wanted))
        try:
            yield from _steps(
                run, wanted, python, environment, replace(state, state=State.RUNNING, message="")
            )
        except BaseException:
            if wanted != job:
                write_json(run / "job.json", plain(job))
            raise
    yield state, ()


def _measurable(run: Path) -> RunState:
    """The state of a run that has ended and has its model here. Raises CannotEvaluate."""
    state = record.read_state(run)
    if not state.state.finished:
        raise CannotEvaluate(
            f"{run.name} is still {state.state.value}; it is measured at its end, or cancel it first"
        )
    result = result_of(run)
    if isinstance(result, TrainedEndpoint):
        return state
    if isinstance(result, TrainedWeights) and any(result.folder.glob("*.safetensors")):
        return state
    if not runs_here(state.backend):
        where = f": {state.handle['model']}" if state.handle.get("model") else ""
        raise CannotEvaluate(
            f"the model of {run.name} is on Hugging Face{where}, where it was measured; here is nothing to measure"
        )
    raise CannotEvaluate(
        f"{run.name} has no model: it {state.state.value}" + (f" during {state.stage}" if state.stage else "")
    )


def _chat_model(run: Path, job: Job) -> None:
    """Raises CannotEvaluate where no recipe could have had an `evaluate:`."""
    trainer = job.settled.get("trainer")
    if not is_chat_trainer(job.task, str(trainer) if trainer else None):
        kind = f"{trainer} model" if job.task == "lm_training" else f"{job.task} model"
        raise CannotEvaluate(f"{run.name} trained a {kind}; only chat models can be measured so far")


def _with_settings(run: Path, job: Job, settings: Sequence[str]) -> Job:
    """The job with what `--set` says of its evaluation. Raises RecipeError, CannotEvaluate."""
    if not settings:
        return job
    other = [setting for setting in settings if not setting.startswith("evaluate.")]
    if other:
        key = printable(other[0].partition("=")[0])
        raise CannotEvaluate(f"--set {key}: the run is trained; only evaluate.… can be set here")
    before = job.settings
    if any(setting.startswith("evaluate.documents=") for setting in settings):
        raise CannotEvaluate(
            "--set evaluate.documents: passages are made of documents when a run begins; run the recipe again"
        )
    evaluate = load_evaluate(
        run / "recipe.yml",
        folder=Path(job.recipe_folder or run),
        settings=[*before, *_placed(job, settings), *settings],
    )
    return replace(job, evaluate=evaluate, settings=(*before, *settings))


def _placed(job: Job, settings: Sequence[str]) -> list[str]:
    """What may name files beside the recipe, as the run found it there: a relative path does not count from the run's folder."""
    if job.evaluate is None:
        return []
    known = plain(job.evaluate)
    written = {name: known.get(name) for name in ("metrics", "documents", "embedding_model")}
    return [
        f"evaluate.{name}={json.dumps(value)}"
        for name, value in written.items()
        if value and not any(setting.startswith(f"evaluate.{name}") for setting in settings)
    ]


def _check(run: Path, job: Job) -> None:
    """Raises CannotEvaluate where something is missing that a person can name."""
    if job.data.test_split is None:
        raise CannotEvaluate(
            f"the recipe of {run.name} names no data.test_split, so no rows were set aside to measure on"
        )
    evaluate = job.evaluate
    if evaluate is None:
        raise CannotEvaluate(
            f"the recipe of {run.name} has no evaluate:; say what to measure, such as --set evaluate.metrics=[exact_match]"
        )
    for name in ("test.jsonl", "prepared.json"):
        if not (run / "work" / name).is_file():
            raise CannotEvaluate(
                f"the prepared data of {run.name} is gone: there is no work/{name}; run the recipe again"
            )
    _measurable_rows(run, evaluate.metrics)
    if (
        evaluate.documents
        and "retrieval" in evaluate.baselines
        and not (run / "work" / "passages.jsonl").is_file()
    ):
        raise CannotEvaluate(
            f"{run.name} set no passages of documents aside; leave them out to retrieve training examples, or run the recipe again"
        )
    _shots(run, evaluate)


def _shots(run: Path, evaluate: Evaluate) -> None:
    """Raises CannotEvaluate where few-shot wants more examples than the run has set aside."""
    if "few-shot" not in evaluate.baselines or evaluate.shots_by == "similarity":
        return
    file = run / "work" / "shots.jsonl"
    there = len(list(filter(str.strip, file.read_text("utf-8").splitlines()))) if file.is_file() else 0
    if not there:
        raise CannotEvaluate(
            f"{run.name} set no examples aside for few-shot; leave it out with --set evaluate.baselines=[zero-shot]"
        )
    prepared = read_prepared(run)
    wanted = evaluate.shots
    if there < wanted and there < prepared.get("pool", there):
        raise CannotEvaluate(
            f"{run.name} set {there} examples aside for few-shot, not {wanted}; run the recipe again with more"
        )


def _measurable_rows(run: Path, asked: Sequence[Metric]) -> None:
    """Raises CannotEvaluate for the first row that a metric lacks something for, and for a field that no row has, before hours
    are spent on answering."""
    fields = ExpectedFields((metric.name, metric.options) for metric in asked)
    with (run / "work" / "test.jsonl").open(encoding="utf-8") as lines:
        for line in filter(str.strip, lines):
            try:
                row = parsed(line)
                assert isinstance(row, dict)
            except (ValueError, AssertionError):
                raise CannotEvaluate(
                    f"{run.name}: work/test.jsonl is damaged, so its test rows can't be asked; run the recipe again"
                ) from None
            fields.add(str(row.get("reference")))
            for metric in asked:
                why = lacking(
                    metric.name, metric.options, str(row.get("reference")), row.get("messages") or ()
                )
                if why:
                    raise CannotEvaluate(
                        f"row {row.get('row')} of the test rows can't be measured by {metric.name}: {why}; leave the metric out of evaluate.metrics"
                    )
    if missing := fields.missing():
        field, name, there = missing
        raise CannotEvaluate(
            f"no expected answer has the field {field!r}, which {name} counts; the fields are {', '.join(there)}"
        )


@contextmanager
def _held(run: Path) -> Iterator[None]:
    lock = take_lock(run)
    if lock is None:
        raise CannotEvaluate(f"{run.name} is being measured or pushed by another hf-recipes; wait for it")
    try:
        yield
    finally:
        os.close(lock)


def _steps(run: Path, job: Job, python: Path, more: Mapping[str, str], state: RunState) -> Iterator[Look]:
    redact = Redactor(job.secrets, os.environ)
    tokens = [os.environ[name] for name in hub_tokens(job.secrets) if os.environ.get(name)]
    failure = run / "work" / "failure.json"
    children = Children(run, shared=True)
    try:
        with (run / LOG).open("w", encoding="utf-8") as log:
            for module in MODULES:
                failure.unlink(missing_ok=True)
                yield replace(state, stage="evaluate"), ()
                environment = {
                    **child_environment(os.environ),
                    "PYTHONPATH": str(environments.package_path()),
                    "PYTHONUNBUFFERED": "1",
                    "HF_RECIPES_FAILURE": str(failure),
                    MARK: str(run.resolve()),
                    **({"HF_TOKEN": tokens[0]} if tokens and "HF_TOKEN" not in os.environ else {}),
                    **more,
                }
                child = children.start([str(python), "-m", module, str(run)], environment)
                cause = Cause()
                try:
                    assert child.stdout is not None
                    lines, more_comes = Lines(redact), True
                    while more_comes:
                        data = os.read(child.stdout.fileno(), 65_536)
                        more_comes = bool(data)
                        events = []
                        for raw, _ in lines.feed(data, last=not more_comes):
                            line = ESCAPES.sub("", raw)
                            event = own_progress(line)
                            if event is None:
                                cause.feed(line)
                                log.write(redact(line) + "\n")
                            else:
                                events.append({"stage": "evaluate", **event})
                        yield replace(state, stage="evaluate"), events
                    code = child.wait()
                finally:
                    children.finish()
                if code:
                    raise CannotEvaluate(_why(failure, cause, code, redact, run / LOG))
    finally:
        failure.unlink(missing_ok=True)
        children.dismiss_guard()


def _why(failure: Path, cause: Cause, code: int, redact: Redactor, log: Path) -> str:
    with suppress(OSError, ValueError, KeyError):
        return redact(short(str(read_json(failure)["message"])))
    _, sentence = cause.explain(code, usual="evaluation_failed", disk_full=False)
    return f"{redact(sentence)}; log: {log}"
