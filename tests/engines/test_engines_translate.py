"""What a recipe becomes: steps, listed changes, problems of this machine, estimates, the exported config."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from hf_recipes.api.recipes import load_recipe
from hf_recipes.catalog.machine import Gpu, Machine
from hf_recipes.engines import autotrain
from hf_recipes.engines.jobs import translate
from hf_recipes.estimates.model_size import read_base
from hf_recipes.recipe import Recipe
from hf_recipes.record.job import Job, Push

GIB = 1024**3
SPLIT = ("params.distributed_backend=deepspeed",)
SUMMARIES = """\
task: seq2seq
base_model: someone/model
project_name: summaries
backend: {backend}
data:
  path: someone/texts
  train_split: train
  column_mapping: {{text_column: text, target_column: summary}}
"""
LAPTOP = Machine(cores=2, memory=16 * GIB)
SERVER = Machine(cores=16, memory=128 * GIB, gpus=(Gpu("NVIDIA A100-SXM4-80GB", 80 * GIB),))
RECIPE = """\
task: llm-sft
base_model: bundled/smollm2-135m-instruct
project_name: sums
log: none
backend: local
data:
  path: data
  train_split: train
  valid_split: {valid}
  test_split: test
  messages:
    - {{role: user, content: "{{question}}"}}
    - {{role: assistant, content: "{{answer}}"}}
params:
  peft: true
  block_size: 256
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Recipe]:
    """write(text, *settings) → the loaded recipe."""
    (tmp_path / "data").mkdir()

    def make(text: str, *settings: str) -> Recipe:
        path = tmp_path / "recipe.yml"
        path.write_text(text, encoding="utf-8")
        return load_recipe(
            path, settings=settings, environ={"HF_TOKEN": "not-a-real-token", "MINE": "secret-value"}
        )

    return make


@pytest.fixture
def sums(write: Callable[..., Recipe]) -> Callable[..., Recipe]:
    return lambda *settings: write(RECIPE.format(valid="null"), *settings)


def translated(recipe: Recipe, machine: Machine = LAPTOP) -> Job:
    base = read_base(recipe.base_model, reach_hub=False)
    return translate(recipe, machine, base if not isinstance(base, str) else None)


def test_a_measured_recipe_is_five_steps_each_in_its_interpreter(sums: Callable[..., Recipe]) -> None:
    job = translated(sums("evaluate.shots=2"))
    assert [(step.name, step.stage, step.requirements) for step in job.steps] == [
        ("prepare", "prepare", "inference"),
        ("train", "train", "autotrain"),
        ("verify", "train", "inference"),
        ("answer", "evaluate", "inference"),
        ("report", "evaluate", "inference"),
    ]
    assert [step.promote for step in job.steps if step.promote] == ["work/sums"]
    assert [step.name for step in translated(sums()).steps] == ["prepare", "train", "verify"]
    json.dumps(asdict(job))


def test_every_change_is_listed_with_its_reason(sums: Callable[..., Recipe]) -> None:
    job = translated(sums())
    values = {name: override.value for name, override in job.overrides.items()}
    assert values == {
        "data_path": "{run}/work/data",
        "chat_template": "tokenizer",
        "quantization": None,
        "disable_gradient_checkpointing": True,
        "logging_steps": 1,
        "HF_RECIPES_SEED": 42,
        "HF_RECIPES_VOCABULARY": "whole",
        "OMP_NUM_THREADS": 2,
        "ALLOW_REMOTE_CODE": "false",
    }
    reasons = {name: override.why for name, override in job.overrides.items()}
    assert reasons == {
        "data_path": "rows are checked, converted and split before training",
        "chat_template": "data.messages needs a chat template: the base model's own",
        "quantization": "the default needs a GPU, and there is none",
        "disable_gradient_checkpointing": "recomputing activations is not needed: an estimated 3.0 GiB of 16 GiB without it",
        "logging_steps": "progress to look at; AutoTrain would report up to 25 steps at once",
        "OMP_NUM_THREADS": "accelerate would leave it at 1: one thread for each core here",
        "HF_RECIPES_SEED": "`seed`, set before the model is made: AutoTrain draws an adapter's first weights without it, and only seq2seq reads it",
        "HF_RECIPES_VOCABULARY": "AutoTrain cuts the base's embedding down to the tokenizer's words, and an adapter would bring all of it along",
        "ALLOW_REMOTE_CODE": "a model's own code runs only with trust_remote_code: true",
    }
    environment = job.steps[1].env
    assert (environment["OMP_NUM_THREADS"], environment["ALLOW_REMOTE_CODE"]) == ("2", "false")
    # AutoTrain's own resolution stays readable beside it.
    assert (job.params["quantization"], job.params["logging_steps"]) == ("int4", -1)


