"""Secrets do not leave a run: not into its log, its events, its state or its model's files."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Mapping, Sequence

from hf_recipes.runner.secret_patterns import token_spans

USUAL_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN")


def hub_tokens(secrets: Sequence[str]) -> list[str]:
    """Which of a job's secrets hold a Hub token: HF_TOKEN and what stands before it. Behind it are keys of other servers,
    which the Hub must never be sent."""
    names = list(secrets)
    return names[: names.index("HF_TOKEN") + 1] if "HF_TOKEN" in names else names


class Redactor:
    """Takes secrets out of text: the values of the named variables, also URL-quoted, and whatever looks like a token."""

    def __init__(self, names: Sequence[str], environment: Mapping[str, str]) -> None:
        values = {environment.get(name, "") for name in (*names, *USUAL_SECRETS)}
        # Text is redacted by line, so a secret of several lines is several secrets. Up to 3 letters are no secret.
        lines = {line.strip() for value in values for line in value.splitlines()}
        forms = {
            form
            for line in lines
            for form in (line, urllib.parse.quote(line, safe=""), json.dumps(line)[1:-1])
        }
        secrets = sorted((form for form in forms if len(form) > 3), key=len, reverse=True)
        known = "|".join(map(re.escape, secrets)) or r"(?!)"
        self._patterns = (
            re.compile(known),
            # Pre-signed URLs, which give access to a private file; libraries print them when they retry.
            re.compile(r"(?<=Signature=)[\w%~.-]{20,}"),
        )

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where secrets stand, in order; ones that overlap, such as a token with another secret behind it, are one."""
        merged: list[tuple[int, int]] = []
        named = [found.span() for pattern in self._patterns for found in pattern.finditer(text)]
        for begin, end in sorted([*named, *token_spans(text)]):
            if merged and begin < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return merged

    def __call__(self, text: str) -> str:
        for begin, end in reversed(self.spans(text)):
            text = f"{text[:begin]}[secret]{text[end:]}"
        return text
