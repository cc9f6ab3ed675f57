"""What YAML's own errors say → a problem where the mistake is, which is often above the line where it is noticed."""

from __future__ import annotations

import re

import yaml

from hf_recipes.recipe.pasted import CURLY, STRAIGHT, odd_in_line
from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem

MAX_DEPTH = 20
COLON = "a key needs a colon and a space after it, as in lr: 2e-4"
BEGINS = {
    "*": "an alias",
    "&": "an anchor",
    "!": "a tag",
    ">": "a block of text",
    "|": "a block of text",
    "@": "reserved",
    "`": "reserved",
    "%": "a directive",
}
"""What a sign is to YAML at the beginning of a value."""
VALUE = re.compile(r"^\s*(?:- +)?(?:[^\s#'\"\[{:]+: +)?(?P<opener>['\"\[{])")


def not_yaml(error: yaml.MarkedYAMLError, text: str, file: str, at: Place | None) -> Problem:
    """`at` is the place where the text does not stand in a file."""
    mark = _mark(error)
    line, column = (mark.line, mark.column) if mark else (0, 0)
    what = ": ".join(part for part in (_context(error, mark, at), error.problem) if part)
    place = Place(file, line + 1, column + 1) if mark else Place(file)
    if "maximum nesting depth" in what:  # libyaml has a bound of its own, and may come to it before we do
        return problem(at or place, "too-deep", f"nested more than {MAX_DEPTH} levels deep")
    lines = text.splitlines()
    if odd := _pasted(lines, line):
        number, column, told, hint = odd
        return problem(at or Place(file, number, column), "yaml-syntax", f"not YAML: {told}", hint)
    if known := _in_our_words(what, lines, line, column):
        column, told, hint = known
        return problem(at or Place(file, line + 1, column), "yaml-syntax", f"not YAML: {told}", hint)
    noticed = "mapping values are not allowed" in what or "did not find expected key" in what
    if not at and noticed and _is_keyless(text, place.line - 1):
        above = lines[place.line - 2]
        place = Place(file, place.line - 1, len(above) - len(above.lstrip()) + 1)
        return problem(place, "yaml-syntax", "not YAML: a line that is no key: value", COLON)
    shown = lines[line] if line < len(lines) else ""
    return problem(at or place, "yaml-syntax", f"not YAML: {what}", _hint(what, shown))


def quote(sign: str) -> str:
    return f"put quotes around text that begins with {sign}"


def _pasted(lines: list[str], line: int) -> tuple[int, int, str, str] | None:
    """(line, column, what, hint) of the last character, up to where the mistake was noticed, that only looks like a space."""
    for number in range(min(line, len(lines) - 1), -1, -1):
        if odd := odd_in_line(lines[number]):
            return number + 1, *odd
    return None


def _in_our_words(what: str, lines: list[str], line: int, column: int) -> tuple[int, str, str] | None:
    """(column, what, hint) where PyYAML's own message would not help."""
    shown = lines[line] if line < len(lines) else ""
    if "escape" in what or "hexdecimal" in what or "hexadecimal" in what:
        begin = shown.rfind("\\", 0, column + 1) + 1 or column + 1
        return (
            begin,
            "in double quotes \\ begins an escape",
            "write / or \\\\, or put single quotes around the text",
        )
    if "scanning an alias" in what or "scanning an anchor" in what:
        begin = max(shown.rfind(sign, 0, column + 1) for sign in "*&")
        while begin > 0 and shown[begin - 1] == shown[begin]:
            begin -= 1  # of *** YAML notices the second
        sign = shown[begin] if begin >= 0 else "*"
        return max(begin, 0) + 1, f"{sign} begins {BEGINS[sign]}", quote(sign)
    sign = shown[column : column + 1]
    if "block scalar" in what:
        begin = max(shown.rfind(sign, 0, column + 1) for sign in ">|")
        sign = shown[begin] if begin >= 0 else ">"
        return max(begin, 0) + 1, f"{sign} begins {BEGINS[sign]}", quote(sign)
    if "cannot start any token" in what and sign in BEGINS:
        return column + 1, f"a value cannot begin with {sign}", quote(sign)
    ended = "expected key" in what or "<block end>" in what or "block collection" in what
    if ended and (match := VALUE.match(shown)) and column > match.start("opener"):
        return column + 1, "text goes on behind what closed it", _closed(match.group("opener"))
    return None


def _closed(opener: str) -> str:
    if opener == "'":
        return "inside single quotes write '' for ', or put double quotes around all of the text"
    if opener == '"':
        return 'inside double quotes write \\" for ", or put single quotes around all of the text'
    return quote(opener)


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
    parent = next(
        (above for above in reversed(lines[: number - 1]) if above and _depth(above) < _depth(line)), ":"
    )
    return parent.endswith(":") or parent.lstrip().startswith("- ")


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _hint(what: str, line: str) -> str:
    if "\\t" in what or line.lstrip(" ").startswith("\t"):
        return "indent with spaces, not tabs"
    if "expected ':'" in what:
        return COLON
    if CURLY.search(line) or "“" in line or "”" in line:
        return STRAIGHT
    if "${" in line and ("flow" in what or "{" in line.replace("${", "")):
        return "put quotes around ${…} inside braces and brackets"
    if "mapping values are not allowed" in what:
        return "put quotes around a value that holds ': ', and check the indentation"
    if "flow mapping" in what or "flow sequence" in what or "flow node" in what:
        return "separate with single commas, close each bracket, and put quotes around text that holds one of : , [ ] { }"
    if "block mapping" in what or "block collection" in what:
        return "check the indentation: keys of one level stand in one column"
    if "document start" in what:
        return "... ends a recipe: remove it"
    return ""