def test_what_the_recipe_says_is_not_changed(sums: Callable[..., Recipe]) -> None:
    said = (
        "params.quantization=null",
        "params.logging_steps=7",
        "params.disable_gradient_checkpointing=false",
    )
    assert not {"quantization", "logging_steps", "disable_gradient_checkpointing"} & set(
        translated(sums(*said)).overrides
    )


def test_checkpointing_stays_where_memory_is_short_or_the_size_unknown(sums: Callable[..., Recipe]) -> None:
    recipe = sums("params.batch_size=16", "params.block_size=1024")
    assert "disable_gradient_checkpointing" not in translated(recipe).overrides
    assert "disable_gradient_checkpointing" not in translate(sums(), LAPTOP).overrides


def test_a_gpu_keeps_autotrains_int4(sums: Callable[..., Recipe]) -> None:
    job = translated(sums(), SERVER)
    assert "quantization" not in job.overrides
    assert job.steps[1].argv[3:7] == ("--num_machines", "1", "--num_processes", "1")


def test_remote_code_runs_only_when_the_recipe_says_so(sums: Callable[..., Recipe]) -> None:
    assert translated(sums("trust_remote_code=true")).steps[1].env["ALLOW_REMOTE_CODE"] == "true"


def test_secrets_go_by_name_only(write: Callable[..., Recipe]) -> None:
    recipe = write(RECIPE.format(valid="null") + "hub: {username: me, token: '${MINE}', push_to_hub: true}\n")
    job = translated(recipe)
    assert "secret-value" not in json.dumps(asdict(job))
    assert job.secrets == ("MINE", "HF_TOKEN")
    assert (job.overrides["token"].value, job.overrides["push_to_hub"].value) == (None, False)


def test_the_push_comes_last_and_names_the_owner_where_the_recipe_does(write: Callable[..., Recipe]) -> None:
    recipe = write(RECIPE.format(valid="null") + "hub: {username: me, token: '${MINE}', push_to_hub: true}\n")
    job = translated(recipe)
    assert (job.steps[-1].name, job.steps[-1].stage, job.steps[-1].requirements) == ("push", "push", "core")
    assert job.steps[-1].argv[1:] == ("-m", "hf_recipes.hub.publish.step", "{run}")
    assert job.push == Push(repo="me/sums", private=True)
    assert autotrain.check_run(recipe) == []
    assert translated(write(RECIPE.format(valid="null"))).push is None


TABULAR = """\
task: tabular
base_model: xgboost
project_name: prices
log: none
backend: local
data:
  path: someone/prices
  train_split: train
  valid_split: test
  column_mapping: {id_column: id, target_columns: [price]}
"""


@pytest.mark.parametrize(
    ("text", "settings", "key"),
    [
        (TABULAR + "hub: {username: me, token: '${MINE}', push_to_hub: true}\n", (), "hub.push_to_hub"),
        (TABULAR, ("backend=spaces-cpu-basic",), "backend"),
    ],
)
def test_a_pickle_is_refused_before_it_is_trained_for_the_hub(
    write: Callable[..., Recipe], text: str, settings: tuple[str, ...], key: str
) -> None:
    (problem,) = autotrain.check_run(write(text, *settings))
    assert problem.code == "pickle" and problem.message.startswith(key) and problem.hint
    assert autotrain.check_run(write(TABULAR)) == []


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (("base_model={base}",), "base_model"),
        ((*SPLIT, "params.quantization=int4"), "params.quantization"),
        ((*SPLIT, "params.quantization=null", "params.merge_adapter=true"), "params.merge_adapter"),
        (SPLIT, "params.quantization"),
    ],
)
def test_what_is_not_there_on_a_space_is_refused_before_it_costs(
    sums: Callable[..., Recipe], tmp_path: Path, settings: tuple[str, ...], key: str
) -> None:
    (tmp_path / "base").mkdir()
    named = [setting.format(base=tmp_path / "base") for setting in settings]
    recipe = sums("base_model=someone/model", "backend=spaces-a10g-largex2", *named)
    (problem,) = autotrain.check_run(recipe)
    assert problem.message.startswith(key) and problem.hint


