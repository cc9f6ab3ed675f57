"""What training would take on each hardware: every one is named, what fits first and cheapest first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hf_recipes.api.hardware_offers import HERE, Offer, offers, offers_as_json, too_large
from hf_recipes.api.recipes import load_recipe
from hf_recipes.catalog.hardware import FLAVORS
from hf_recipes.catalog.machine import Machine
from hf_recipes.estimates.model_size import Base, read_base
from hf_recipes.recipe.model import Recipe

SHIPPED = Path(__file__).resolve().parents[2] / "recipes"
MACHINE = Machine(cores=2, memory=16 * 1024**3)
SEVEN = Base(7_615_616_512, "a 7B model's published sizes", 11_468_800, 28, 3584, 18944, 28, 152_064)


def recipe(name: str, *settings: str) -> Recipe:
    return load_recipe(SHIPPED / name / "recipe.yml", settings=settings)


def by_name(found: list[Offer]) -> dict[str, Offer]:
    return {one.hardware: one for one in found}


def test_every_hardware_is_there_and_the_cheapest_that_fits_comes_first() -> None:
    small = recipe("ingredient-parser")
    base = read_base(small.base_model)
    assert isinstance(base, Base)
    found = offers(small, MACHINE, base, 35_000)
    assert {one.hardware for one in found} == {HERE, *FLAVORS}
    fitting = [one for one in found if not one.why_not]
    prices = [one.dollars for one in fitting if one.dollars is not None]
    assert prices == sorted(prices) and found[: len(fitting)] == fitting
    assert found[0].hardware == HERE and found[0].dollars == 0


def test_what_does_not_fit_says_why() -> None:
    found = by_name(offers(recipe("text-to-sql"), MACHINE, SEVEN, 3_000_000))
    assert "int4 needs a GPU" in found[HERE].why_not and "int4 needs a GPU" in found["cpu-xl"].why_not
    assert found["a100-large"].why_not == "" and found["a100-large"].dollars
    whole = recipe("text-to-sql", "params.peft=false", "params.quantization=null")
    found = by_name(offers(whole, MACHINE, SEVEN, 3_000_000))
    assert "GiB, and it has 22 GiB" in found["l4x1"].why_not


def test_a_base_too_large_for_everything_is_said_to_be_with_both_sizes() -> None:
    whole = recipe("text-to-sql", "params.peft=false", "params.quantization=null")
    huge = replace(SEVEN, parameters=400_000_000_000)
    why = too_large(offers(whole, MACHINE, huge, None))
    assert why and "too large" in why and "has 256 GiB" in why
    assert too_large(offers(recipe("text-to-sql"), MACHINE, SEVEN, None)) is None


def test_longer_than_a_run_may_take_does_not_fit() -> None:
    small = recipe("ingredient-parser", "params.epochs=100")
    base = read_base(small.base_model)
    assert isinstance(base, Base)
    found = by_name(offers(small, MACHINE, base, 5_000_000_000))
    assert "days" in found["cpu-basic"].why_not
    assert found[HERE].why_not == "", "on a person's own machine that is for them to say"


def test_what_is_not_known_is_absent_and_never_zero() -> None:
    found = offers(recipe("text-to-sql"), MACHINE, None, None)
    entries = {str(one["hardware"]): one for one in offers_as_json(found)}
    assert entries["a10g-large"]["fits"] is True
    assert not {"needed", "hours", "dollars"} & set(entries["a10g-large"])
    assert too_large(found) is None


def test_a_folder_of_this_machine_is_trained_on_here_alone(tmp_path: Path) -> None:
    small = recipe("ingredient-parser")
    base = read_base(small.base_model)
    assert isinstance(base, Base)
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    weights = len(header).to_bytes(8, "little") + header + bytes(4)
    (tmp_path / "model.safetensors").write_bytes(weights)
    found = by_name(offers(replace(small, base_model=str(tmp_path)), MACHINE, base, 35_000))
    assert found[HERE].why_not == "" and "folder of this machine" in found["t4-small"].why_not
