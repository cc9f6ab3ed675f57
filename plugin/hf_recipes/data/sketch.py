"""What a recipe for unknown rows could be: which columns are the conversation, and what its answers are. Nothing is guessed that
the rows do not show; where they show nothing, the reason is returned in a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from hf_recipes.data.cell_text import NotText, cell_text, is_conversation
from hf_recipes.data.messages import RowError, checked, messages_in, names_in_words

Row = Mapping[str, object]
MOST = 0.9
"""The share of rows, of those that are not empty, that has to be of a kind."""
PAIRS = (
    ("instruction", "output"),
    ("instruction", "response"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("question", "query"),
    ("query", "answer"),
    ("query", "response"),
    ("input", "output"),
    ("text", "label"),
    ("text", "category"),
    ("sentence", "label"),
    ("source", "target"),
    ("q", "a"),
)
"""Names of the columns that hold what is asked and what is answered, in small letters, as public data has them."""
BESIDE = ("input", "context", "schema")
"""Columns that belong to the question where they are filled."""
CHOSEN, REJECTED, PROMPT = "chosen", "rejected", "prompt"
LABELS = 50
"""So many different answers at the most are classes, where there are this many rows for each …"""
ROWS_A_LABEL = 4
LABEL_LENGTH = 60
SHORT = 60
"""Characters of an answer that is compared as a whole."""
UNNAMED = frozenset("{}\"':\n")
"""What a column in a template cannot have in its name."""
SQL = re.compile(r"\s*(?:select|insert|update|delete|with)\b", re.IGNORECASE)
TABLES = re.compile(r"create\s+table", re.IGNORECASE)
NUMBER = re.compile(r"\s*[$€£]?\s*-?[\d,]*\.?\d+\s*%?\s*")


class NoSketch(ValueError):
    """What the rows are cannot be told; the text says why."""


@dataclass(frozen=True)
class Sketch:
    task: str
    """llm-sft or llm-dpo."""
    conversation: str | None = None
    """The column of ready-made messages."""
    asked: tuple[str, ...] = ()
    """The columns that make the user's turn, where there are no messages."""
    answered: str | None = None
    """The column of the answer; of the chosen one of a pair."""
    rejected: str | None = None
    metrics: tuple[str, ...] = ()
    """Those that fit the answers, the deciding one first; empty for preferences."""
    labels: tuple[str, ...] = ()
    """The classes, where the answers are such."""
    longest: int = 0
    """Characters of the longest row."""


def sketch(rows: Sequence[Row]) -> Sketch:
    """Raises NoSketch."""
    if not rows:
        raise NoSketch("there are no rows")
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    lower = {name.strip().lower(): name for name in reversed(names)}
    longest = max(len(json.dumps(row, ensure_ascii=False, default=str)) for row in rows)
    if CHOSEN in lower and REJECTED in lower:
        return _preferences(rows, lower, longest)
    _refuse_thumbs(rows, lower)
    if (column := _conversation(rows, names)) is not None:
        turns = [_turns(cell) for cell in _cells(rows, column)]
        known = [found for found in turns if found]
        answers = [found[-1]["content"] for found in known]
        asked = [found[-2]["content"] for found in known]
        metrics, labels = _metrics(answers, asked)
        return Sketch("llm-sft", column, metrics=metrics, labels=labels, longest=longest)
    return _from_columns(rows, names, lower, longest)


def _preferences(rows: Sequence[Row], lower: Mapping[str, str], longest: int) -> Sketch:
    chosen = lower[CHOSEN]
    if PROMPT not in lower:
        raise NoSketch(
            f"'{chosen}' and '{lower[REJECTED]}' are a preference, and llm-dpo needs a column 'prompt' beside them"
        )
    as_messages = _mostly(_cells(rows, chosen), lambda cell: isinstance(cell, (list, tuple)))
    return Sketch(
        "llm-dpo",
        chosen if as_messages else None,
        (lower[PROMPT],),
        chosen,
        rejected=lower[REJECTED],
        longest=longest,
    )


def _conversation(rows: Sequence[Row], names: Sequence[str]) -> str | None:
    """The first column whose cells are conversations."""
    return next((name for name in names if _mostly(_cells(rows, name), _turns)), None)


def _refuse_thumbs(rows: Sequence[Row], lower: Mapping[str, str]) -> None:
    """KTO's rows hold good answers and bad ones: to learn from all of them would teach the bad ones, too."""
    label = lower.get("label")
    if label and "completion" in lower and _mostly(_cells(rows, label), lambda cell: isinstance(cell, bool)):
        raise NoSketch(
            f"'{label}' says which answers are good ones (true) and bad ones (false), and llm-sft would learn both; "
            "keep the rows with true, or make pairs of them for llm-dpo: prompt, chosen, rejected"
        )


