"""The answer step of a run: every method answers the held-out rows.

    python -m hf_recipes.inference.answer RUN

Writes answers/questions.jsonl, and for each method answers/<method>.jsonl and answers/<method>.json. While a method is
under way its rows stand in <method>.jsonl.part; the rename says that it is whole. What was answered before, by the same
weights to the same prompt, comes out of the answer cache: so an interrupted step goes on where it stopped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hf_recipes.inference.child import Pace, Progress, StepFailed, read_lines, run_step
from hf_recipes.inference.prompts import BASELINES, FINE_TUNED, asked_rows, prompts
from hf_recipes.inference.recording import Rows, forget_others, record, write_questions
from hf_recipes.inference.request import Request, of_run
from hf_recipes.recipe.model import Evaluate

BATCHES = 4
"""Batches whose prompts are in memory together: sorted among themselves, and their beginning computed once."""


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
    methods = (*evaluate.baselines, FINE_TUNED)
    write_questions(run / "answers", rows)
    forget_others(run / "answers", methods)
    base = json.loads((run / "work" / "prepared.json").read_text("utf-8"))["base_model"]
    pair = _load(request, base, run / "model")
    room = _room(base, request, evaluate.max_new_tokens)
    shots: list[Any] = [shot["messages"] for shot in read_lines(run / "work" / "shots.jsonl")]
    progress = Progress()
    for method in methods:
        ask = partial(prompts, method, shots=shots, count=pair.count, room=room)
        _answer_by(method, pair, rows, ask, run / "answers", evaluate, progress)


def _load(request: Request, base: str, model: Path) -> Any:
    from hf_recipes import environments
    from hf_recipes.inference.answer_cache import AnswerCache
    from hf_recipes.inference.pair import load_pair

    try:
        pair = load_pair(base, model, trust_remote_code=request.trust_remote_code)
    except OSError as error:
        raise StepFailed("evaluation_failed", f"the models cannot be loaded: {error}") from None
    try:
        pair.cache = AnswerCache(environments.cache_dir())
    except environments.EnvironmentFailed:  # no home folder: then nothing is kept
        pair.cache = AnswerCache(None)
    return pair


def _room(base: str, request: Request, new_tokens: int) -> int | None:
    """Tokens that a prompt may have, for the base to answer in the positions it knows."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base, trust_remote_code=request.trust_remote_code).get_text_config()
    longest = getattr(config, "max_position_embeddings", None)
    return longest - new_tokens if isinstance(longest, int) else None


def _answer_by(
    method: str,
    answerer: Any,
    rows: Sequence[dict[str, Any]],
    ask: Callable[[Sequence[dict[str, Any]]], Sequence[Any]],
    folder: Path,
    evaluate: Evaluate,
    progress: Progress,
) -> None:
    """One method's files. `answerer` is a Pair, or whatever else has its `answer`; `ask` makes rows into prompts."""
    # Some batches at a time, so that memory does not grow with the rows and prompts are made when they are needed;
    # like lengths together, because a batch is as slow as its longest prompt.
    order = sorted(range(len(rows)), key=lambda place: _length(rows[place]), reverse=True)
    chunk = BATCHES * max(1, evaluate.batch_size)
    pace = Pace(progress, method, len(rows))
    with Rows(folder, method, len(rows)) as written:
        for start in range(0, len(order), chunk):
            places = order[start : start + chunk]
            some = [rows[place] for place in places]
            asked = ask(some)
            pace.part(start)
            try:
                answers = answerer.answer(
                    asked,
                    model="fine-tuned" if method == FINE_TUNED else "base",
                    max_new_tokens=evaluate.max_new_tokens,
                    batch_size=evaluate.batch_size,
                    progress=pace,
                )
                for place, row, prompt, one in zip(places, some, asked, answers, strict=True):
                    written.add(place, record(method, row, prompt, one))
            except ValueError as error:  # a prompt longer than the model takes
                raise StepFailed("evaluation_failed", f"{method}: {error}") from None
        written.finish(max_new_tokens=evaluate.max_new_tokens, batch_size=evaluate.batch_size)


def _length(row: dict[str, Any]) -> int:
    return sum(len(turn["content"]) for turn in row["messages"])


if __name__ == "__main__":
    sys.exit(run_step(answer))
