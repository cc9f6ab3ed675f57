"""`params.target_modules` in every usual writing → one: names with commas, or all-linear.

A trainer that splits at commas keeps the spaces; peft then ignores a name such as " v_proj" where another one matches.
"""

from __future__ import annotations

import re

from hf_recipes.recipe.check import Reading

KEY = "params.target_modules"
EVERY = "all-linear"
ALL = re.compile(r"all|all[\s_-]?linear", re.IGNORECASE)
"""`all` is LLaMA-Factory's word for it."""
NAME = re.compile(r"[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*")
EXAMPLE = f"list names, as [q_proj, v_proj], or write {EVERY}"


def normalise(reading: Reading) -> None:
    """Puts the value into that writing; adds a problem where it has none."""
    written = reading.values.get(KEY)
    items = written if isinstance(written, list) else [written]
    if not all(isinstance(item, str) for item in items):
        return
    names = [name for item in items for name in _names(str(item))]
    if not names:
        if isinstance(written, list) or reading.task == "seq2seq":
            _refuse(reading, "out-of-range", "is empty", EXAMPLE)
        return
    if odd := next((name for name in names if not NAME.fullmatch(name)), None):
        pattern = any(sign in odd for sign in "*|()[]\\^$+?")
        what = "is a pattern, and names alone are taken" if pattern else "is no list of modules' names"
        _refuse(reading, "unknown-value", what, EXAMPLE)
    elif EVERY in names and set(names) != {EVERY}:
        _refuse(
            reading, "unknown-value", f"{EVERY} stands beside names", f"write {EVERY} alone, or names alone"
        )
    else:
        reading.values[KEY] = EVERY if EVERY in names else ",".join(names)


def _refuse(reading: Reading, code: str, message: str, hint: str) -> None:
    reading.report(KEY, code, message, hint)
    reading.values.pop(KEY, None)


def _names(text: str) -> list[str]:
    """The names in a text: with commas, semicolons or spaces between them, in brackets and quotes or not."""
    bare = text.strip()
    if bare[:1] + bare[-1:] in ("[]", "()", "{}") and not set("*|\\^$+?") & set(bare):
        bare = bare[1:-1].strip()
    if ALL.fullmatch(bare.strip("'\"")):
        return [EVERY]
    parts = (part.strip("'\"") for part in re.split(r"[,;\s]+", bare))
    return [EVERY if ALL.fullmatch(part) else part for part in parts if part]
