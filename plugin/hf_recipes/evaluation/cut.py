"""Answers that ended at the limit of tokens: what they could have come to, and whether a decision hangs on it.

A cut answer is one that nobody knows the end of. Each is counted as it could have come out: at the worst wrong, at the best
right, where what it has said so far leaves that open. A decision that is the same at both ends does not hang on the limit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hf_recipes.catalog.metrics import metrics_where
from hf_recipes.data.answer_room import KEY
from hf_recipes.evaluation.answers import Answer
from hf_recipes.evaluation.matching import normalised
from hf_recipes.evaluation.measured import Measured, mean_of
from hf_recipes.evaluation.metrics import Setting, measure_metric

MOST_CUT = 0.05
"""The share of a method's answers that may end at the limit before a verdict looks at what they could have come to."""
OVERLAP = metrics_where("overlap")
GENERATED = metrics_where("generated")
JSON = metrics_where("json")
JSON_START = re.compile(r"[\[{\"\-\dtfn]")
SQL_START = re.compile(
    r"(\s|\(|--[^\n]*\n|/\*.*?\*/)*(select|with|values|explain|pragma)\b", re.IGNORECASE | re.DOTALL
)
SQL_MORE = re.compile(r";\s*[^\s;-]")
SHORTEST_LOOP, LONGEST_LOOP = 10, 300
"""Characters. What is repeated in less is repeated in a multiple of it as well."""
HALF = "\ufffd"
"""What a character looks like whose last bytes were cut."""
Answers = Mapping[str, Mapping[int, Answer]]


def counts(answers: Answers) -> dict[str, int]:
    """Method → how many of its answers ended at the limit."""
    return {method: sum(row.cut for row in rows.values()) for method, rows in answers.items()}


def too_many(answers: Answers, methods: Iterable[str]) -> list[str]:
    """Those of `methods` of whose answers more than MOST_CUT ended at the limit."""
    found = counts(answers)
    return [method for method in methods if found.get(method, 0) > MOST_CUT * len(answers[method])]


def answer_limit(folder: Path) -> int | None:
    """The limit that the recorded answers in `folder` had, as the answer step wrote it beside them."""
    for file in sorted(folder.glob("*.json")):
        try:
            found = json.loads(file.read_text("utf-8")).get("max_new_tokens")
        except (ValueError, AttributeError):
            continue
        if type(found) is int:
            return found
    return None


def least_and_most(
    metric: str, answers: Sequence[Answer], measured: Measured, setting: Setting
) -> tuple[Measured, Measured]:
    """What a method could have come to, had its cut answers gone on: every one of them at its worst, and at its best."""
    if metric not in GENERATED or not any(answer.cut for answer in answers):
        return measured, measured
    if metric in OVERLAP or metric == "macro_f1":
        worst = [replace(answer, answer="") if answer.cut else answer for answer in answers]
        best = [
            replace(answer, answer=_at_best(metric, answer)) if answer.cut else answer for answer in answers
        ]
        made = measure_metric(metric, worst, setting), measure_metric(metric, best, setting)
        return made[0] or measured, made[1] or measured
    pairs = list(zip(answers, measured.values, strict=True))
    least = [0.0 if pair.cut else value for pair, value in pairs]
    most = [1.0 if pair.cut and may_be_right(metric, pair) else value for pair, value in pairs]
    return (
        mean_of(least, right_or_wrong=measured.right_or_wrong),
        mean_of(most, right_or_wrong=measured.right_or_wrong),
    )


def may_be_right(metric: str, answer: Answer) -> bool:
    """Whether a cut answer, gone on, could be right by this metric: an answer that is compared as a whole can't be, once it
    has begun otherwise than the expected one."""
    said, expected = answer.answer.rstrip(HALF).strip(), answer.reference.strip()
    if metric == "exact_match" or repeats_itself(said):
        return expected.startswith(said)
    if metric in ("normalised_match", "accuracy", "macro_f1"):
        return normalised(expected).startswith(normalised(said)) or expected.startswith(said)
    if metric in JSON:
        return _may_be_json(said)
    if metric == "sql_execution":
        return not said or (SQL_START.match(said) is not None and SQL_MORE.search(said) is None)
    return True


def repeats_itself(text: str) -> bool:
    """Whether the same has been said three times at the end. Greedy decoding does not leave such a loop: a higher limit, too, would
    cut the answer."""
    return any(
        text[-2 * length :] == text[-3 * length : -length]
        for length in range(SHORTEST_LOOP, min(LONGEST_LOOP, len(text) // 3) + 1)
    )


def cut_sentence(answers: Answers, methods: Sequence[str], limit: int | None) -> str:
    """`fine-tuned 30 of 300 and few-shot 210 of 300 answers ended at the limit of 6 tokens (evaluate.max_new_tokens)`."""
    found = counts(answers)
    parts = [f"{method} {found[method]} of {len(answers[method])}" for method in methods]
    listed = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
    at = "the limit" if limit is None else f"the limit of {limit:,} tokens"
    return f"{listed} answers ended at {at} ({KEY})"


def _at_best(metric: str, answer: Answer) -> str:
    """The text that a cut answer scores highest with: the expected one, and as much beside it as has been said already."""
    if metric == "macro_f1":
        return answer.reference if may_be_right(metric, answer) else answer.answer
    said = answer.answer.rstrip(HALF).strip()
    if answer.reference.strip().startswith(said):
        return answer.reference
    if repeats_itself(said):
        return answer.answer
    return answer.reference + answer.answer[len(answer.reference) :]


def _may_be_json(text: str) -> bool:
    """Whether more text could make it JSON: it begins as JSON does, and nothing stands behind a whole value."""
    if not text:
        return True
    if not JSON_START.match(text):
        return False
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return True
    return not text[end:].strip()
