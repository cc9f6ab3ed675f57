"""The answer step of a run: every method answers the held-out rows.

    python -m hf_recipes.inference.answer RUN

Writes answers/<method>.jsonl and answers/<method>.json. While a method is under way its rows stand in
<method>.jsonl.part, so that what an interrupted run has done is seen; the rename says that it is whole.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from hf_recipes.inference.answerers import NOTES, answering, load, reference
from hf_recipes.inference.child import Progress, StepFailed, read_lines, run_step, write_json
from hf_recipes.inference.endpoint import EndpointFailed
from hf_recipes.inference.measures import measure, wanted
from hf_recipes.inference.prompts import BASELINES, FINE_TUNED, REFERENCE, Asked, Asking, asked_rows
from hf_recipes.inference.request import Request, of_run


def answer(run: Path) -> None:
    """Answer work/test.jsonl by the recipe's baselines and by the fine-tuned model. Raises StepFailed."""
    request = of_run(run)
    evaluate = request.evaluate
    if evaluate is None:
        return
    rows = asked_rows(read_lines(run / "work" / "test.jsonl"), evaluate.limit, request.seed)
    if not rows or "messages" not in rows[0]:
        raise StepFailed("evaluation_failed", "there are no test rows with messages to answer")
    unknown = [name for name in evaluate.baselines if name not in BASELINES]
    if unknown:
        raise StepFailed("evaluation_failed", f"the baseline {unknown[0]!r} is not known here")
    base = json.loads((run / "work" / "prepared.json").read_text("utf-8"))["base_model"]
    room = _room(base, request, evaluate.max_new_tokens)
    answers = run / "answers"
    answers.mkdir(exist_ok=True)
    progress = Progress()
    methods = (*evaluate.baselines, FINE_TUNED)
    questions = {row["row"]: row["messages"] for row in rows}
    local = evaluate.server is None and evaluate.runtime == "transformers"
    with answering(request, base, run, progress) as answerer:
        asking = Asking(run, request, answerer.count, room)
        for method in methods:
            asked = asking.prompts(method, rows)
            _answer_by(method, answerer, rows, asked, answers, request, progress)
        if local and wanted(evaluate):
            measure(answerer, evaluate, answers, questions, methods, progress)
    if not local and wanted(evaluate):
        measure(load(request, base, run / "model"), evaluate, answers, questions, methods, progress)
    if evaluate.reference is not None:
        _reference(rows, answers, request, progress)


def _reference(
    rows: Sequence[Mapping[str, Any]], answers: Path, request: Request, progress: Progress
) -> None:
    """Last, and no reason to lose what was measured: a reference that refuses has no answers, and a note that says why."""
    notes = answers / NOTES
    notes.unlink(missing_ok=True)
    try:
        with reference(request) as answerer:
            _answer_by(
                REFERENCE,
                answerer,
                rows,
                [Asked(row["messages"]) for row in rows],
                answers,
                request,
                progress,
            )
    except EndpointFailed as failure:
        (answers / f"{REFERENCE}.jsonl.part").unlink(missing_ok=True)
        sys.stderr.write(f"{failure}; the report is without the reference\n")
        write_json(notes, {REFERENCE: str(failure)})


def _room(base: str, request: Request, new_tokens: int) -> int | None:
    """Tokens that a prompt may have, for the base to answer in the positions it knows."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base, trust_remote_code=request.trust_remote_code).get_text_config()
    longest = getattr(config, "max_position_embeddings", None)
    return longest - new_tokens if isinstance(longest, int) else None


def _answer_by(
    method: str,
    pair: Any,
    rows: Sequence[Mapping[str, Any]],
    prompts: Sequence[Asked],
    folder: Path,
    request: Request,
    progress: Progress,
) -> None:
    evaluate = request.evaluate
    assert evaluate is not None
    model: Literal["base", "fine-tuned"] = "fine-tuned" if method == FINE_TUNED else "base"
    part = folder / f"{method}.jsonl.part"
    seconds = 0.0
    weights = ""
    done = 0
    # A few batches at a time, so that an interrupted run shows what it has; sorted by length across all of them,
    # because a batch is as slow as its longest prompt.
    order = sorted(range(len(rows)), key=lambda place: len(json.dumps(prompts[place].messages)))
    chunk = max(1, evaluate.batch_size)
    records: dict[int, dict[str, Any]] = {}
    progress(0, len(rows), what=method)
    with part.open("w", encoding="utf-8") as file:
        for start in range(0, len(order), chunk):
            places = order[start : start + chunk]
            try:
                answers = pair.answer(
                    [prompts[place].messages for place in places],
                    model=model,
                    max_new_tokens=evaluate.max_new_tokens,
                    batch_size=evaluate.batch_size,
                )
            except ValueError as error:  # a prompt longer than the model takes
                raise StepFailed("evaluation_failed", f"{method}: {error}") from None
            for place, one in zip(places, answers, strict=True):
                record = {
                    "row": rows[place]["row"],
                    "method": method,
                    "answer": one.text,
                    "reference": rows[place]["reference"],
                    "prompt_tokens": one.prompt_tokens,
                    "completion_tokens": one.completion_tokens,
                    "seconds": one.seconds,
                    "weights": one.weights,
                    **_shown(prompts[place], rows[place]),
                }
                records[place] = record
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
                seconds += one.seconds
                weights = one.weights
            file.flush()
            done += len(places)
            progress(done, len(rows), what=method)
    with part.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(records[place], ensure_ascii=False) + "\n" for place in range(len(rows)))
    part.replace(folder / f"{method}.jsonl")
    summary = {
        "method": method,
        "rows": len(rows),
        "seconds": round(seconds, 3),
        "weights": weights,
        "max_new_tokens": evaluate.max_new_tokens,
        "batch_size": evaluate.batch_size,
    }
    write_json(folder / f"{method}.json", summary)


def _shown(asked: Asked, row: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked, where it is not the question itself, and what was looked up for it."""
    prompt = {"prompt": asked.messages} if asked.messages != row["messages"] else {}
    return {**prompt, "sources": list(asked.sources)} if asked.sources else prompt


if __name__ == "__main__":
    sys.exit(run_step(answer))
