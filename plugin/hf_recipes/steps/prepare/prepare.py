"""Step 1 of a run: resolve the base, convert and check the data, write what the trainer reads.

python -m hf_recipes.steps.prepare.prepare RUN
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes.catalog.tasks import IMAGE_TASKS, is_chat_trainer
from hf_recipes.data.columns import is_chat, trainer_of
from hf_recipes.data.findings import wrong
from hf_recipes.data.form import Form, form_of
from hf_recipes.data.messages import RowError
from hf_recipes.engines.conversion import must_be_converted
from hf_recipes.engines.preparation import Preparation, PreparedData
from hf_recipes.engines.registry import engine_of
from hf_recipes.engines.step import Progress, run_step
from hf_recipes.inference.fingerprint import fingerprint, weight_files
from hf_recipes.record.job import Job
from hf_recipes.runner.causes import StepFailed
from hf_recipes.runner.files import write_json
from hf_recipes.steps.answer.needs import check_needs
from hf_recipes.steps.job_of_run import job_of_run
from hf_recipes.steps.prepare.convert import Converted, convert
from hf_recipes.steps.prepare.dataset import image_folder
from hf_recipes.steps.prepare.rules import RowRules

if TYPE_CHECKING:
    from hf_recipes.steps.prepare.tokens import Count


MOST_CUT = 0.05
"""The share of the training rows up to which cut ones are only counted and said."""
NEEDS_CODE = "the model needs code of its own; set trust_remote_code: true to run it"


def prepare(run: Path) -> None:
    """Write what the trainer reads at its start, work/prepared.json and, where data is converted, work/data,
    work/test.jsonl, work/shots.jsonl and work/pool.jsonl. Raises StepFailed or DataError."""
    job = job_of_run(run)
    work = run / "work"
    work.mkdir(parents=True, exist_ok=True)
    progress = Progress()
    base = resolved(job, progress)
    preparation = preparation_of(job)
    if passes_through(job):
        prepared: dict[str, Any] = {
            "base_model": base,
            "rows": {},
            "tokens": {},
            "notes": ["data left to the trainer"],
        }
        given = PreparedData(base, job.data.path, converted=False, image_folder=_is_image_folder(job))
    else:
        form, count = form_and_count(job, base)
        rules = RowRules(job, form, count.tokenizer if count else None)
        converted = convert(
            job,
            form,
            work,
            looked=count.learn if count else None,
            each=count.add if count else None,
            rules=rules,
            progress=progress,
            held_out=preparation.held_out(job.task),
        )
        _write_shots(converted, work)
        tokens = count.result() if count else {}
        check_enough(job, tokens, converted.rows["train"])
        prepared = {
            "base_model": base,
            "rows": converted.rows,
            "pool": converted.pool,
            "tokens": tokens,
            "notes": [*converted.notes, *rules.notes, *(count.frame.told() if count else ())],
            "prompt": count.frame.as_json() if count else {},
            "reasoning": count.reasoning if count else None,
            "skipped": converted.skipped,
            "warnings": [problem.as_dict() for problem in rules.warnings.kept],
            "totals": dict(rules.warnings.codes),
            **rules.facts,
        }
        given = PreparedData(
            base,
            str(work / "data"),
            columns={column.parameter: column.name for column in form.columns},
            validation=bool(converted.rows["validation"]),
            templated=bool(form.templates) and not is_chat(job.task, job.settled, False),
        )
    check_needs(job, work, progress)
    from hf_recipes.inference.base_model import BaseUnavailable
    from hf_recipes.inference.parameter_count import parameter_count

    if Path(base).is_absolute() and (files := weight_files(Path(base))):
        prepared["base_fingerprint"] = fingerprint(files)
    size = None if job.task == "tabular" else parameter_count(base)
    if size:
        prepared["base_parameters"] = size
    try:
        preparation.write_settings(work, job.project_name, job.task, job.settled, given)
    except BaseUnavailable as error:
        raise StepFailed("base_model_unavailable", f"{base}: {error}") from None
    write_json(work / "prepared.json", prepared)


def passes_through(job: Job) -> bool:
    """Whether the trainer reads the data where it is: images, and Hub data that nothing has to be taken out of. Chat data is
    always converted, so that what is read of it, and how, is known and said."""
    return readable_as_it_is(job) and not (
        job.task not in IMAGE_TASKS and is_chat(job.task, job.settled, False)
    )


def readable_as_it_is(job: Job) -> bool:
    """Whether the trainer could read the data without us."""
    if job.task in IMAGE_TASKS:
        return True
    measured = job.evaluate and is_chat(job.task, job.settled, False)
    return not must_be_converted(job.data) and not measured


def form_or_fail(job: Job) -> Form:
    try:
        form = form_of(job.task, job.settled, job.data.messages, job.data.system)
        return replace(form, system_column=job.data.system_column)
    except RowError as error:
        raise wrong(job.data.path, str(error)) from None


def resolved(job: Job, progress: Progress | None = None) -> str:
    """The base model as a folder or a Hub id. Raises StepFailed where it cannot be had."""
    from hf_recipes.inference.base_model import BaseUnavailable, resolve_base

    if job.task == "tabular":
        return job.base_model  # the name of an estimator
    try:
        return resolve_base(job.base_model, say=lambda text: _say(text, progress))
    except (BaseUnavailable, OSError) as error:
        raise StepFailed("base_model_unavailable", f"{job.base_model}: {error}") from None


def preparation_of(job: Job) -> Preparation:
    """What the job's engine does here."""
    return engine_of(job).preparation()