@pytest.mark.parametrize(
    ("backend", "settings", "needed"),
    [
        ("jobs-a10g-largex4", SPLIT, "autotrain-deepspeed"),
        ("spaces-l4x4", SPLIT, "autotrain-deepspeed"),
        ("jobs-a10g-small", SPLIT, "autotrain"),
        ("jobs-a10g-largex4", ("params.distributed_backend=ddp",), "autotrain"),
        ("jobs-a10g-largex4", (), "autotrain"),
    ],
)
def test_deepspeed_is_brought_where_several_gpus_share_the_model(
    sums: Callable[..., Recipe], backend: str, settings: tuple[str, ...], needed: str
) -> None:
    recipe = sums("base_model=someone/model", "params.quantization=null", f"backend={backend}", *settings)
    assert autotrain.check_run(recipe) == []
    job = translated(recipe)
    (train,) = [step for step in job.steps if step.name == "train"]
    assert train.requirements == needed
    split = needed == "autotrain-deepspeed"
    shims = train.argv[train.argv.index("{run}/work/shims/start.py") + 1].split(",")
    assert ("--use_deepspeed" in train.argv) == split == ("sharded" in shims)
    assert ("work/shims/sharded.py" in job.files) == split


def test_what_deepspeed_is_not_proved_for_is_refused_with_a_way_out(write: Callable[..., Recipe]) -> None:
    text = SUMMARIES.format(backend="jobs-a10g-largex4")
    (problem,) = autotrain.check_run(write(text))
    assert "seq2seq on 4 GPUs with DeepSpeed" in problem.message and "one or two GPUs" in str(problem.hint)
    assert autotrain.check_run(write(SUMMARIES.format(backend="jobs-a10g-largex2"))) == []


def test_what_deepspeed_cannot_do_is_found_on_this_machine_s_own_gpus(sums: Callable[..., Recipe]) -> None:
    recipe = sums(*SPLIT, "params.quantization=null", "params.merge_adapter=true")
    (problem,) = autotrain.check_recipe(recipe, Machine(cores=16, memory=128 * GIB, gpus=SERVER.gpus * 2))
    assert problem.message.startswith("params.merge_adapter") and "distributed_backend: ddp" in str(problem)
    assert autotrain.check_recipe(recipe, SERVER) == []


def test_a_validation_split_of_an_llm_is_trained_through_our_script(write: Callable[..., Recipe]) -> None:
    job = translated(write(RECIPE.format(valid="dev")))
    assert job.overrides["valid_split"].value == "validation"
    assert "def keep_validation" in job.files["work/shims/clm_validation.py"]
    argv = job.steps[1].argv
    names = (
        "seeded",
        "newer_base",
        "no_pickles",
        "vocabulary",
        "chat_options",
        "mean_loss",
        "clm_validation",
    )
    assert argv[-5:-2] == ("{run}/work/shims/start.py", ",".join(names), "autotrain.trainers.clm")
    assert "work/shims/clm_validation.py" not in translated(write(RECIPE.format(valid="null"))).files


def test_the_trainer_is_started_with_the_seed(sums: Callable[..., Recipe]) -> None:
    job = translated(sums("params.seed=7"))
    assert job.overrides["HF_RECIPES_SEED"].value == 7 and job.steps[1].env["HF_RECIPES_SEED"] == "7"
    assert "def seed" in job.files["work/shims/seeded.py"]
    assert "def older" in job.files["work/shims/newer_base.py"]
    names = ("seeded", "newer_base", "no_pickles", "vocabulary", "chat_options", "mean_loss")
    assert job.steps[1].argv[-5:-2] == (
        "{run}/work/shims/start.py",
        ",".join(names),
        "autotrain.trainers.clm",
    )


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("params.quantization=int4", "params.quantization"),
        ("params.optimizer=paged_adamw_8bit", "params.optimizer"),
        ("params.use_flash_attention_2=true", "params.use_flash_attention_2"),
        ("params.distributed_backend=deepspeed", "params.distributed_backend"),
    ],
)
def test_what_needs_a_gpu_is_a_problem_here_and_none_elsewhere(
    sums: Callable[..., Recipe], setting: str, key: str
) -> None:
    recipe = sums(setting)
    (problem,) = autotrain.check_recipe(recipe, LAPTOP)
    assert problem.code == "needs-gpu" and problem.message.startswith(key) and problem.hint
    assert autotrain.check_recipe(recipe, SERVER) == []


