"""What YAML's own errors say → a problem where the mistake is, which is often above the line where it is noticed."""

from __future__ import annotations

import yaml

from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem

MAX_DEPTH = 20
COLON = "a key needs a colon and a space after it, as in lr: 2e-4"


def not_yaml(error: yaml.MarkedYAMLError, text: str, file: str, at: Place | None) -> Problem:
    """`at` is the place where the text does not stand in a file."""
    mark = _mark(error)
    place = at or (Place(file, mark.line + 1, mark.column + 1) if mark else Place(file))
    what = ": ".join(part for part in (_context(error, mark, at), error.problem) if part)
    if "maximum nesting depth" in what:  # libyaml has a bound of its own, and may come to it before we do
        return problem(place, "too-deep", f"nested more than {MAX_DEPTH} levels deep")
    noticed = "mapping values are not allowed" in what or "did not find expected key" in what
    if not at and noticed and _is_keyless(text, place.line - 1):
        above = text.splitlines()[place.line - 2]
        place = Place(file, place.line - 1, len(above) - len(above.lstrip()) + 1)
        return problem(place, "yaml-syntax", "not YAML: a line that is no key: value", COLON)
    return problem(place, "yaml-syntax", f"not YAML: {what}", _hint(what, _line(text, place)))


def _mark(error: yaml.MarkedYAMLError) -> yaml.Mark | None:
    """Where the mistake is. A key without its colon is noticed a line later only."""
    if error.problem and "could not find expected ':'" in error.problem:
        return error.context_mark or error.problem_mark
    return error.problem_mark or error.context_mark


def _context(error: yaml.MarkedYAMLError, mark: yaml.Mark | None, at: Place | None) -> str | None:
    """What was being read, and where it began where that is another line: a bracket or a quote left open shows there."""
    begun = error.context_mark
    if at or not (error.context and begun and mark) or begun.line == mark.line:
        return error.context
    return f"{error.context} that begins on line {begun.line + 1}"


def _is_keyless(text: str, number: int) -> bool:
    """Whether a line (from 1) stands among keys and is none: `lr:2e-4`, which YAML takes for text that goes on."""
    lines = [line.partition(" #")[0].rstrip() for line in text.splitlines()[: number + 1]]
    if number < 1 or len(lines) <= number or not lines[number - 1]:
        return False
    line, after = lines[number - 1], lines[number]
    if _depth(line) != _depth(after) or ": " in line or line.endswith(":") or line.lstrip()[0] in "-#":
        return False
    parent = next((one for one in reversed(lines[: number - 1]) if one and _depth(one) < _depth(line)), ":")
    return parent.endswith(":") or parent.lstrip().startswith("- ")


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _line(text: str, place: Place) -> str:
    lines = text.splitlines()[place.line - 1 : place.line] if place.line else []
    return "".join(lines)


def _hint(what: str, line: str) -> str:
    if "\\t" in what or line.lstrip(" ").startswith("\t"):
        return "indent with spaces, not tabs"
    if "expected ':'" in what:
        return COLON
    if "“" in line or "”" in line:
        return 'YAML takes straight quotes, "…"'
    if "${" in line and ("flow" in what or "{" in line.replace("${", "")):
        return "put quotes around ${…} inside braces and brackets"
    if "mapping values are not allowed" in what:
        return "put quotes around a value that holds ': ', and check the indentation"
    if "block mapping" in what or "block collection" in what:
        return "check the indentation: keys of one level stand in one column"
    return ""
