"""Secrets have no place in a recipe: finding them, without ever repeating them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem
from hf_recipes.runner.secret_patterns import HUB_TOKEN, found_secrets, without_secrets

TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACEHUB_API_TOKEN")
SECRET_NAME = re.compile(
    r"(?:^|_)(?:(?:API|ACCESS|SECRET|PRIVATE|AUTH|SERVICE)_?KEY(?:_ID)?|KEY_?SECRET|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?"
    r"|(?<!EOS_)(?<!BOS_)(?<!PAD_)(?<!UNK_)(?<!SEP_)(?<!CLS_)(?<!MASK_)(?<!STOP_)(?<!END_)(?<!START_)(?<!MAX_)(?<!SPECIAL_)TOKEN)$",
    re.IGNORECASE,
)
"""Part of the name of a variable that holds a token. EOS_TOKEN is not one."""
ENDPOINT = re.compile(r"base_url[\"']?[ \t]*[:=][ \t]*[\"']?$")
"""What stands before the address of an endpoint, about which evaluate_rules.py says more."""
KEY_NAME = re.compile(r"(?:KEY|PAT|SECRET|TOKEN|PWD|PASS)\d*$", re.IGNORECASE)
"""Names of variables that hold a secret if the value looks like one."""
VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
TEMPLATE = re.compile(r"data\.messages\.\d+\.content")
"""The keys whose text has {column} places."""
SHELL_DEFAULT = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*):?[-=?+][^{}]*\}")
"""`${NAME:-other}`, which the shell knows and a recipe does not."""
HINT = "put it in an environment variable, write ${HF_TOKEN} as hub.token, and revoke this one if the file was shared"
KEY_HINT = "put the key in it, and revoke this one if the file was shared"
OTHER_HINT = "a recipe is kept with each run: take it out, and revoke it if the file was shared; an endpoint's api_key is ${NAME}"


def printable(key: str) -> str:
    """A key as it may stand in a message: short, one line, and nothing that looks like a token."""
    shown = without_secrets(key)
    if not shown.isprintable():
        shown = shown.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= 60 else shown[:59] + "…"


def literal_tokens(text: str, file: str) -> Iterator[Problem]:
    """A problem for each secret in the text, comments included."""
    for start, kind in sorted({match.start(): kind for kind, match in found_secrets(text)}.items()):
        before = text[:start]
        if kind == "a password in an address" and ENDPOINT.search(before):
            continue
        place = Place(file, before.count("\n") + 1, start - before.rfind("\n"))
        yield literal_token(place, kind)


def holds_literal(text: str) -> bool:
    """Whether literal_tokens finds something in the text."""
    return any(True for _ in found_secrets(text))


def escaped_secrets(value: str, text: str) -> Iterator[str]:
    """The kinds of secrets in a value that the text of the file holds only with escapes."""
    return (kind for kind, match in found_secrets(value) if match.group() not in text)


def literal_token(place: Place, kind: str) -> Problem:
    if kind == "a Hugging Face token":
        return problem(place, "literal-token", "a token stands in the recipe", HINT)
    return problem(place, "literal-token", f"{kind} stands in the recipe", OTHER_HINT)


def is_secret(name: str, value: str) -> bool:
    """Whether a variable holds a secret, by its name or by what it holds."""
    if name in TOKEN_VARIABLES or SECRET_NAME.search(name) or holds_literal(value):
        return True
    random = len(value) >= 16 and not re.search(r"\s", value) and re.search(r"\d", value)
    return bool(random and re.search(r"[A-Za-z]", value) and KEY_NAME.search(name))


def filled_from_environment(
    text: str, place: Place, key: str, environ: Mapping[str, str], report: Callable[[Problem], None]
) -> tuple[str, bool]:
    """The text with each `${NAME}` replaced from the environment, and whether every one could be.

    `$${NAME}` stands for the text `${NAME}`; in a message's template its braces stay braces, and name no column. Unset
    variables are reported, and so is a secret, since the recipe is kept in the folder of each run.
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
            return f"${{{{{name}}}}}" if TEMPLATE.fullmatch(key) else f"${{{name}}}"
        value = environ.get(name)
        if is_secret(name, value or ""):
            usable = False
            report(_kept(place, key, name, value or ""))
            return ""
        if value is None:
            usable = False
            report(unset(place, key, name))
            return ""
        return value

    return VARIABLE.sub(value_of, text), usable


def _kept(place: Place, key: str, name: str, value: str) -> Problem:
    token = name in TOKEN_VARIABLES or HUB_TOKEN.search(value)
    what = "a token" if token else "a secret"
    message = f"{key}: ${{{name}}} holds {what}, and this value is kept with each run"
    return problem(
        place, "secret-kept", message, f"only {'hub.token' if token else 'an api_key'} may name it"
    )


def first_unset(text: str, environ: Mapping[str, str]) -> str | None:
    """The first variable in a text that is not set; None where all are, and where it must not stand there at all."""
    names = [name for escape, name in VARIABLE.findall(text) if not escape]
    if any(is_secret(name, environ.get(name, "")) for name in names):
        return None
    return next((name for name in names if name not in environ), None)


def unset(place: Place, key: str, name: str) -> Problem:
    message = f"{key}: the environment variable {name} is not set"
    hint = f"export {name}=…"
    if key.startswith("data.messages."):
        hint += f"; a column is {{{name}}}, without $"
    return problem(place, "unset-variable", message, hint)