def test_a_problem_stands_at_its_key(write: Callable[..., Recipe]) -> None:
    recipe = write(RECIPE.format(valid="null") + "  quantization: int8\n")
    (problem,) = autotrain.check_recipe(recipe, LAPTOP)
    assert (problem.line, problem.column) == (RECIPE.count("\n") + 1, 3)


def test_a_space_is_planned_with_its_own_hardware(sums: Callable[..., Recipe]) -> None:
    elsewhere = ("base_model=someone/model", "params.quantization=int4")
    recipe = sums(*elsewhere, "backend=spaces-a10g-largex2")
    assert autotrain.check_recipe(recipe, LAPTOP) == []
    assert "--multi_gpu" in translated(recipe).steps[1].argv
    assert autotrain.check_run(recipe) == []
    # What is trained elsewhere comes back through the Hub alone.
    assert translated(recipe).push == Push(repo=None) and translated(recipe).steps[-1].name == "push"
    assert [
        problem.code
        for problem in autotrain.check_recipe(sums(*elsewhere, "backend=spaces-cpu-basic"), LAPTOP)
    ] == ["needs-gpu"]


def test_sources_tell_recipe_default_and_ours_apart(sums: Callable[..., Recipe]) -> None:
    recipe = sums("params.lr=1e-3")
    sources = autotrain.sources(recipe, translated(recipe).overrides)
    assert {sources[name] for name in ("lr", "peft", "model", "project_name")} == {"recipe"}
    assert {sources[name] for name in ("epochs", "seed", "valid_split", "push_to_hub")} == {
        "AutoTrain default"
    }
    assert {sources[name] for name in ("quantization", "OMP_NUM_THREADS")} == {"chosen by us"}
    # The messages need a template, and nobody wrote one.
    assert (sources["log"], sources["chat_template"]) == ("recipe", "chosen by us")


def test_a_key_that_nobody_wrote_does_not_come_from_the_recipe(write: Callable[..., Recipe]) -> None:
    text = RECIPE.format(valid="null").replace("log: none\n", "")
    sources = autotrain.sources(write(text), {})
    assert (sources["log"], sources["push_to_hub"]) == ("AutoTrain default", "AutoTrain default")
    settings = ("log=none", "hub.push_to_hub=false", "data.chat_template=chatml")
    recipe = write(text, *settings)
    sources = autotrain.sources(recipe, translated(recipe).overrides)
    assert {sources[name] for name in ("log", "push_to_hub", "chat_template")} == {"recipe"}


def test_chat_data_of_the_hub_is_converted_for_a_run_and_named_as_it_is_in_an_export(
    write: Callable[..., Recipe],
) -> None:
    recipe = write(
        "task: llm-sft\nbase_model: a/base\nproject_name: chats\nbackend: local\n"
        "data: {path: a/chats, train_split: train, chat_template: tokenizer, column_mapping: {text_column: messages}}\n"
    )
    assert translated(recipe).overrides["data_path"].value == "{run}/work/data"
    assert not autotrain.export_needs_data(recipe)
    config = yaml.safe_load(autotrain.export(recipe, LAPTOP, base_model="a/base")["config.yml"])
    assert config["data"]["path"] == "a/chats"


def test_the_export_is_a_recipe_that_resolves_to_the_same_training(
    sums: Callable[..., Recipe], tmp_path: Path
) -> None:
    recipe = sums("params.lr=1e-3", "evaluate.shots=2")
    assert autotrain.export_needs_data(recipe)
    path = tmp_path / "exported" / "config.yml"
    (path.parent / "data").mkdir(parents=True)
    written = autotrain.export(recipe, LAPTOP, base_model="HuggingFaceTB/SmolLM2-135M-Instruct")
    path.write_text(written["config.yml"])
    written = yaml.safe_load(path.read_text())
    assert set(written) == {"task", "base_model", "project_name", "log", "backend", "data", "params"}
    ours, theirs = autotrain.resolve(recipe), autotrain.resolve(load_recipe(path))
    different = {name for name in ours if ours[name] != theirs[name]}
    assert different == {"model", "data_path", "quantization"}
    assert theirs["quantization"] is None and theirs["chat_template"] == "tokenizer"
