"""A recipe for TRL: the same as for AutoTrain with one line more, or with TRL's own names."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from hf_recipes.api.recipes import load_recipe
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines import autotrain, trl
from hf_recipes.engines.autotrain.table import engine_parameters
from hf_recipes.engines.trl.parameters import SHARED, TWINS
from hf_recipes.engines.trl.settings import resolve
from hf_recipes.estimates.model_identity import Identity
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import Problem, RecipeError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LAPTOP = Machine(cores=2, memory=24 * 1024**3)
RECIPE = """\
task: {task}
engine: trl
base_model: bundled/smollm2-135m-instruct
project_name: rows
backend: local
data:
  path: rows
  train_split: train
{data}
params:
{params}
"""
CHAT = "  chat_template: tokenizer\n  messages: [{role: user, content: '{q}'}, {role: assistant, content: '{a}'}]"
PLAIN = "  chat_template: null\n  column_mapping: {text_column: text}"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Recipe]:
    def load(params: str = "  lr: 1e-4", *, task: str = "llm-sft", data: str = CHAT) -> Recipe:
        (tmp_path / "rows").mkdir(exist_ok=True)
        (tmp_path / "rows" / "train.jsonl").write_text('{"q": "a", "a": "b", "text": "c"}\n')
        path = tmp_path / "recipe.yml"
        path.write_text(RECIPE.format(task=task, params=params, data=data))
        return load_recipe(path)

    return load


def problems(write: Callable[..., Recipe], params: str, **more: str) -> list[Problem]:
    with pytest.raises(RecipeError) as found:
        write(params, **more)
    return list(found.value.problems)


def test_every_parameter_of_a_language_model_has_the_same_name_type_and_default() -> None:
    ours = {parameter.name: parameter for parameter in SHARED}
    theirs = {parameter.name: parameter for parameter in engine_parameters("lm_training")}
    assert set(ours) == set(theirs)
    for name, parameter in theirs.items():
        assert (ours[name].types, ours[name].default) == (parameter.types, parameter.default), name


@pytest.mark.training
def test_the_table_of_arguments_is_what_trl_itself_says(tmp_path: Path) -> None:
    from hf_recipes import environments

    made = tmp_path / "arguments.json"
    python = environments.ensure("trl", say=print)
    subprocess.run([str(python), str(HERE / "trl_arguments.py"), str(made)], check=True, capture_output=True)
    kept = ROOT / "plugin" / "hf_recipes" / "engines" / "trl" / "arguments.json"
    assert kept.read_text() == made.read_text(), "make it anew: see tests/engines/trl_arguments.py"


@pytest.mark.parametrize("name", ["ingredient-parser", "banking-intents", "recipe-assistant"])
def test_a_recipe_changes_its_engine_by_one_line(name: str) -> None:
    path = ROOT / "recipes" / name / "recipe.yml"
    before, after = load_recipe(path), load_recipe(path, settings=["engine=trl"])
    same = autotrain.resolve(before)
    params = resolve(after)
    assert {key: params[key] for key in same} == same
    job = trl.resolve_settings(after, LAPTOP, None)
    assert job.overrides["train_on"].value == "assistant" and job.overrides["train_on"].why


@pytest.mark.parametrize("name", [name for name in TWINS if name != "lora_target_modules"])
def test_trls_own_name_says_the_same_as_the_recipes(write: Callable[..., Recipe], name: str) -> None:
    twin = TWINS[name]
    value = {"lr": "2e-5", "optimizer": "adamw_torch", "scheduler": "cosine"}.get(twin.name, "3")
    said = write(f"  {name}: {'true' if twin.values or twin.name == 'peft' else value}")
    expected = twin.values[True] if twin.values else yaml.safe_load("true" if twin.name == "peft" else value)
    assert resolve(said)[twin.name] == (float(expected) if twin.name == "lr" else expected)
    assert name not in resolve(said)


def test_of_what_excludes_each_other_what_is_chosen_counts(write: Callable[..., Recipe]) -> None:
    assert resolve(write("  fp16: false\n  bf16: true"))["mixed_precision"] == "bf16"
    assert (
        resolve(write("  assistant_only_loss: false\n  completion_only_loss: true"))["train_on"]
        == "completion"
    )
    assert resolve(write("  assistant_only_loss: false"))["train_on"] == "all"
    assert resolve(write("  lora_target_modules: [q_proj, v_proj]"))["target_modules"] == "q_proj,v_proj"


@pytest.mark.parametrize(
    ("params", "line", "message"),
    [
        ("  lr: 1e-4\n  learning_rate: 1e-4", 13, "params.learning_rate: params.lr says it already"),
        ("  learning_rate: 1e-4\n  lr: 1e-4", 13, "params.lr: params.learning_rate says it already"),
        ("  bf16: true\n  fp16: true", 13, "params.fp16: params.bf16 says it already"),
        ("  learning_rte: 1e-4", 12, "params.learning_rte: unknown"),
        ("  hub_model_id: a/b", 12, "params.hub_model_id: unknown"),
        ("  learning_rate: -1", 12, "params.learning_rate: must be more than 0"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(
    write: Callable[..., Recipe], params: str, line: int, message: str
) -> None:
    (problem,) = problems(write, params)
    assert (problem.line, problem.message[: len(message)]) == (line, message), problem
    assert problem.hint or "more than" in problem.message


def test_a_typo_of_a_name_of_trls_is_answered_with_it(write: Callable[..., Recipe]) -> None:
    (problem,) = problems(write, "  neftune_noise_alph: 5")
    assert "params.neftune_noise_alpha" in problem.hint


def test_plain_text_has_no_turns(write: Callable[..., Recipe]) -> None:
    (problem,) = problems(write, "  train_on: assistant", data=PLAIN)
    assert problem.code == "no-turns" and "write all" in problem.hint
    recipe = write(data=PLAIN)
    assert trl.resolve_settings(recipe, LAPTOP, None).overrides["train_on"].value == "all"


@pytest.mark.parametrize(
    ("params", "key"),
    [
        ("  unsloth: true", "unsloth"),
        ("  use_flash_attention_2: true", "use_flash_attention_2"),
        ("  distributed_backend: deepspeed", "distributed_backend"),
        ("  peft: true\n  target_modules: [q_proj, lm_head]", "target_modules"),
        ("  peft: true\n  quantization: int4", "quantization"),
    ],
)
def test_what_has_no_counterpart_or_needs_a_gpu_is_a_problem_with_what_to_write(
    write: Callable[..., Recipe], params: str, key: str
) -> None:
    found = trl.check_recipe(write(params), LAPTOP)
    assert any(problem.message.startswith(f"params.{key}: ") and problem.hint for problem in found), found


def test_models_of_today_are_known(write: Callable[..., Recipe]) -> None:
    recipe = write()
    for kind in ("qwen3", "gemma3_text", "smollm3", "gpt_oss", "lfm2", "olmo3", "granitemoehybrid"):
        assert trl.unknown_architecture(recipe, Identity(kind)) is None, kind
    told = trl.unknown_architecture(recipe, Identity("no_such_kind"))
    assert told is not None and "no_such_kind" in told


def test_the_export_is_what_trls_own_command_reads(write: Callable[..., Recipe]) -> None:
    recipe = write("  peft: true\n  lr: 1e-4\n  adam_beta2: 0.99")
    config = yaml.safe_load(trl.export(recipe, LAPTOP, base_model="/base")["config.yml"])
    assert config["learning_rate"] == 1e-4 and config["adam_beta2"] == 0.99 and config["use_peft"]
    assert config["dataset_name"] == "data" and config["assistant_only_loss"] is True
    assert config["load_in_4bit"] is False, "there is no GPU, and the default needs one"


def test_the_schema_follows_the_engine() -> None:
    keys = trl.schema().task_fields("lm_training")
    assert {"params.lr", "params.learning_rate", "params.train_on", "params.use_dora"} <= set(keys)
    assert "params.train_on" not in autotrain.schema().task_fields("lm_training")
    assert all(field.meaning for field in keys.values())