def _refuse_messages(rows: Sequence[Row], names: Sequence[str]) -> None:
    """A column of messages that cannot be used, with what is wrong in the first row."""
    for name in names:
        if _mostly(_cells(rows, name), is_conversation):
            for cell in _cells(rows, name):
                try:
                    checked(messages_in(cell))
                except RowError as error:
                    raise NoSketch(
                        f"column '{name}' holds messages that cannot be trained on: {error}"
                    ) from None


def _cells(rows: Sequence[Row], column: str) -> list[object]:
    """The column's cell of each row, None where it has none."""
    return [row.get(column) for row in rows]


def _turns(cell: object) -> list[dict[str, str]]:
    """Empty where it is no conversation."""
    if not isinstance(cell, (list, tuple, Mapping, str)) or not cell:
        return []
    try:
        return checked(messages_in(cell))
    except RowError:
        return []


def _from_columns(
    rows: Sequence[Row], names: Sequence[str], lower: Mapping[str, str], longest: int
) -> Sketch:
    _refuse_messages(rows, names)
    asked, answered = _question_and_answer(rows, names, lower)
    odd = next((name for name in (*asked, answered) if set(name) & UNNAMED), None)
    if odd is not None:
        raise NoSketch(
            f"a column is called {odd!r}, and no {{column}} can name one with braces, quotes or a colon: rename it"
        )
    answers = [_text(cell) for cell in _cells(rows, answered)]
    questions = [" ".join(_text(row.get(name)) for name in asked) for row in rows]
    metrics, labels = _metrics(answers, questions)
    return Sketch("llm-sft", None, asked, answered, None, metrics, labels, longest)


def _question_and_answer(
    rows: Sequence[Row], names: Sequence[str], lower: Mapping[str, str]
) -> tuple[tuple[str, ...], str]:
    for question, answer in PAIRS:
        if question in lower and answer in lower:
            beside = (lower[name] for name in BESIDE if name in lower and name not in (question, answer))
            filled = [name for name in beside if any(_text(cell).strip() for cell in _cells(rows, name))]
            return (lower[question], *filled), lower[answer]
    texts = [name for name in names if _mostly(_cells(rows, name), lambda cell: _text(cell).strip())]
    if len(texts) == 2:
        return (texts[0],), texts[1]
    listed = f"the columns are {names_in_words(names)}"
    if len(texts) == 1:
        raise NoSketch(
            f"{listed}, and '{texts[0]}' alone holds text: there is no question with its answer; to go on with plain text, "
            "write a recipe with task: llm-generic"
        )
    if not texts:
        raise NoSketch(f"no column is an answer to another one; {listed}")
    raise NoSketch(
        f"which columns are question and answer cannot be told; {listed}; rename two of them to question and answer"
    )


def _metrics(answers: Sequence[str], questions: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(metrics, classes)"""
    given = [answer.strip() for answer in answers if answer.strip()]
    if _mostly(given, _is_json):
        return ("exact_match", "json_f1"), ()
    if _mostly(given, lambda answer: bool(SQL.match(answer))):
        tables = _mostly(questions, lambda question: bool(TABLES.search(question)))
        return (("sql_execution", "exact_match") if tables else ("normalised_match",)), ()
    classes = sorted(set(given))
    few = 2 <= len(classes) <= min(LABELS, len(given) // ROWS_A_LABEL)
    if few and all(len(name) <= LABEL_LENGTH and "\n" not in name for name in classes):
        return ("accuracy", "macro_f1"), tuple(classes)
    if _mostly(given, lambda answer: bool(NUMBER.fullmatch(answer))):
        return ("number_match",), ()
    short = _mostly(given, lambda answer: len(answer) <= SHORT and "\n" not in answer)
    return (("exact_match", "normalised_match") if short else ("rougeL", "chrf")), ()


def _is_json(answer: str) -> bool:
    try:
        return isinstance(json.loads(answer), dict)
    except (ValueError, RecursionError):
        return False


def _text(cell: object) -> str:
    try:
        return "" if cell is None else cell_text(cell)
    except NotText:
        return ""


def _mostly(items: Iterable[object], holds: Callable[..., object]) -> bool:
    found = [bool(holds(item)) for item in items]
    return bool(found) and sum(found) >= MOST * len(found)