def load_tokenizer_or_fail(job: Job, base: str) -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if not Path(base).is_dir():
        from hf_recipes.inference.network import hub_reachable

        hub_reachable()
    try:
        return preparation_of(job).load_tokenizer(base, job.settled, trust_remote_code=job.trust_remote_code)
    except Exception as error:
        raise StepFailed(
            "base_model_unavailable", f"{job.base_model}: {_tokenizer_error(error, Path(base).is_dir())}"
        ) from None


def form_and_count(job: Job, base: str) -> tuple[Form, Count | None]:
    """The form, which knows the end tokens of the base's tokenizer then; no count where the trainer has no tokenizer:
    tabular data. Raises DataError, StepFailed."""
    from hf_recipes.inference.chat_template import end_texts
    from hf_recipes.steps.prepare.tokens import Count

    form = form_or_fail(job)
    if not form.columns:
        return form, None
    tokenizer = load_tokenizer_or_fail(job, base)
    form = replace(form, ends=end_texts(tokenizer))
    rules = preparation_of(job).token_rules(tokenizer, form, job.settled)
    return form, Count(tokenizer, form, rules)


def _write_shots(converted: Converted, work: Path) -> None:
    if converted.shots:
        with (work / "shots.jsonl").open("w", encoding="utf-8") as file:
            for shot in converted.shots:
                file.write(json.dumps({"messages": shot}, ensure_ascii=False) + "\n")


def check_enough(job: Job, tokens: Mapping[str, Any], rows: int) -> None:
    """Raises DataError where packing makes no example of all the training rows, or too many of them are cut. What only measures
    needs none."""
    if not job.trains:
        return
    if tokens.get("blocks") == 0:
        raise wrong(
            job.data.path,
            f"all training rows together are {tokens['train_total']} tokens, less than one block of {tokens['limit']}: "
            "there would be nothing to train on",
            hint=f"set params.block_size to {max(1, tokens['train_total'] // 2)} or less, or add rows",
            code="too-little-data",
        )
    trims = tokens.get("trims")
    if not trims or job.data.allow_truncation or not is_chat_trainer(job.task, trainer_of(job.settled)):
        return
    if tokens["cut"] > MOST_CUT * rows:
        key, limit = trims[0]["key"], trims[0]["limit"]
        lost = "; ".join(f"{trim['rows']:,} {trim['what']}" for trim in trims)
        raise wrong(
            job.data.path,
            f"{tokens['cut']:,} of {rows:,} training rows are longer than {limit:,} tokens ({key}): {lost}",
            hint=f"set {key} to {tokens['max']}, the longest row, or data.allow_truncation: true",
            code="rows-cut",
        )


def _is_image_folder(job: Job) -> bool:
    classes = job.task in ("image_binary_classification", "image_multi_class_classification")
    return bool(classes and image_folder(job.data))


def _say(text: str, progress: Progress | None) -> None:
    if progress:
        progress(0, 1, unit="", what=text)
    else:
        sys.stderr.write(f"::say {text}\n")
        sys.stderr.flush()


def _tokenizer_error(error: Exception, here: bool) -> str:
    """`here`: the base is a folder on this disk, so that the Hub has nothing to do with it."""
    kind, text = type(error).__name__, " ".join(str(error).split())
    lower = text.lower()
    if "trust_remote_code" in lower:
        return NEEDS_CODE
    if here:
        return f"its tokenizer cannot be loaded: {kind}: {text[:200]}"
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return "there is no such folder here; the Hub cannot be reached and the model is not in the cache"
    if "401 unauthorized" in lower:
        return "Hugging Face does not accept your token; type: hf auth login (HF_TOKEN, where it is set, comes first)"
    if "couldn't connect" in lower:
        return "the Hub cannot be reached, or has a problem of its own; try again in a few minutes"
    if "gated" in lower:
        return "the model is gated; ask for access on its page, then set HF_TOKEN"
    if "not a local folder" in lower or "not found" in lower or "not a valid model identifier" in lower:
        return "no such model on the Hub, nor a folder here; check the name, set HF_TOKEN if it is private"
    return f"its tokenizer cannot be loaded: {kind}: {text[:200]}"


if __name__ == "__main__":
    sys.exit(run_step(prepare))
