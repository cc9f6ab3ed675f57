"""BANKING77 as the recipe names it: from the Hub, its labels as names."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from hf_recipes.api import lifecycle
from hf_recipes.api.recipes import load_recipe
from hub.handle import Hub

RECIPE = Path(__file__).parents[2] / "recipes" / "banking-intents" / "recipe.yml"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "banking77"
TEN = [
    ("Where is my card?", 11),
    ("Why was I charged?", 15),
    ("How do I top up?", 59),
    ("Is my card lost?", 41),
]


def rows() -> dict[str, list[dict[str, str]]]:
    """The real questions where they are at hand, else a few of the same form."""
    if not SHARED.is_dir():
        made = [{"text": text, "category": named()[label]} for text, label in TEN for _ in range(700)]
        return {"train": made, "test": made[:400]}
    found = {}
    for split in ("train", "test"):
        with (SHARED / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            found[split] = list(csv.DictReader(file))
    return found


def named() -> list[str]:
    """The intents, as the recipe tells them to the baselines."""
    evaluate = load_recipe(RECIPE).evaluate
    assert evaluate is not None and evaluate.baseline_system is not None
    listed = evaluate.baseline_system.partition(": ")[2].rstrip(".")
    return listed.split(", ")


def on_the_hub(split: list[dict[str, str]]) -> bytes:
    """A Parquet file with the columns of PolyAI/banking77: text, and label as the number of a class."""
    import pyarrow
    from pyarrow import parquet

    names = named()
    table = pyarrow.table(
        {
            "text": [row["text"] for row in split],
            "label": pyarrow.array([names.index(row["category"]) for row in split], pyarrow.int64()),
        }
    )
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": names, "_type": "ClassLabel"},
    }
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    held = io.BytesIO()
    parquet.write_table(table, held)
    return held.getvalue()


def test_the_baselines_are_told_every_intent_once() -> None:
    assert len(named()) == len(set(named())) == 77


def test_it_is_planned_from_the_hub_with_a_subset_and_names_for_labels(logged_in: Hub) -> None:
    files = {f"data/{split}-00000-of-00001.parquet": on_the_hub(found) for split, found in rows().items()}
    logged_in.put("dataset", "PolyAI/banking77", files)
    plan = lifecycle.plan(load_recipe(RECIPE), examples=2, say=print)
    assert plan.data["rows"]["train"] <= 2000 and plan.data["rows"]["test"] >= 400  # type: ignore[index]
    shown = json.dumps(plan.data["examples"])
    assert "Name the bank customer's intent." in shown
    assert any(name in shown for name in named())
    assert any("(data.limit)" in note for note in plan.data["notes"])  # type: ignore[attr-defined]
