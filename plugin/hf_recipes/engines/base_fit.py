"""What is wrong with a recipe for the base that it names: files that cannot be loaded, modules that the base does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from hf_recipes.estimates.model_size import Base, outside_lora, unusable_base
from hf_recipes.recipe import Problem, Recipe, problem_at

TARGETS = "params.target_modules"
HEAD = "lm_head"
"""Where it shares the embedding's weights no file names it."""
LISTED = 24


def misfits(recipe: Recipe, params: Mapping[str, object], base: Base | str | None) -> list[Problem]:
    """Every such problem. `params`: the engine's resolution of the recipe; `base`: what estimates.model_size says of it."""
    found = unusable_base(recipe, base)
    if not isinstance(base, Base):
        return found
    return [*found, *_targets(recipe, params, base), *_context(recipe, base)]


def _targets(recipe: Recipe, params: Mapping[str, object], base: Base) -> Iterator[Problem]:
    """peft ends where no name matches a module, and says nothing where others do."""
    written = params.get("target_modules")
    if (
        not params.get("peft")
        or not isinstance(written, str)
        or written in ("", "all-linear")
        or not base.modules
    ):
        return
    names = written.split(",")
    for number, name in enumerate(names):
        if not _is_module(name, base.modules) and not (name == HEAD and recipe.task == "lm_training"):
            item = f"{TARGETS}.{number}"
            listed = item in recipe.positions and f"{TARGETS}.{len(names)}" not in recipe.positions
            message, hint = _unknown(name, base.modules)
            yield problem_at(recipe, item if listed else TARGETS, "unknown-module", message, hint)


def _is_module(name: str, modules: Sequence[str]) -> bool:
    """As peft matches: the whole name of a module or its end. A file may leave out how the name begins in memory."""
    return any(
        module == name or module.endswith(f".{name}") or name.endswith(f".{module}") for module in modules
    )


def _unknown(name: str, modules: Sequence[str]) -> tuple[str, str]:
    inside = [module for module in modules if f".{name}." in f".{module}"]
    linear = _last_parts(inside) or _last_parts(modules)
    shown = ", ".join(linear[:LISTED]) + (" …" if len(linear) > LISTED else "")
    if inside:
        return f"{name} is no linear module of the base but holds some", f"name them: {shown}"
    near = get_close_matches(name, linear, 1)
    known = f"its linear modules are {shown}"
    return f"{name} is no linear module of the base", f"did you mean {near[0]}? {known}" if near else known


def _last_parts(modules: Sequence[str]) -> list[str]:
    ends = (module.rpartition(".")[2] for module in modules if not outside_lora(module))
    return list(dict.fromkeys(end for end in ends if not end.isdecimal()))


def _context(recipe: Recipe, base: Base) -> Iterator[Problem]:
    asked = recipe.evaluate.max_new_tokens if recipe.evaluate else None
    if isinstance(asked, int) and base.context and asked >= base.context:
        message = f"the base knows positions for {base.context:,} tokens, prompt and answer together"
        yield problem_at(recipe, "evaluate.max_new_tokens", "out-of-range", message, "write less")
