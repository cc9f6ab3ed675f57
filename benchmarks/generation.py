"""Answering test rows against the plain loop of tutorials: one row at a time, `generate`, greedy. Same rows, same answers.

Runs in the inference interpreter: `make bench`, or

    python benchmarks/generation.py [--rows 128] [--plain-rows 12]

The plain loop is measured on some of the rows, evenly spread over their lengths, right before and right after ours, and
its time is counted for as many rows. Bounds: ours is at least 5 times as fast zero-shot and 8 times with four shots;
10,000 rows take at the most 1.10 of the peak memory of 300 (a small model of the same loop, so that it takes seconds).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

ZERO_SHOT_BOUND, FEW_SHOT_BOUND, MEMORY_BOUND = 5.0, 8.0, 1.10
RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "ingredient-parser"
SYSTEM = {"role": "system", "content": "Recipe line to JSON: qty, unit, name."}
NEW, BATCH, SHOTS = 40, 64, 4
FEW, MANY, ROUNDS = 300, 10_000, 3


def main() -> int:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rows", type=int, default=128)
    arguments.add_argument("--plain-rows", type=int, default=12)
    arguments.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.memory_of:
        print(json.dumps(peak_memory(given.memory_of)))
        return 0
    # First, while this process is small: on Linux the peak of a child begins with what its parent held.
    rounds = [(memory_of(FEW), memory_of(MANY)) for _ in range(ROUNDS)]
    few, many = (median(peaks) for peaks in zip(*rounds, strict=True))
    speed = [
        compare("zero-shot", 0, ZERO_SHOT_BOUND, given.rows, given.plain_rows),
        compare("few-shot", SHOTS, FEW_SHOT_BOUND, given.rows, given.plain_rows),
    ]
    print(
        f"memory     {many / few:.2f} x (bound {MEMORY_BOUND}): {many / 2**20:.0f} MiB of {MANY:,} rows against"
        f" {few / 2**20:.0f} MiB of {FEW}, medians of {ROUNDS}"
    )
    return 0 if all(speed) and many / few <= MEMORY_BOUND else 1


def compare(method: str, shots: int, bound: float, count: int, plain_count: int) -> bool:
    """Whether ours is at least `bound` times as fast as the plain loop, with the same answers."""
    import torch
    from transformers import AutoModelForCausalLM

    from hf_recipes.inference.base_model import resolve_base
    from hf_recipes.inference.pair import load_base

    base = resolve_base("bundled/smollm2-135m-instruct", say=print)
    pair = load_base(base)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    prompts = asked(count, shots)
    order = sorted(range(count), key=lambda place: len(json.dumps(prompts[place])))
    some = [order[(2 * number + 1) * count // (2 * plain_count)] for number in range(plain_count)]
    pair.answer(prompts[:2], model="base", max_new_tokens=2)
    one_by_one(plain, pair.tokenizer, [prompts[0]], 2)
    halves = some[::2], some[1::2]
    before, first = one_by_one(plain, pair.tokenizer, [prompts[place] for place in halves[0]], NEW)
    started = time.perf_counter()
    answers = pair.answer(prompts, model="base", max_new_tokens=NEW, batch_size=BATCH)
    ours = (time.perf_counter() - started) / count
    after, second = one_by_one(plain, pair.tokenizer, [prompts[place] for place in halves[1]], NEW)
    theirs = (before + after) / plain_count
    expected = dict(zip((*halves[0], *halves[1]), (*first, *second), strict=True))
    other = sum(answers[place].text != text for place, text in expected.items())
    print(
        f"{method:10} {theirs / ours:.1f} x as fast (bound {bound:.0f}): {ours:.3f} s a row of {count},"
        f" plain loop {theirs:.3f} s of {plain_count} of them; {other} answers differ",
        flush=True,
    )
    return theirs / ours >= bound and other == 0


def asked(count: int, shots: int) -> list[list[dict[str, str]]]:
    """The quickstart's test lines, each after the same first training lines."""
    before = [turn for row in rows_of("train", shots) for turn in (user(row), assistant(row))]
    return [[SYSTEM, *before, user(row)] for row in rows_of("test", count)]


def rows_of(split: str, count: int) -> list[dict[str, str]]:
    lines = (RECIPE / "data" / f"{split}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines[:count]]


def user(row: dict[str, str]) -> dict[str, str]:
    return {"role": "user", "content": row["line"]}


def assistant(row: dict[str, str]) -> dict[str, str]:
    return {"role": "assistant", "content": row["json"]}


def one_by_one(
    model: Any, tokenizer: Any, prompts: Sequence[Any], new_tokens: int
) -> tuple[float, list[str]]:
    """The loop of tutorials: its seconds and its answers."""
    started = time.perf_counter()
    said = []
    for prompt in prompts:
        inputs = tokenizer.apply_chat_template(
            prompt, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        made = model.generate(**inputs, max_new_tokens=new_tokens, do_sample=False)
        said.append(tokenizer.decode(made[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
    return time.perf_counter() - started, said


def memory_of(rows: int) -> int:
    """Peak bytes of a fresh process that answers so many rows, writing them as the answer step does."""
    done = subprocess.run(
        [sys.executable, __file__, "--memory-of", str(rows)], stdout=subprocess.PIPE, text=True, check=True
    )
    return int(json.loads(done.stdout.splitlines()[-1]))


def peak_memory(rows: int) -> int:
    import resource

    with tempfile.TemporaryDirectory() as folder:
        os.environ["HF_RECIPES_HOME"] = folder
        answer_by_small_model(Path(folder), rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def answer_by_small_model(folder: Path, count: int) -> None:
    """The answer step's own loop over `count` rows, few-shot, with a two-layer model and SmolLM2's tokenizer."""
    from hf_recipes.steps.step import Progress
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from hf_recipes.inference.answer_cache import AnswerCache
    from hf_recipes.inference.base_model import resolve_base
    from hf_recipes.inference.pair import load_base
    from hf_recipes.steps.answer import answer
    from hf_recipes.steps.answer.prompts import Asked
    from hf_recipes.steps.row_file import RowFile

    home = os.environ.pop("HF_RECIPES_HOME")
    tokenizer = AutoTokenizer.from_pretrained(resolve_base("bundled/smollm2-135m-instruct", say=print))
    os.environ["HF_RECIPES_HOME"] = home
    tokenizer.save_pretrained(folder / "model")
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048, eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    lines, shots = rows_of("test", 320), asked(1, SHOTS)[0][1:-1]
    with (folder / "test.jsonl").open("w") as file:
        for number in range(count):
            row = lines[number % len(lines)]
            messages = [SYSTEM, {"role": "user", "content": f"{row['line']} no. {number}"}]
            file.write(json.dumps({"row": number, "messages": messages, "reference": row["json"]}) + "\n")
    pair = load_base(str(folder / "model"))
    pair.cache = AnswerCache(folder)
    (folder / "answers").mkdir()
    answer._answer_by(
        "few-shot",
        pair,
        RowFile(folder / "test.jsonl"),
        lambda some: [Asked([SYSTEM, *shots, row["messages"][-1]]) for row in some],
        folder / "answers",
        SimpleNamespace(batch_size=BATCH),
        4,
        Progress(),
    )


if __name__ == "__main__":
    sys.exit(main())
