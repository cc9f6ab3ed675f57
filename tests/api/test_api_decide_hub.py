"""What the Hub says about a base, with the real client against the stand-in: gated, licence, architecture, nobody there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.api import decide, lifecycle
from hf_recipes.api.checked import CheckedRecipe, check_recipes
from hf_recipes.api.recipes import load_recipe
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines import autotrain
from hf_recipes.engines.jobs import translate
from hf_recipes.estimates.model_size import base_size
from hf_recipes.hub.base_identity import identity_of
from hf_recipes.recipe import Recipe, RecipeError
from hub.handle import Hub

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "ingredient-parser" / "recipe.yml"


def recipe(base_model: str) -> Recipe:
    return load_recipe(RECIPE, settings=(f"base_model={base_model}",))


def unchecked(recipe: Recipe) -> CheckedRecipe:
    """With what a check learns, whatever it would say."""
    here = Machine(cores=2, memory=8 << 30)
    return CheckedRecipe(recipe, autotrain, here, base_size(recipe), translate(recipe, here))


def seed(
    hub: Hub, name: str, *, model_type: str = "llama", card: str = "license: apache-2.0", **more: Any
) -> None:
    files = {
        "config.json": json.dumps({"model_type": model_type, "architectures": ["XForCausalLM"]}).encode(),
        "README.md": f"---\n{card}\n---\nA model.\n".encode(),
    }
    hub.put("model", name, files, **more)


def test_an_open_model_with_a_known_licence_and_architecture(logged_in: Hub) -> None:
    seed(logged_in, "bob/open")
    found = identity_of(recipe("bob/open"))
    assert (found.model_type, found.gated, found.license, dict(found.unasked)) == (
        "llama",
        False,
        "apache-2.0",
        {},
    )


def test_gated_without_access_cannot_be_tuned_and_with_access_it_can(logged_in: Hub) -> None:
    seed(logged_in, "bob/gated", gated="manual")
    shut = decide.tunability_as_json(unchecked(recipe("bob/gated")))
    assert shut["tunable"] is False
    assert [one["kind"] for one in shut["reasons"]] == ["gated"]  # type: ignore[attr-defined]
    logged_in.repo("model", "bob/gated").granted.add("ada")
    open_now = decide.tunability_as_json(unchecked(recipe("bob/gated")))
    assert open_now["reasons"] == [] and "you have access" in str(open_now["notes"])


def test_a_licence_is_named_with_what_it_says_or_not_judged(logged_in: Hub) -> None:
    seed(logged_in, "bob/shut", card="license: cc-by-nc-nd-3.0")
    seed(
        logged_in,
        "bob/own",
        card="license: other\nlicense_name: house-rules\nlicense_link: https://example.org/rules",
    )
    seed(logged_in, "bob/none", card="tags: [x]")
    forbidden = decide.tunability_as_json(unchecked(recipe("bob/shut")))
    assert forbidden["tunable"] is False and "section 3" in str(forbidden["reasons"])
    own = decide.tunability_as_json(unchecked(recipe("bob/own")))
    assert own["reasons"] == [] and "house-rules https://example.org/rules" in str(own["notes"])
    assert "names no licence" in str(decide.tunability_as_json(unchecked(recipe("bob/none")))["notes"])


def test_an_architecture_that_the_engine_does_not_know(logged_in: Hub) -> None:
    seed(logged_in, "bob/new", model_type="qwen3")
    found = decide.tunability_as_json(unchecked(recipe("bob/new")))
    assert (
        found["tunable"] is False and "(qwen3)" in str(found["reasons"]) and "4.48" in str(found["reasons"])
    )


def test_a_base_of_pickles_and_a_module_that_it_has_not_are_found_out_before_a_run(
    logged_in: Hub, tmp_path: Path
) -> None:
    seed(logged_in, "bob/pickled")
    seed(logged_in, "bob/whole")
    header = {"model.layers.0.q_proj.weight": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    weights = len(text).to_bytes(8, "little") + text + bytes(4)
    logged_in.put("model", "bob/pickled", {"pytorch_model.bin": b"cos"})
    logged_in.put("model", "bob/whole", {"model.safetensors": weights, "pytorch_model.bin": b"cos"})
    found = decide.tunability_as_json(unchecked(recipe("bob/pickled")))
    assert found["tunable"] is False and "pytorch_model.bin" in str(found["reasons"]), found
    for refused in (
        lambda: lifecycle.plan(recipe("bob/pickled"), say=print),
        lambda: lifecycle.create_run(*check_recipes([recipe("bob/pickled")], to_run=True), runs_dir=tmp_path),
        lambda: decide.check_measurable(recipe("bob/pickled")),
    ):
        with pytest.raises(RecipeError, match="as a pickle alone"):
            refused()
    assert lifecycle.create_run(
        *check_recipes([recipe("bob/whole")], to_run=True), runs_dir=tmp_path
    ).is_dir()
    named = load_recipe(RECIPE, settings=("base_model=bob/whole", "params.target_modules=[q_proj, v_proj]"))
    with pytest.raises(RecipeError, match="v_proj is no linear module of the base; did you mean q_proj"):
        lifecycle.create_run(*check_recipes([named], to_run=True), runs_dir=tmp_path)


def test_a_missing_model_is_named_and_not_judged(logged_in: Hub) -> None:
    found = decide.tunability_as_json(unchecked(recipe("bob/nowhere")))
    assert found["tunable"] is None and set(found["unasked"]) == {"gated", "architecture", "license", "size"}  # type: ignore[call-overload]


def test_without_a_hub_what_could_not_be_asked_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    found = identity_of(recipe("bob/far"))
    assert set(found.unasked) == {"gated", "architecture", "license"}
    assert "cannot be reached" in found.unasked["gated"]


def test_a_bundled_model_is_known_without_asking_anyone(logged_in: Hub) -> None:
    found = decide.tunability_as_json(unchecked(load_recipe(RECIPE)))
    assert found["tunable"] is True and found["unasked"] == {}
    assert logged_in.requests == []
