"""What has no place in the text of a data set: secrets and e-mail addresses. Said by kind, never by value."""

from __future__ import annotations

import re

TOKENS = {
    "a Hugging Face token": r"hf_(?:oauth|jwt)_[\w.-]{20,}|(?:hf_|api_org_)[A-Za-z0-9]{20,}",
    "a GitHub token": r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{20,}",
    "an AWS access key id": r"AKIA[0-9A-Z]{16}",
    "an API key (sk-…)": r"sk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}",
    "a Slack token": r"xox[abprs]-[A-Za-z0-9-]{10,}",
    "a Google API key": r"AIza[\w-]{35}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
"""Kind → what it looks like. None of them may follow a letter, a digit, `_` or `-`."""
MORE = {
    "a JSON web token": r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a password in an address": r"[a-z][a-z0-9+.-]*://[^\s/:@\"'<>]+:[^\s/:@\"'<>{}$*]{3,}@[\w-]+(?:\.[\w-]+)*",
}
BEFORE = r"(?<![A-Za-z0-9_-])"
PATTERNS = {kind: re.compile(BEFORE + f"(?:{pattern})") for kind, pattern in {**TOKENS, **MORE}.items()}
# Looking for a plain word is a hundred times faster than for a pattern, and nearly all rows hold none of these.
MARKS = {
    "a Hugging Face token": ("hf_", "api_org_"),
    "a GitHub token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "an AWS access key id": ("AKIA",),
    "an API key (sk-…)": ("sk-",),
    "a Slack token": ("xox",),
    "a Google API key": ("AIza",),
    "a private key": ("PRIVATE KEY-----",),
    "a JSON web token": ("eyJ",),
    "a password in an address": ("://",),
}
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?P<domain>(?:[\w-]{1,63}\.)+[A-Za-z]{2,24})(?![\w-])")
# RFC 2606: nobody has an address there.
RESERVED = re.compile(r"(?:.*\.)?(?:example\.(?:com|net|org)|example|test|invalid|localhost)", re.IGNORECASE)
DOCUMENTED = "EXAMPLE"
"""How AWS ends the keys of its own documentation."""


def secrets_in(text: str) -> list[str]:
    """The kinds of secrets that stand in a text, each once."""
    return [
        kind
        for kind, marks in MARKS.items()
        if any(mark in text for mark in marks)
        and any(not found.group().endswith(DOCUMENTED) for found in PATTERNS[kind].finditer(text))
    ]


def has_email(text: str) -> bool:
    """Whether an e-mail address stands in a text that may be somebody's."""
    return "@" in text and any(
        not RESERVED.fullmatch(found.group("domain")) for found in EMAIL.finditer(text)
    )


def masked(text: str) -> str:
    """The text with every secret and e-mail address replaced: for messages that repeat a piece of a row."""
    for kind, marks in MARKS.items():
        if any(mark in text for mark in marks):
            text = PATTERNS[kind].sub("***", text)
    return EMAIL.sub("***", text) if "@" in text else text
