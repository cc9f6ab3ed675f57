"""The answer step of a run: every method answers the held-out rows.

    python -m hf_recipes.steps.answer.answer RUN

Writes answers/questions.jsonl, and for each method answers/<method>.jsonl and answers/<method>.json. While a method is
under way its rows stand in <method>.jsonl.part; the rename says that it is whole. What was answered before, by the same
weights to the same prompt, comes out of the answer cache: so an interrupted step goes on where it stopped.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from hf_recipes.data.answer_room import answer_room
from hf_recipes.engines.result import TrainedEndpoint, result_of
from hf_recipes.engines.step import Pace, Progress, run_step
from hf_recipes.inference.answerer import Answerer
from hf_recipes.inference.loading import positions
from hf_recipes.recipe.model import Evaluate
from hf_recipes.record.job import Job
from hf_recipes.record.prepared import read_prepared
from hf_recipes.runner.causes import StepFailed
from hf_recipes.runner.files import write_json
from hf_recipes.steps.answer.answerers import answering, load, reference
from hf_recipes.steps.answer.endpoint import EndpointFailed
from hf_recipes.steps.answer.measures import likelihoods_wanted, measure_likelihoods
from hf_recipes.steps.answer.prompts import (
    BASELINES,
    FINE_TUNED,
    REFERENCE,
    Asked,
    Asking,
    asked_rows,
    told_baseline,
)
from hf_recipes.steps.answer.recording import NOTES, AnswerFile, answer_record, forget_others, write_questions
from hf_recipes.steps.job_of_run import job_of_run
from hf_recipes.steps.row_file import RowFile

BATCHES = 4
"""Batches whose prompts are in memory together: sorted among themselves, and their beginning computed once."""
Ask = Callable[[Sequence[dict[str, Any]]], Sequence[Asked]]


def answer(run: Path) -> None:
    """Answer work/test.jsonl by the recipe's baselines and, where one was trained, by the fine-tuned model. Raises StepFailed."""
    job = _asked_of(run)
    evaluate = job.evaluate
    if evaluate is None:
        return
    rows = asked_rows(RowFile(run / "work" / "test.jsonl"), evaluate.limit, job.seed)
    if not len(rows) or "messages" not in rows[0]:
        raise StepFailed("evaluation_failed", "there are no test rows with messages to answer")
    unknown = [name for name in evaluate.baselines if name not in BASELINES]
    if unknown:
        raise StepFailed("evaluation_failed", f"the baseline {unknown[0]!r} is not known here")
    prepared = read_prepared(run)
    base = prepared["base_model"]
    new_tokens = answer_room(asdict(evaluate), prepared)
    room = _room(base, job, new_tokens)
    answers = run / "answers"
    progress = Progress()
    methods = (*evaluate.baselines, FINE_TUNED) if job.trains else evaluate.baselines
    write_questions(answers, rows)
    forget_others(answers, methods)
    local = evaluate.server is None and evaluate.runtime == "transformers"
    with answering(job, base, run, progress) as answerer:
        asking = Asking(run, job, answerer.count, room)
        for method in methods:
            ask = partial(asking.prompts, method)
            _answer_by(
                method,
                answerer,
                rows,
                ask,
                answers,
                evaluate,
                new_tokens,
                progress,
                asking.drawn_from(method),
            )
        if local and likelihoods_wanted(evaluate):
            measure_likelihoods(answerer, evaluate, answers, rows, methods, progress)
    if not local and likelihoods_wanted(evaluate):
        measure_likelihoods(load(job, base, run), evaluate, answers, rows, methods, progress)
    if evaluate.reference is not None:
        _reference(rows, answers, job, evaluate, new_tokens, progress)


def _asked_of(run: Path) -> Job:
    """What the run asks; where it has trained an endpoint, that endpoint is the server that answers for both models."""
    job = job_of_run(run)
    result = result_of(run) if job.trains else None
    if job.evaluate is None or not isinstance(result, TrainedEndpoint):
        return job
    return replace(job, evaluate=replace(job.evaluate, server=result.server))


def _reference(
    rows: RowFile, answers: Path, job: Job, evaluate: Evaluate, new_tokens: int, progress: Progress
) -> None:
    """Last, and no reason to lose what was measured: a reference that refuses has no answers, and a note that says why."""
    try:
        with reference(job) as answerer:
            ask = partial(_plain, job)
            _answer_by(REFERENCE, answerer, rows, ask, answers, evaluate, new_tokens, progress)
    except EndpointFailed as failure:
        (answers / f"{REFERENCE}.jsonl.part").unlink(missing_ok=True)
        sys.stderr.write(f"{failure}; the report is without the reference\n")
        write_json(answers / NOTES, {REFERENCE: str(failure)})


def _plain(job: Job, rows: Sequence[dict[str, Any]]) -> list[Asked]:
    return [Asked(told_baseline(job, row["messages"])) for row in rows]


def _room(base: str, job: Job, new_tokens: int) -> int | None:
    """Tokens that a prompt may have, for the base to answer in the positions it knows."""
    longest = positions(base, job.trust_remote_code)
    return None if longest is None else longest - new_tokens


def _answer_by(
    method: str,
    answerer: Answerer,
    rows: RowFile,
    ask: Ask,
    folder: Path,
    evaluate: Evaluate,
    new_tokens: int,
    progress: Progress,
    drawn_from: dict[str, Any] | None = None,
) -> None:
    """One method's files. `ask` makes rows into prompts."""
    # Some batches at a time, so that memory does not grow with the rows and prompts are made when they are needed;
    # like lengths together, because a batch is as slow as its longest prompt.
    lengths = array("Q", map(_length, rows))
    order = sorted(range(len(rows)), key=lengths.__getitem__, reverse=True)
    chunk = BATCHES * max(1, evaluate.batch_size)
    pace = Pace(progress, method, len(rows))
    with AnswerFile(folder, method, len(rows)) as written:
        for start in range(0, len(order), chunk):
            places = order[start : start + chunk]
            some = list(rows.only(places))
            asked = ask(some)
            pace.part(start)
            try:
                answers = answerer.answer(
                    [asked_row.messages for asked_row in asked],
                    model="fine-tuned" if method == FINE_TUNED else "base",
                    max_new_tokens=new_tokens,
                    batch_size=evaluate.batch_size,
                    progress=pace,
                )
                for place, row, prompt, said in zip(places, some, asked, answers, strict=True):
                    written.add(place, answer_record(method, row, prompt.messages, prompt.sources, said))
            except ValueError as error:  # a prompt longer than the model takes
                raise StepFailed("evaluation_failed", f"{method}: {error}") from None
        drawn = {} if drawn_from is None else {"drawn_from": drawn_from}
        written.finish(max_new_tokens=new_tokens, batch_size=evaluate.batch_size, **drawn)


def _length(row: dict[str, Any]) -> int:
    return sum(len(turn["content"]) for turn in row["messages"])


if __name__ == "__main__":
    sys.exit(run_step(answer))
