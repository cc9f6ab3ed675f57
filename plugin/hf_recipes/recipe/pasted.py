"""Characters that text brings along when it is pasted from a page or a word processor, and that look like others."""

from __future__ import annotations

import re

SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
INVISIBLE = "\u200b-\u200f\u2060\ufeff\u00ad"
ODD = re.compile(f"[{SPACES}{INVISIBLE}]")
EDGES = re.compile(
    f"^[\\s{SPACES}{INVISIBLE}]*[{SPACES}{INVISIBLE}][\\s{SPACES}{INVISIBLE}]*|[{SPACES}{INVISIBLE}]+$"
)
CURLY = re.compile("[“”„«»][^“”„«»]*[“”„«»]|[‘’‚‹›][^‘’‚‹›]*[‘’‚‹›]")
STRAIGHT = 'YAML takes straight quotes, "…"'
AROUND = re.compile(f"^[ \t]*(?:- )?[ \t]*([{SPACES}{INVISIBLE}])")
AFTER_COLON = re.compile(f"^[^#'\"]*?[\\w}}\\]](?::|：)([{SPACES}])")
WIDE_COLON = re.compile(r"^\s*(?:- )?[\w.-]+(：)")
DASHES = str.maketrans("‐‑‒–—−", "------")


def name_of(character: str) -> str:
    """What a character is, for people who cannot see it."""
    if character == "\u00a0":
        return "a no-break space"
    if character == "\u3000":
        return "a full-width space"
    if character == "\ufeff":
        return "a byte order mark"
    return "an invisible character" if re.match(f"[{INVISIBLE}]", character) else "a space of another kind"


def odd_in_line(line: str) -> tuple[int, str, str] | None:
    """(column from 1, what is wrong, what to do) of the first such character where YAML would want a space or a colon."""
    if match := AROUND.match(line):
        what, hint = (
            name_of(match.group(1)),
            "write spaces" if re.match(f"[{SPACES}]", match.group(1)) else "remove it",
        )
        return match.start(1) + 1, f"{what} stands in the indentation", hint
    if match := AFTER_COLON.match(line):
        return match.start(1) + 1, f"{name_of(match.group(1))} stands behind the colon", "write a space"
    if match := WIDE_COLON.match(line):
        return match.start(1) + 1, "a full-width colon", "write : and a space"
    return None


def cleaned_key(key: str) -> str:
    """A key without what cannot be seen in it, and without curly quotes around it."""
    bare = ODD.sub("", key)
    return bare[1:-1] if CURLY.fullmatch(bare) else bare


def odd_value(text: str) -> tuple[str, str, str] | None:
    """(what is wrong, what to do, the text without it) of a value without quotes of YAML's; None where nothing is odd."""
    if match := EDGES.search(text):
        what = name_of(next(iter(ODD.findall(match.group()))))
        return f"{what} stands beside the value", "remove it", EDGES.sub("", text).strip()
    if CURLY.fullmatch(text):
        return "curly quotes belong to the text for YAML", STRAIGHT, text[1:-1]
    return None
