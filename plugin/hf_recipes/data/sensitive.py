"""What has no place in the text of a data set: secrets and e-mail addresses. Said by kind, never by value."""

from __future__ import annotations

import re

from hf_recipes.runner.secret_patterns import found_secrets, without_secrets

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?P<domain>(?:[\w-]{1,63}\.)+[A-Za-z]{2,24})(?![\w-])")
# RFC 2606: reserved domains without real addresses.
RESERVED = re.compile(r"(?:.*\.)?(?:example\.(?:com|net|org)|example|test|invalid|localhost)", re.IGNORECASE)
DOCUMENTED = "EXAMPLE"
"""How AWS ends the keys of its own documentation."""


def secrets_in(text: str) -> list[str]:
    """The kinds of secrets that stand in a text, each once."""
    found = (kind for kind, match in found_secrets(text) if not match.group().endswith(DOCUMENTED))
    return list(dict.fromkeys(found))


def has_email(text: str) -> bool:
    """Whether a text holds an e-mail address that may belong to a person."""
    return "@" in text and any(
        not RESERVED.fullmatch(found.group("domain")) for found in EMAIL.finditer(text)
    )


def masked(text: str) -> str:
    """The text with every secret and e-mail address replaced: for messages that repeat a piece of a row."""
    text = without_secrets(text)
    return EMAIL.sub("***", text) if "@" in text else text
