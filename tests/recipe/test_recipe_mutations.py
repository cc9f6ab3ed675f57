"""No input whatsoever makes a traceback: recipes are mutated as bytes and as structures."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hf_recipes.api.recipes import load_recipe
from hf_recipes.api.validate import problems as validated
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.registry import engine_schemas
from hf_recipes.recipe import RecipeError
from hf_recipes.recipe.fields import fields_for
from hf_recipes.recipe.model import Recipe

SCHEMA = engine_schemas()["autotrain"]

CONFIGS = sorted((Path(__file__).parent / "configs").glob("*.yml"))
QUICKSTART = Path(__file__).parents[2] / "recipes/ingredient-parser/recipe.yml"
SEEDS = [path.read_bytes() for path in [QUICKSTART, *CONFIGS]]
STRUCTURES = [yaml.safe_load(seed) for seed in SEEDS]
KEYS = sorted(
    {part for key in fields_for(SCHEMA, None) for part in key.split(".")} | {"*", "", "a.b", "<<", "0"}
)
PIECES = [b"&a ", b"*a", b"!!", b"<<: ", b"{", b"}", b"[", b"]", b": ", b"- ", b"\n", b"\t", b"'", b'"', b"${", b"${X}", b"|\n", b"? ", b"---\n", b"\x00", b"\xff", b"\xf0\x9f\x90\xa2", b"0x", b"1e999", b"~", b"yes", b"2024-01-01", b"9" * 5000]  # fmt: skip
LAPTOP = Machine(cores=2, memory=8 << 30)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["", "none", "2e-4", "${HF_TOKEN}", "${NOPE}", "{x}", "{", "1_0", "bundled/x", "~", "a" * 300]
    )
    | st.dates()
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def outcome(content: bytes, overlaid: tuple[str, ...] = ()) -> None:
    with tempfile.NamedTemporaryFile(suffix=".yml") as file:
        Path(file.name).write_bytes(content)
        try:
            recipe = load_recipe(
                Path(file.name), settings=overlaid, environ={"HF_TOKEN": "x", "HF_USERNAME": "me"}
            )
        except RecipeError as error:
            assert error.problems
            for problem in error.problems:
                assert "\n" not in str(problem)
                assert len(str(problem)) < 3000
                assert problem.code and problem.message
        else:
            assert isinstance(recipe, Recipe)
        # What `validate` calls: the engine's word on whatever can be told of the recipe.
        for problem in validated(Path(file.name), settings=overlaid, here=lambda: LAPTOP):
            assert problem.code and problem.message and "\n" not in str(problem)


@settings(max_examples=300, deadline=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_mutated_bytes(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content)))
        until = data.draw(st.integers(at, min(len(content), at + 40)))
        content[at:until] = data.draw(
            st.sampled_from(PIECES) | st.binary(max_size=8) | st.just(bytes(content[:at]))
        )
    outcome(bytes(content))


@settings(max_examples=300, deadline=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_mutated_structures(data: st.DataObject) -> None:
    recipe = copy.deepcopy(data.draw(st.sampled_from(STRUCTURES)))
    for _ in range(data.draw(st.integers(1, 4))):
        mutate(recipe, data)
    outcome(yaml.safe_dump(recipe, allow_unicode=True).encode("utf-8", "replace"))


@settings(max_examples=150, deadline=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(sorted(fields_for(SCHEMA, None))) | st.text(max_size=8), min_size=1, max_size=3),
    st.text(max_size=20) | st.sampled_from(["{", "[1", "&a [*a]", "2e-4", "x: y", "!!int x"]),
)
def test_any_setting(keys: list[str], value: str) -> None:
    overlaid = tuple(f"{key.replace('*', '0')}={value}" for key in keys)
    outcome(SEEDS[0], tuple(one.encode("utf-8", "replace").decode() for one in overlaid))


def mutate(node: Any, data: st.DataObject) -> None:
    """Replace, remove, rename or add something, at any level."""
    while True:
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not places:
            return
        place = data.draw(st.sampled_from(places))
        if isinstance(node[place], (dict, list)) and data.draw(st.booleans()):
            node = node[place]
            continue
        what = data.draw(st.sampled_from(["replace", "remove", "rename", "add"]))
        if what == "replace" or isinstance(node, list):
            node[place] = data.draw(values)
        elif what == "add":
            node[data.draw(st.sampled_from(KEYS) | leaves)] = data.draw(values)
        else:
            taken = node.pop(place)
            if what == "rename":
                node[data.draw(st.sampled_from(KEYS) | st.text(max_size=10))] = taken
        return
