"""An unknown key → the right one: by the names other tools use, by the level it belongs to, by its spelling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.fields import METRICS, Field, children
from hf_recipes.recipe.other_names import other_name

LONGEST = 40
"""Characters: keys that are longer are no misspelling, and comparing them takes time."""
LISTED = 40
"""Values that a hint names at the most: all tasks, all optimizers."""


def suggestion(
    parent: str, name: str, fields: Mapping[str, Field], schema: EngineSchema, value: object = None
) -> str:
    """`did you mean params.lr?` for the unknown key `name` under `parent`, or what there is instead. `value` stands there."""
    found = _exactly(name, fields, schema) or _deeper(parent, name, fields)
    if not found and (told := other_name(_plain(name), value, fields, schema.other_names)):
        return told
    found = found or _sibling(parent, name, fields) or _elsewhere(name, fields)
    if parent == "evaluate.metrics.*" and name in METRICS:
        return f"write {{name: {name}, options: {{…}}}}"
    if found:
        return f"did you mean {found}?"
    known = children(fields, parent)
    return f"there are {', '.join(known)}" if 0 < len(known) <= 13 else ""


def nearest(word: str, known: Iterable[str], alike: float = 0.65) -> str | None:
    """The known word that is most like `word`, if any is: 1 is the same, 0 has no letter in common."""
    if len(word) > LONGEST:
        return None
    by_letters = {_plain(name): name for name in known}
    close = get_close_matches(_plain(word), by_letters, 1, alike)
    return by_letters[close[0]] if close else None


def one_of(value: object, choices: Sequence[object]) -> str:
    """A hint for a value that is none of the choices."""
    known = [str(choice) for choice in choices]
    if isinstance(value, str):
        more = [choice for choice in known if choice.startswith(f"{value}:")]
        if more:
            return f"one of {', '.join(more)}"
        close = nearest(value, known)
        if close:
            return f"did you mean {close}?"
    # image_regression beside image-regression is the same once more.
    shown = [choice for choice in known if "_" not in choice or choice.replace("_", "-") not in known]
    return f"one of {', '.join(shown[:LISTED])}" + (" …" if len(shown) > LISTED else "")


def other_tasks(key: str, schema: EngineSchema) -> str:
    """The tasks that do have this key, as a clause; empty where none has."""
    tasks = schema.tasks_with(key)
    return f"{', '.join(tasks)} {'have' if len(tasks) > 1 else 'has'} it" if tasks else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def _sibling(parent: str, name: str, fields: Mapping[str, Field]) -> str | None:
    close = nearest(name, children(fields, parent))
    return f"{parent}.{close}" if close and parent else close


def _exactly(name: str, fields: Mapping[str, Field], schema: EngineSchema) -> str | None:
    """The key of that very name at another level."""
    return schema.parameter_keys.get(name) or _by_last_part(fields).get(name)


def _deeper(parent: str, name: str, fields: Mapping[str, Field]) -> str | None:
    """The key of that very name one level further down."""
    steps = (f"{parent}.{child}" if parent else child for child in children(fields, parent))
    return next((f"{step}.{name}" for step in steps if f"{step}.{name}" in fields), None)


def _elsewhere(name: str, fields: Mapping[str, Field]) -> str | None:
    """A key at another level, which must be more alike than one at this level: people mistake words before levels."""
    keys = _by_last_part(fields)
    close = nearest(name, keys, 0.8)
    return keys[close] if close else None


def _by_last_part(fields: Mapping[str, Field]) -> dict[str, str]:
    """A trainer's parameter first: batch_size alone is params.batch_size, not evaluate.batch_size."""
    keys = sorted((key for key in fields if "*" not in key), key=lambda key: not key.startswith("params."))
    return {key.rpartition(".")[2]: key for key in reversed(keys)}
