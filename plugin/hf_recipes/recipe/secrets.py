"""Tokens have no place in a recipe: finding them, without ever repeating them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem

TOKEN = re.compile(r"hf_(?:oauth|jwt)_[\w.-]{20,}|(?:hf_|api_org_)[A-Za-z0-9]{20,}")
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN")
VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SHELL_DEFAULT = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*):?[-=?+][^{}]*\}")
"""`${NAME:-other}`, which the shell knows and a recipe does not."""
HINT = "put it in an environment variable, write ${HF_TOKEN} as hub.token, and revoke this one if the file was shared"

KEY_HINT = "put the key in it, and revoke this one if the file was shared"


def hidden(text: str) -> str:
    """The text with everything that looks like a token masked."""
    return TOKEN.sub("***", text)


def printable(key: str) -> str:
    """A key as it may stand in a message: short, one line, and nothing that looks like a token."""
    shown = hidden(key)
    if not shown.isprintable():
        shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= 60 else shown[:59] + "…"


def literal_tokens(text: str, file: str) -> Iterator[Problem]:
    """A problem for each token in the text, comments included."""
    for match in TOKEN.finditer(text):
        before = text[: match.start()]
        place = Place(file, before.count("\n") + 1, match.start() - before.rfind("\n"))
        yield literal_token(place)


def literal_token(place: Place) -> Problem:
    return problem(place, "literal-token", "a token stands in the recipe", HINT)


def filled(
    text: str, place: Place, key: str, environ: Mapping[str, str], report: Callable[[Problem], None]
) -> tuple[str, bool]:
    """The text with each `${NAME}` replaced from the environment, and whether every one could be.

    `$${NAME}` stands for the text `${NAME}`. Unset variables are reported, and so is a secret, since the
    recipe is kept in the folder of each run.
    """
    usable = True
    for match in SHELL_DEFAULT.finditer(text):
        name = match.group(1)
        message = f"{key}: a variable has no default here, as the shell's ${{{name}:-…}} has"
        report(problem(place, "bad-variable", message, f"write ${{{name}}}"))

    def value_of(match: re.Match[str]) -> str:
        nonlocal usable
        escape, name = match.groups()
        if escape:
            return match.group()[1:]
        value = environ.get(name)
        if value is None:
            usable = False
            report(unset(place, key, name))
            return ""
        if name in TOKEN_VARIABLES or TOKEN.search(value):
            usable = False
            message = f"{key}: ${{{name}}} holds a token, and this value is kept with each run"
            report(problem(place, "secret-kept", message, "only hub.token may name it"))
            return ""
        return value

    return VARIABLE.sub(value_of, text), usable


def unset(place: Place, key: str, name: str) -> Problem:
    message = f"{key}: the environment variable {name} is not set"
    hint = f"export {name}=…"
    if key.startswith("hub."):
        hint += ", or leave hub out: nothing is pushed then"
    elif key.startswith("data.messages."):
        hint += f"; a column is {{{name}}}, without $"
    return problem(place, "unset-variable", message, hint)
