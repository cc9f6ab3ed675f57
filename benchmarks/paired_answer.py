"""Both answers from one batched pass against the base and then the fine-tuned model: time, and memory against one model.

Runs in the inference interpreter: `make bench`, or

    python benchmarks/paired_answer.py [--rounds 5] [--new-tokens 48]

Bounds: at the most 0.75 of the time, with the same answers; at the most 1.15 of one model's peak memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

TIME_BOUND = 0.75
MEMORY_BOUND = 1.15
SYSTEM = {"role": "system", "content": "Turn the recipe line into JSON with qty, unit and name."}
LINES = ("about 3 tsp. rolled oats, thinly sliced", "2½ cups warm oat milk (divided)", "flaky salt, to taste")
PROMPTS = [[SYSTEM, {"role": "user", "content": line}] for line in LINES]


def main() -> int:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--new-tokens", type=int, default=48)
    arguments.add_argument("--part", choices=("prepare", "base", "pair"), help=argparse.SUPPRESS)
    arguments.add_argument("--base", help=argparse.SUPPRESS)
    arguments.add_argument("--adapter", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.part == "prepare":
        print(json.dumps(make_adapter(given.adapter)))
        return 0
    if given.part:
        print(json.dumps(peak_memory(given.part, given.base, given.adapter, given.new_tokens)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        # Before this process loads anything: to Linux, a child has held at the most what its parent had.
        adapter = Path(folder)
        base = str(part("prepare", "--adapter", folder))
        one, both = (
            int(part(which, "--base", base, "--adapter", folder, "--new-tokens", str(given.new_tokens)))
            for which in ("base", "pair")
        )
        in_turn, together = times(base, adapter, given.rounds, given.new_tokens)
    ratio = median(b / a for a, b in zip(in_turn, together, strict=True))
    print(f"in turn    {median(in_turn):6.2f} s a prompt (median of {len(in_turn)})")
    print(f"one pass   {median(together):6.2f} s a prompt, the same answers")
    print(f"time       {ratio:.2f} x (bound {TIME_BOUND}), median of the ratios of neighbours")
    print(
        f"memory     {both / one:.2f} x (bound {MEMORY_BOUND}): {both / 2**20:.0f} MiB against {one / 2**20:.0f} MiB of one model"
    )
    return 0 if ratio <= TIME_BOUND and both / one <= MEMORY_BOUND else 1


def make_adapter(folder: Path) -> str:
    """LoRA on every linear layer, as the quickstart trains; random weights, so that both answer at length. Returns the base."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from hf_recipes.inference.base_model import resolve_base

    base = resolve_base("bundled/smollm2-135m-instruct", say=lambda text: print(text, file=sys.stderr))
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tuned = get_peft_model(
        model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.01)
    tuned.save_pretrained(folder)
    return base


def times(base: str, adapter: Path, rounds: int, new_tokens: int) -> tuple[list[float], list[float]]:
    """Seconds of each prompt in turn and in one pass, measured alternately. Raises AssertionError where answers differ."""
    from hf_recipes.inference.pair import load_pair

    pair = load_pair(base, adapter)
    answer_in_turn(pair, PROMPTS[0], 2)
    answer_together(pair, PROMPTS[0], 2)
    in_turn, together = [], []
    for _ in range(rounds):
        for prompt in PROMPTS:
            started = time.perf_counter()
            separate = answer_in_turn(pair, prompt, new_tokens)
            between = time.perf_counter()
            paired = answer_together(pair, prompt, new_tokens)
            in_turn.append(between - started)
            together.append(time.perf_counter() - between)
            assert paired == separate, (paired, separate)
    return in_turn, together


def answer_in_turn(pair: Any, prompt: Any, new_tokens: int) -> list[str]:
    return [
        pair.answer([prompt], model=which, max_new_tokens=new_tokens)[0].text
        for which in ("base", "fine-tuned")
    ]


def answer_together(pair: Any, prompt: Any, new_tokens: int) -> list[str]:
    last = {}
    for delta in pair.stream(prompt, max_new_tokens=new_tokens, stop=threading.Event()):
        last[delta.model] = delta.text
    return [last["base"], last["fine-tuned"]]


def part(name: str, *options: str) -> Any:
    """What a fresh process says at its end."""
    command = [sys.executable, __file__, "--part", name, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def peak_memory(which: str, base: str, adapter: Path, new_tokens: int) -> int:
    """Bytes that this process held at the most (on a GPU: that torch held there)."""
    import resource

    import torch

    from hf_recipes.inference.pair import load_base, load_pair

    if which == "base":
        load_base(base).answer(PROMPTS[:1], model="base", max_new_tokens=new_tokens)
    else:
        answer_together(load_pair(base, adapter), PROMPTS[0], new_tokens)
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    sys.exit(main())
