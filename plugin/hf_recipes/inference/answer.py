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

from hf_recipes.inference.child import Progress, StepFailed, read_lines, run_step, write_json
from hf_recipes.inference.prompts import BASELINES, FINE_TUNED, asked_rows, prompts
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
    pair = _load(request, base, run / "model" if request.trains else None)
    room = _room(base, request, evaluate.max_new_tokens)
    shots: list[Any] = [shot["messages"] for shot in read_lines(run / "work" / "shots.jsonl")]
    (run / "answers").mkdir(exist_ok=True)
    progress = Progress()
    for method in (*evaluate.baselines, FINE_TUNED) if request.trains else evaluate.baselines:
        asked = prompts(method, rows, shots, pair.count, room)
        _answer_by(method, pair, rows, asked, run / "answers", request, progress)


def _load(request: Request, base: str, model: Path | None) -> Any:
    """`model` None: the base alone."""
    from hf_recipes.inference.pair import load_base, load_pair

    try:
        if model is None:
            return load_base(base, trust_remote_code=request.trust_remote_code)
        return load_pair(base, model, trust_remote_code=request.trust_remote_code)
    except OSError as error:
        raise StepFailed("evaluation_failed", f"the models cannot be loaded: {error}") from None


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
    prompts: Sequence[Any],
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
    order = sorted(range(len(rows)), key=lambda place: len(json.dumps(prompts[place])))
    chunk = max(1, evaluate.batch_size)
    records: dict[int, dict[str, Any]] = {}
    progress(0, len(rows), what=method)
    with part.open("w", encoding="utf-8") as file:
        for start in range(0, len(order), chunk):
            places = order[start : start + chunk]
            try:
                answers = pair.answer(
                    [prompts[place] for place in places],
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


if __name__ == "__main__":
    sys.exit(run_step(answer))
