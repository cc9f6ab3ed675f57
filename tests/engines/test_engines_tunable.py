"""Which bases the engine can tune: its table against the installed AutoTrain, and what is refused before a run begins."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hf_recipes.api.checked import check_recipes
from hf_recipes.api.recipes import load_recipe
from hf_recipes.api.tunable import judge_tunability
from hf_recipes.catalog.licenses import LICENSES
from hf_recipes.engines.autotrain import architectures
from hf_recipes.engines.autotrain.architectures import class_for, model_types
from hf_recipes.engines.autotrain.table import tasks
from hf_recipes.estimates.model_identity import Identity
from hf_recipes.recipe import Problem, Recipe, RecipeError

SHIPPED = Path(__file__).resolve().parents[2] / "recipes"
TABLE = Path(architectures.__file__).with_name("model_types.json")
MAKER = Path(__file__).with_name("autotrain_architectures.py")


def recipe(base_model: str = "some/model", *settings: str) -> Recipe:
    file = SHIPPED / "ingredient-parser" / "recipe.yml"
    return load_recipe(file, settings=(f"base_model={base_model}", *settings))


def folder_of(path: Path, **config: object) -> str:
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(path)


def test_the_committed_table_is_what_the_installed_autotrain_loads(
    autotrain_python: Path, tmp_path: Path
) -> None:
    made = tmp_path / "types.json"
    # Not from the checkout: AutoTrain's modules would find ours.
    subprocess.run([autotrain_python, MAKER, made], check=True, cwd=tmp_path, capture_output=True)
    assert TABLE.read_text() == made.read_text(), "make it anew: see tests/engines/autotrain_architectures.py"


def test_every_task_that_loads_a_base_has_its_class() -> None:
    assert {task for task in tasks() if class_for(task, None) is None} == {"tabular"}
    assert class_for("lm_training", "sft") == "AutoModelForCausalLM"
    assert class_for("lm_training", "reward") == "AutoModelForSequenceClassification"
    assert {"llama", "qwen2", "gemma2"} <= model_types("AutoModelForCausalLM")
    assert "qwen3" not in model_types("AutoModelForCausalLM"), "newer than AutoTrain's transformers"


def refused(recipe: Recipe) -> list[Problem]:
    """What is said of its architecture before it runs."""
    try:
        check_recipes([recipe], to_run=True)
    except RecipeError as error:
        return [problem for problem in error.problems if problem.code == "unknown-architecture"]
    return []


def test_an_architecture_of_later_than_the_engine_is_refused_offline_with_its_place(tmp_path: Path) -> None:
    new = recipe(folder_of(tmp_path / "base", model_type="qwen3"))
    (problem,) = refused(new)
    assert problem.code == "unknown-architecture" and problem.message.startswith(
        "base_model: its architecture (qwen3)"
    )
    assert problem.hint.startswith("write engine: trl"), "which knows it"
    assert not refused(recipe(folder_of(tmp_path / "base", model_type="qwen3"), "engine=trl"))
    assert not refused(recipe(folder_of(tmp_path / "base", model_type="llama")))


def test_a_model_with_code_of_its_own_is_tuned_where_the_recipe_trusts_it(tmp_path: Path) -> None:
    base = folder_of(tmp_path / "base", model_type="newthing", auto_map={"AutoModel": "code.Model"})
    (problem,) = refused(recipe(base))
    assert "trust_remote_code: true" in problem.message
    assert refused(recipe(base, "trust_remote_code=true")) == []


def test_a_folder_that_says_nothing_is_not_judged(tmp_path: Path) -> None:
    assert refused(recipe(folder_of(tmp_path / "base"))) == []


def test_reasons_and_notes() -> None:
    assert judge_tunability(recipe(), Identity("llama", gated=False, license="apache-2.0")).tunable is True
    gated = judge_tunability(recipe(), Identity("llama", gated=True, access=False))
    assert gated.tunable is False and [one.kind for one in gated.reasons] == ["gated"]
    forbidden = judge_tunability(recipe(), Identity("llama", gated=False, license="cc-by-nc-nd-3.0"))
    assert [one.kind for one in forbidden.reasons] == ["license"]
    private = judge_tunability(recipe(), Identity("llama", gated=False, license="cc-by-nd-4.0"))
    assert private.tunable is True and "not shared with the public" in private.notes[0]
    other = judge_tunability(
        recipe(), Identity("llama", gated=False, license="other", license_name="house-rules")
    )
    assert other.tunable is True and "house-rules" in other.notes[0] and "yours to read" in other.notes[0]
    unknown = judge_tunability(
        recipe(), Identity(unasked={"gated": "no network", "architecture": "no network"})
    )
    assert unknown.tunable is None and unknown.unasked["gated"] == "no network"
    assert judge_tunability(recipe(), Identity("llama", gated=False), size="it is too large").tunable is False


def test_every_licence_names_its_source() -> None:
    assert all(one.source.startswith("https://") and one.says for one in LICENSES.values())


def test_each_module_can_be_imported_first() -> None:
    """No circles: the engine asks the table, and the table asks nobody back."""
    for module in (
        "api.tunable",
        "api.hardware_offers",
        "engines.autotrain.check",
        "estimates.model_identity",
    ):
        subprocess.run([sys.executable, "-c", f"import hf_recipes.{module}"], check=True)
