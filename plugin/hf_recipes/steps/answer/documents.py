"""`evaluate.documents`: files of text and rows → the passages that a retrieval baseline may be shown.

A passage is small enough that a few of them fit into a prompt, and never breaks off in the middle of a word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hf_recipes.data.findings import DataError, Findings, wrong
from hf_recipes.recipe.evaluate_rules import DOCUMENTS
from hf_recipes.steps import files
from hf_recipes.steps.answer.retrieval import Passage

LONGEST = 1000
"""Characters of a passage, about 250 tokens of English. Paragraphs that are short go together up to it."""
TEXTS = (".txt", ".md")


def write_passages(documents: Path, out: Path) -> int:
    """Split the documents into `out`, a JSON line a passage; how many there are. Raises DataError."""
    count = 0
    with out.open("w", encoding="utf-8") as file:
        for passage in passages(documents):
            count += 1
            file.write(json.dumps({"id": passage.id, "text": passage.text}, ensure_ascii=False) + "\n")
    if not count:
        raise wrong(str(documents), "holds no text to retrieve passages from", code="empty-file")
    return count


def passages(documents: Path) -> Iterator[Passage]:
    """The passages of a file, or of every document in a folder, in the order of their names.

    Ids are `<path in the folder>#<number from 1>`. Raises DataError for what is missing, not UTF-8 or not readable.
    """
    for path in _paths(documents):
        name = path.relative_to(documents).as_posix() if documents.is_dir() else path.name
        texts = _of_text(path) if path.suffix.lower() in TEXTS else _of_rows(path)
        for number, text in enumerate(texts, start=1):
            yield Passage(f"{name}#{number}", text)


def _paths(documents: Path) -> list[Path]:
    if documents.is_file():
        return [documents]
    if not documents.is_dir():
        raise wrong(str(documents), "there is no such file or folder", code="no-file")
    found = sorted(
        path
        for path in documents.rglob("*")
        if path.suffix.lower() in DOCUMENTS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(documents).parts)
    )
    if not found:
        raise wrong(str(documents), f"the folder holds no {', '.join(DOCUMENTS)} file", code="no-file")
    return found


def _of_text(path: Path) -> Iterator[str]:
    """Paragraphs, the short ones together. A Markdown heading begins a passage of its own."""
    together = ""
    for paragraph in re.split(r"\n\s*\n", _decoded(path)):
        if not paragraph.strip():
            continue
        for piece in _cut(paragraph.strip()):
            heading = path.suffix.lower() == ".md" and piece.startswith("#")
            if together and (heading or len(together) + len(piece) + 2 > LONGEST):
                yield together
                together = ""
            together = f"{together}\n\n{piece}" if together else piece
    if together:
        yield together


def _decoded(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _not_text(path, f"not UTF-8: byte 0x{error.object[error.start]:02x}", line) from None
    if "\0" in text:
        raise _not_text(path, "holds a NUL byte", text[: text.index("\0")].count("\n") + 1)
    return text.replace("\r\n", "\n")


def _not_text(path: Path, message: str, line: int) -> DataError:
    return wrong(str(path), message, hint="save the file as UTF-8", code="not-utf-8", line=line)


def _cut(paragraph: str) -> Iterator[str]:
    """Pieces of at most LONGEST characters: at the end of a sentence where there is one, else between words."""
    while len(paragraph) > LONGEST:
        ends = [found.end() for found in re.finditer(r"[.!?。!?]\s*(?=\s|$)|[。!?]", paragraph[:LONGEST])]
        place = ends[-1] if ends else paragraph.rfind(" ", 0, LONGEST)
        place = place if place > 0 else LONGEST
        yield paragraph[:place].strip()
        paragraph = paragraph[place:].strip()
    if paragraph:
        yield paragraph


def _of_rows(path: Path) -> Iterator[str]:
    """A passage a row: its `text`, or every value under its name."""
    findings = Findings()
    for _, row in files.read_files(path, findings):
        findings.stop()
        text = _row(row).strip()
        if text:
            yield text
    findings.stop()


def _row(row: Mapping[str, object]) -> str:
    text = row.get("text")
    if isinstance(text, str):
        return text
    values: Sequence[tuple[str, object]] = [(name, value) for name, value in row.items() if value is not None]
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in values
    )
