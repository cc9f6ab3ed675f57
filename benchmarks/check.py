"""How long `check` takes and how much memory it holds, at 10,000 and at 100,000 rows.

Each size is a fresh process of the inference interpreter that reads a made-up chat data set of about 170 tokens a row,
a tenth of it held out, with 2 % of rows nearly repeated; the tokenizer is the bundled base's.

Bounds: 100,000 rows in at the most 60 s; at the most 1.25 times the peak memory of 10,000 rows.
What may grow is the index of doubles alone: about 100 bytes a row while it is sorted, of at most a million rows.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hf_recipes import environments

BASE = "bundled/smollm2-135m-instruct"
SIZES = (10_000, 100_000)
SECONDS_BOUND = 60.0
MEMORY_BOUND = 1.25
SYSTEM = "Answer in one short paragraph."
# Runs in the child: what it holds at the most is its own to say.
MEASURED = """
import json, resource, sys
from hf_recipes.steps.prepare.check_rows import inspect_rows
answer = inspect_rows(json.load(sys.stdin))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"peak": peak, "answer": answer}))
"""


def main() -> int:
    python = environments.ensure("inference", say=print)
    resolve_base(python)
    seconds, peaks = [], []
    for rows in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.jsonl"
            planted = write_rows(path, rows)
            began = time.perf_counter()
            done = ask(python, path)
            seconds.append(time.perf_counter() - began)
            peaks.append(int(done["peak"]))
            report(done["answer"], rows, planted, seconds[-1], peaks[-1])
    ratio = peaks[-1] / peaks[0]
    print(f"seconds    {seconds[-1]:.1f} s for {SIZES[-1]:,} rows (bound {SECONDS_BOUND:.0f})")
    print(f"memory     {ratio:.2f} x (bound {MEMORY_BOUND}) for {SIZES[-1] // SIZES[0]} times the rows")
    return 0 if seconds[-1] <= SECONDS_BOUND and ratio <= MEMORY_BOUND else 1


def report(answer: dict[str, Any], rows: int, planted: int, seconds: float, peak: int) -> None:
    doubles, tokens = answer["doubles"], answer["tokens"]
    near = doubles["near-duplicate"] + doubles["test-row-near-train"]
    print(
        f"{rows:>7,} rows  {seconds:5.1f} s  {peak / 2**20:5.0f} MiB at the most, {tokens['mean']} tokens a row, "
        f"{near:,} near-duplicates found of {planted:,} planted"
    )
    assert doubles["rows"] == rows and not answer["unread"], answer["unread"]


def write_rows(path: Path, rows: int) -> int:
    """Questions and answers of random words, every 50th question one with one word exchanged; how many of those."""
    draw = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(5000)]
    planted = 0
    with path.open("w", encoding="utf-8") as file:
        before: list[str] = []
        for row in range(rows):
            asked = draw.choices(words, k=25)
            if row % 50 == 49:
                asked = [*before[:-1], asked[0]]
                planted += 1
            before = asked
            turns = [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": " ".join(asked)},
                {"role": "assistant", "content": " ".join(draw.choices(words, k=15))},
            ]
            file.write(json.dumps({"messages": turns}) + "\n")
    return planted


def ask(python: Path, path: Path) -> dict[str, Any]:
    request = {
        "task": "lm_training",
        "base_model": BASE,
        "data": {"path": str(path), "local": True, "train_split": "train", "test_split": 0.1},
        "params": {
            "trainer": "sft",
            "text_column": "messages",
            "chat_template": "tokenizer",
            "block_size": 256,
        },
    }
    done = child(python, MEASURED, json.dumps(request))
    found: dict[str, Any] = json.loads(done.splitlines()[-1])
    return found


def resolve_base(python: Path) -> None:
    """Fetching and converting the base is not what is measured."""
    child(
        python,
        f"from hf_recipes.inference.base_model import resolve_base; print(resolve_base({BASE!r}, say=print))",
        "",
    )


def child(python: Path, code: str, given: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(environments.package_path())}
    done = subprocess.run(
        [str(python), "-c", code], input=given, stdout=subprocess.PIPE, text=True, env=environment, check=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
