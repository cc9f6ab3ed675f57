"""Cells of a row → the values that a trainer can use. Each converter raises RowError with one clause."""

from __future__ import annotations

import ast
import io
import json
import math
import re
import tokenize
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from hf_recipes.data.cell_text import NotText, as_text, cell_text, is_conversation
from hf_recipes.data.columns import Column
from hf_recipes.data.messages import (
    NoColumn,
    RowError,
    SharedError,
    begins_with_answer,
    from_value,
    holds_conversation,
    names_in_words,
    shortened,
)


def checked_record(row: Mapping[str, object], columns: Sequence[Column]) -> dict[str, object]:
    """The row with only the columns that the trainer reads, each converted. Raises RowError."""
    result: dict[str, object] = {}
    row = _with_prompt(row, columns)
    for column in columns:
        if column.kind == "any":
            result[column.name] = as_text(row.get(column.name))
            continue
        if column.name not in row:
            raise NoColumn(
                f"no column '{column.name}' ({column.parameter}); the columns are {names_in_words(row)}"
            )
        try:
            result[column.name] = CONVERTERS[column.kind](row[column.name])
        except RowError as error:
            raise type(error)(f"column '{column.name}': {error}") from None
    lists = [len(value) for value in result.values() if isinstance(value, list)]
    if [column.kind for column in columns] == ["texts", "labels"] and lists[0] != lists[1]:
        raise RowError(f"{lists[0]} tokens but {lists[1]} tags")
    return result


def _with_prompt(row: Mapping[str, object], columns: Sequence[Column]) -> Mapping[str, object]:
    """TRL's pairs may keep the question in a column of its own: chosen and rejected are then answers alone, and each gets it."""
    prompt = next((column for column in columns if column.parameter == "prompt_text_column"), None)
    asked = row.get(prompt.name) if prompt else None
    if prompt is None or not isinstance(asked, (list, tuple)) or not is_conversation(asked):
        return row
    joined = {
        column.name: [*asked, *row[column.name]]  # type: ignore[misc]
        for column in columns
        if column.kind == "messages" and begins_with_answer(row.get(column.name))
    }
    return {**row, **joined}


def cells(row: Mapping[str, object], named: Mapping[str, str]) -> dict[str, object]:
    """A row of a table as it is. Raises RowError for what a trainer would only crash on: a cell that holds several values,
    a column that the recipe names (column → parameter) and the data lacks."""
    for name, parameter in named.items():
        if name not in row:
            raise NoColumn(f"no column '{name}' ({parameter}); the columns are {names_in_words(row)}")
    for name, value in row.items():
        if isinstance(value, (list, dict)):
            raise RowError(f"column '{name}': expected one value, found {shortened(as_text(value))}")
        if not isinstance(value, (str, int, type(None))):
            try:
                cell_text(value)
            except NotText as error:
                raise RowError(f"column '{name}' holds {error}") from None
    return dict(row)


def checked_text(value: object) -> str:
    if is_conversation(value) or holds_conversation(value):
        raise SharedError(
            "holds a list of messages where text is due; write data.chat_template: tokenizer for an llm task, "
            "else put the text itself there"
        )
    result = _text(value)
    if not result.strip():
        raise RowError("is empty")
    return result


def number(value: object) -> float:
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise RowError(f"expected a number, found {shortened(as_text(value))}") from None
    if not math.isfinite(result):
        raise RowError("expected a number, found one that is not finite")
    return result


def class_label(value: object) -> str | int:
    """A class: text, or a whole number. Numbers written as text stay text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if value is None or isinstance(value, (list, dict)):
        raise RowError(
            "expected one label, found " + ("nothing" if value is None else shortened(as_text(value)))
        )
    return checked_text(value)


def texts(value: object) -> list[str]:
    items = _list(value)
    for number, item in enumerate(items, start=1):
        if isinstance(item, (Mapping, list, tuple)):
            raise RowError(f"item {number} of the list is no text: {shortened(as_text(item))}")
    return [_text(item) for item in items]


def _text(value: object) -> str:
    try:
        return cell_text(value)
    except NotText as error:
        raise RowError(f"holds {error}") from None


def labels(value: object) -> list[str | int]:
    return [class_label(item) for item in _list(value)]


def squad_answers(value: object) -> dict[str, list[object]]:
    """SQuAD's form: {"text": [..], "answer_start": [..]}; both empty means that there is no answer."""
    found = _literal(value)
    if not isinstance(found, Mapping) or not {"text", "answer_start"} <= set(found):
        raise RowError('expected {"text": [...], "answer_start": [...]}, found ' + shortened(as_text(value)))
    spoken, starts = _many(found["text"]), _many(found["answer_start"])
    if len(spoken) != len(starts):
        raise RowError(f"{len(spoken)} answers but {len(starts)} starts")
    if not all(isinstance(start, int) for start in starts):
        raise RowError("answer_start holds something that is not a whole number")
    return {"text": [_text(item) for item in spoken], "answer_start": starts}


CONVERTERS: dict[str, Callable[[object], object]] = {
    "text": checked_text,
    "number": number,
    "label": class_label,
    "texts": texts,
    "labels": labels,
    "answers": squad_answers,
    "messages": from_value,
}


def class_names(values: set[str | int], declared: Sequence[str] | None = None) -> list[str]:
    """The names of the classes in the order of their ids: sorted, as text.

    Names that the data set itself declares are kept when all values are their ids or all are among them.
    """
    if declared and values <= ({*range(len(declared))} | set(declared)):
        return list(declared)
    return sorted({str(value) for value in values})


def class_id(value: str | int, names: Sequence[str]) -> int:
    """The id of a label. Raises RowError for one that is not among the names (seen in train)."""
    try:
        return names.index(str(value))
    except ValueError:
        if isinstance(value, int) and 0 <= value < len(names):
            return value
        raise RowError(f"the label {value!r} stands in no training row") from None


UNSEPARATED = re.compile(r"""['"]\s+['"]""")


def _joins_texts(value: str) -> bool:
    """Whether Python would make one text of several: ['O' 'B-PER'] is ['OB-PER']."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(value).readline))
    except (tokenize.TokenError, SyntaxError):
        return False
    kinds = [token.type for token in tokens if token.type not in (tokenize.NL, tokenize.NEWLINE)]
    return (tokenize.STRING, tokenize.STRING) in pairwise(kinds)


def _list(value: object) -> list[object]:
    found = _literal(value)
    if not isinstance(found, (list, tuple)) or not found:
        raise RowError("expected a list with something in it, found " + shortened(as_text(value)))
    return list(found)


def _many(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _literal(value: object) -> object:
    if not isinstance(value, str):
        return value
    if UNSEPARATED.search(value) and _joins_texts(value):
        raise RowError(
            f"no commas stand between the texts of the list {shortened(value)}, as numpy writes it; write it as JSON"
        )
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return value
