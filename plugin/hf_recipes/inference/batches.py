"""Many prompts answered by one model: like lengths together, the beginning that they share computed once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from hf_recipes.inference.answer_cache import AnswerCache, key
from hf_recipes.inference.generation import decode
from hf_recipes.inference.oom_halving import in_halves
from hf_recipes.inference.sides import Side, pad_of

WORTH_SHARING = 8
"""Tokens. A shorter beginning is computed with each prompt; one longer by less than this than what is there is not
computed anew."""


@dataclass(frozen=True)
class GeneratedTokens:
    """An answer as tokens, the one that ended it included."""

    tokens: list[int]
    seconds: float
    cached: bool


class Batches:
    def __init__(
        self, side: Side, stamp: Sequence[object], cache: AnswerCache, prefixes: MutableMapping[str, Any]
    ) -> None:
        """`stamp`: what answers follow from besides their prompts. `prefixes`: the last one of each model, kept for the
        next call."""
        self._side, self._stamp, self._cache, self._prefixes = side, stamp, cache, prefixes

    def answers(
        self,
        prompts: Sequence[list[int]],
        max_new_tokens: int,
        batch_size: int,
        progress: Callable[[int, int], None],
    ) -> list[GeneratedTokens]:
        """One for each prompt, in their order. `progress` gets the number that is done and that of all."""
        keys = [key(*self._stamp, prompt) for prompt in prompts]
        kept = self._cache.get(dict.fromkeys(keys))
        made = {
            place: GeneratedTokens(list(kept[name]["tokens"]), float(kept[name]["seconds"]), True)
            for place, name in enumerate(keys)
            if name in kept
        }
        left = {place: prompt for place, prompt in enumerate(prompts) if place not in made}
        progress(len(made), len(prompts))
        if left:
            prefix, shared = self._prefix(list(left.values()))
            for places in self._batches(left, max_new_tokens, batch_size):
                before = len(made)

                def ended(count: int, before: int = before) -> None:
                    progress(before + count, len(prompts))

                batch = self._batch_that_fits(
                    [left[place] for place in places], max_new_tokens, prefix, ended
                )
                for place, (tokens, seconds) in zip(places, batch, strict=True):
                    made[place] = GeneratedTokens(tokens, seconds + shared / len(left), False)
                self._cache.put(
                    {
                        keys[place]: {"tokens": made[place].tokens, "seconds": made[place].seconds}
                        for place in places
                    }
                )
        return [made[place] for place in range(len(prompts))]

    def _prefix(self, prompts: Sequence[list[int]]) -> tuple[Any, float]:
        """What all prompts begin with as a kv_cache.Prefix, or None, and the seconds that it took."""
        from hf_recipes.inference.kv_cache import common_start, fits, prefix_of

        shared = common_start(prompts)
        if len(prompts) == 1 or len(shared) < WORTH_SHARING or not fits(self._side.model):
            return None, 0.0
        there = self._prefixes.get(self._side.which)
        known = () if there is None else there.tokens
        if known and tuple(shared[: len(known)]) == known and len(shared) < len(known) + WORTH_SHARING:
            return there, 0.0
        started = time.perf_counter()
        with self._side.alone():
            made = self._prefixes[self._side.which] = prefix_of(self._side.model, shared)
        return made, time.perf_counter() - started

    def _batches(
        self, prompts: Mapping[int, list[int]], max_new_tokens: int, batch_size: int
    ) -> Iterator[list[int]]:
        """The places of each batch: longest first, so that what takes the most memory comes at the beginning."""
        from hf_recipes.inference.kv_cache import tokens_that_fit

        room = tokens_that_fit(self._side.model)
        order = sorted(prompts, key=lambda place: len(prompts[place]), reverse=True)
        while order:
            rows = min(batch_size, max(1, room // (len(prompts[order[0]]) + max_new_tokens)))
            yield order[:rows]
            del order[:rows]

    def _batch_that_fits(
        self, prompts: Sequence[list[int]], max_new_tokens: int, prefix: Any, ended: Callable[[int], None]
    ) -> list[tuple[list[int], float]]:
        finished = 0

        def some(rows: Sequence[list[int]]) -> list[tuple[list[int], float]]:
            nonlocal finished
            made = self._batch(rows, max_new_tokens, prefix, lambda count: ended(finished + count))
            finished += len(rows)
            return made

        return in_halves(some, prompts)

    def _batch(
        self, prompts: Sequence[list[int]], max_new_tokens: int, prefix: Any, ended: Callable[[int], None]
    ) -> list[tuple[list[int], float]]:
        """Tokens and seconds of each. `ended` gets how many of them are done."""
        side = self._side
        started = time.perf_counter()
        tokens: list[list[int]] = [[] for _ in prompts]
        done = 0
        with side.alone():
            for new in decode(
                side.model,
                prompts,
                ends=side.ends,
                pad=pad_of(side.tokenizer),
                max_new_tokens=max_new_tokens,
                prefix=prefix,
            ):
                before = done
                for row, token in new.items():
                    tokens[row].append(token)
                    done += token in side.ends
                if before < done < len(prompts):
                    ended(done)
        seconds = (time.perf_counter() - started) / len(prompts)
        ended(len(prompts))
        return [(token, seconds) for token in tokens]
