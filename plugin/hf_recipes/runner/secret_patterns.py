"""What secrets look like: the one list that guards recipes, data sets, logs and what is pushed.

It stands here since it must go with a job, which has the standard library and this folder alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

TOKENS = {
    "a Hugging Face token": r"hf_(?:oauth|jwt)_[\w.-]{20,}|(?:hf_|api_org_)[A-Za-z0-9]{20,}",
    "a GitHub token": r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{20,}",
    "a GitLab token": r"glpat-[\w-]{20,}",
    "an AWS access key id": r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    "an API key (sk-…)": (
        r"sk-(?:ant|proj|svcacct|admin|or)-[A-Za-z0-9_-]{20,}"
        r"|sk-(?:[a-z0-9]{1,8}-){0,3}(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,}"
        r"|sk-(?=[A-Za-z0-9_-]*[A-Z])(?=[A-Za-z0-9_-]*[0-9])[A-Za-z0-9_-]{32,}"
    ),
    "an API key (gsk_…)": r"gsk_[A-Za-z0-9]{40,}",
    "a Stripe key": r"[sr]k_live_[A-Za-z0-9]{16,}",
    "a Slack token": r"xox[abprs]-[A-Za-z0-9-]{10,}",
    "a Google API key": r"AIza[\w-]{35}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
"""Kind → what it looks like. None of them may follow a letter, a digit, `_` or `-`."""
MORE = {
    "a JSON web token": r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a password in an address": r"[a-z][a-z0-9+.-]*://[^\s/:@\"'<>]+:[^\s/:@\"'<>{}$*]{3,}@[\w-]+(?:\.[\w-]+)*",
}
"""What texts of a data set may hold beside them."""
BEFORE = r"(?<![A-Za-z0-9_-])"
PATTERNS = {kind: re.compile(BEFORE + f"(?:{pattern})") for kind, pattern in {**TOKENS, **MORE}.items()}
HUB_TOKEN = re.compile(TOKENS["a Hugging Face token"])
"""Wherever it stands: behind a letter, and behind the %22 of an address, it still is one."""
# Looking for a plain word is a hundred times faster than for a pattern, and nearly all texts hold none of these.
MARKS = {
    "a Hugging Face token": ("hf_", "api_org_"),
    "a GitHub token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "a GitLab token": ("glpat-",),
    "an AWS access key id": ("AKIA", "ASIA"),
    "an API key (sk-…)": ("sk-",),
    "an API key (gsk_…)": ("gsk_",),
    "a Stripe key": ("k_live_",),
    "a Slack token": ("xox",),
    "a Google API key": ("AIza",),
    "a private key": ("PRIVATE KEY-----",),
    "a JSON web token": ("eyJ",),
    "a password in an address": ("://",),
}

ALL_MARKS = tuple(mark for marks in MARKS.values() for mark in marks)


def found_secrets(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    """(its kind, where) of everything in a text that looks like a secret. One may be told as two kinds."""
    if not any(map(text.__contains__, ALL_MARKS)):  # nearly always, and six times faster than the loop
        return
    for kind, marks in MARKS.items():
        if any(mark in text for mark in marks):
            for match in PATTERNS[kind].finditer(text):
                yield kind, match
    if any(mark in text for mark in MARKS["a Hugging Face token"]):
        for match in HUB_TOKEN.finditer(text):
            yield "a Hugging Face token", match


def token_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where tokens stand that no log may hold."""
    return (match.span() for kind, match in found_secrets(text) if kind in TOKENS)


def without_secrets(text: str, mask: str = "***") -> str:
    """The text with everything that looks like a secret masked."""
    for kind, marks in MARKS.items():
        if any(mark in text for mark in marks):
            text = PATTERNS[kind].sub(mask, text)
    return HUB_TOKEN.sub(mask, text)
