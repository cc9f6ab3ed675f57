"""What is wrong with a recipe for its base is told before anything is trained: pickles, damaged files, modules that it has not."""

from __future__ import annotations

import json
import pickle
import struct
import subprocess
from pathlib import Path

import pytest

from hf_recipes.api import decide, lifecycle
from hf_recipes.api.checked import check_recipes
from hf_recipes.api.recipes import load_recipe
from hf_recipes.api.validate import problems
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.autotrain.shims import start
from hf_recipes.engines.jobs import translate
from hf_recipes.estimates.model_size import read_base
from hf_recipes.recipe import RecipeError

RECIPE = """\
task: llm-sft
base_model: {base}
project_name: my-project
backend: local
data: {{path: someone/data, train_split: train, chat_template: tokenizer, column_mapping: {{text_column: text}}}}
params:
  quantization: null
  peft: true
  target_modules: {targets}
"""
SHAPES = {
    "model.embed_tokens.weight": (12, 4),
    "model.layers.0.self_attn.q_proj.weight": (4, 4),
    "model.layers.0.self_attn.v_proj.weight": (4, 4),
    "model.layers.0.mlp.down_proj.weight": (4, 8),
    "model.layers.0.input_layernorm.weight": (4,),
}
LINEAR = "q_proj, v_proj, down_proj"
HERE = Machine(cores=2, memory=8 << 30)


def write_base(folder: Path, *, weights: str = "model.safetensors") -> Path:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama", "max_position_embeddings": 64}')
    header, at = {}, 0
    for name, shape in SHAPES.items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    (folder / weights).write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))
    return folder


def found(tmp_path: Path, base: object, targets: str = "all-linear") -> list[str]:
    """line:column:code: message; hint of each problem that `validate` tells."""
    file = tmp_path / "recipe.yml"
    file.write_text(RECIPE.format(base=base, targets=targets), encoding="utf-8")
    return [
        f"{one.line}:{one.column}:{one.code}: {one.message}; {one.hint}"
        for one in problems(file, here=lambda: HERE)
    ]


@pytest.mark.parametrize(
    "pickled", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "consolidated.00.pth", "model.pt"]
)
def test_a_base_of_pickles_is_a_problem_before_anything_reads_it(tmp_path: Path, pickled: str) -> None:
    base = write_base(tmp_path / "base")
    assert found(tmp_path, "./base") == []
    (base / "model.safetensors").rename(base / pickled)
    (one,) = found(tmp_path, "./base")
    assert one.startswith("2:1:pickle: base_model: base holds its weights as a pickle alone")
    assert pickled in one and "safetensors" in one
    write_base(tmp_path / "whole")
    (tmp_path / "whole" / pickled).write_bytes(b"beside")
    assert found(tmp_path, "./whole") == [], "safetensors are what is loaded"


def test_pickles_of_the_modules_of_sentence_transformers_are_seen(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    (base / "modules.json").write_text('[{"path": ""}, {"path": "2_Dense"}, {"path": "../../elsewhere"}]')
    (base / "2_Dense").mkdir()
    (base / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    (one,) = found(tmp_path, "./base")
    assert "2_Dense/pytorch_model.bin" in one


def test_weights_that_were_not_fetched_to_their_end_are_a_problem_and_no_base_to_tune(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    data = (base / "model.safetensors").read_bytes()
    (base / "model.safetensors").write_bytes(data[:-1])
    (one,) = found(tmp_path, "./base")
    assert one.startswith("2:1:damaged-weights: base_model: base: model.safetensors is damaged: it has ")
    with pytest.raises(RecipeError, match="damaged"):
        lifecycle.plan(load_recipe(tmp_path / "recipe.yml"), say=print)
    recipe = load_recipe(tmp_path / "recipe.yml")
    said = decide.tunability(recipe, read_base(str(base)), [])
    assert said.tunable is False and [reason.kind for reason in said.reasons] == ["damaged-weights"]


def test_a_folder_without_weights_is_no_base(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base")
    (base / "model.safetensors").rename(base / "model.gguf")
    assert found(tmp_path, "./base")[0].startswith("2:1:no-weights: base_model: base holds no safetensors")


def test_a_shard_that_is_not_there_is_named(tmp_path: Path) -> None:
    base = write_base(tmp_path / "base", weights="model-00001-of-00002.safetensors")
    files = dict.fromkeys(SHAPES, "model-00001-of-00002.safetensors")
    files["lm_head.weight"] = "model-00002-of-00002.safetensors"
    (base / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    (one,) = found(tmp_path, "./base")
    assert "model-00002-of-00002.safetensors, which it names, is not there" in one


@pytest.mark.parametrize(
    "targets",
    ["q_proj", "[q_proj, v_proj]", "q_proj, v_proj", "all-linear", "self_attn.q_proj", "lm_head", "null",
     "embed_tokens", "model.layers.0.mlp.down_proj"],
)  # fmt: skip
def test_names_that_the_base_has_are_right(tmp_path: Path, targets: str) -> None:
    write_base(tmp_path / "base")
    assert found(tmp_path, "./base", targets) == []


@pytest.mark.parametrize(
    ("targets", "place", "said"),
    [
        ("query_key_value", "9:3", f"query_key_value is no linear module of the base; its linear modules are {LINEAR}"),
        ("'q_proj, o_proj'", "9:3", "o_proj is no linear module of the base; did you mean "),
        ("[q_proj, qproj]", "9:28", "qproj is no linear module of the base; did you mean q_proj?"),
        ("mlp", "9:3", "mlp is no linear module of the base but holds some; name them: down_proj"),
        ("input_layernorm", "9:3", f"; its linear modules are {LINEAR}"),
    ],
)  # fmt: skip
def test_a_name_that_the_base_has_not_is_a_problem_also_beside_one_that_it_has(
    tmp_path: Path, targets: str, place: str, said: str
) -> None:
    write_base(tmp_path / "base")
    (one,) = found(tmp_path, "./base", targets)
    assert one.startswith(f"{place}:unknown-module: params.target_modules") and said in one


def test_the_bundled_base_has_its_names_and_plan_and_run_refuse_others(tmp_path: Path) -> None:
    bundled = "bundled/smollm2-135m-instruct"
    assert found(tmp_path, bundled, "[q_proj, gate_proj, model.layers.29.self_attn.o_proj]") == []
    (one,) = found(tmp_path, bundled, "[q_proj, query_key_value]")
    assert "q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj" in one
    with pytest.raises(RecipeError, match="query_key_value"):
        lifecycle.plan(load_recipe(tmp_path / "recipe.yml"), say=print)
    with pytest.raises(RecipeError, match="query_key_value"):
        lifecycle.create_run(
            *check_recipes([load_recipe(tmp_path / "recipe.yml")], to_run=True), runs_dir=tmp_path / "runs"
        )
    assert not (tmp_path / "runs").exists()


def test_an_answer_longer_than_the_base_has_positions_is_a_problem(tmp_path: Path) -> None:
    write_base(tmp_path / "base")
    text = RECIPE.format(base="./base", targets="all-linear").replace("{path:", "{test_split: 0.1, path:")
    file = tmp_path / "recipe.yml"
    for length, codes in ((64, ["out-of-range"]), (63, [])):
        file.write_text(text + f"evaluate: {{max_new_tokens: {length}}}\n")
        assert [one.code for one in problems(file, here=lambda: HERE)] == codes


class Trap:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (Path("sprung"),)


LOAD = """\
import io, os, sys, torch
def tried(what):
    try:
        torch.load(what, weights_only=False)
    except RuntimeError as error:
        return str(error)
    return "loaded"
os.symlink("../base.bin", "out/link.bin")
held = io.BytesIO(); torch.save([1], held); held.seek(0)
torch.save([1], "out/own.bin")
print(tried("base.bin"), tried(open("base.bin", "rb")), tried("out/link.bin"), tried("out/own.bin"), tried(held), sep="\\n")
"""


def test_in_the_trainer_a_pickle_of_somebody_else_is_never_loaded(
    autotrain_python: Path, tmp_path: Path
) -> None:
    """Whatever was checked before: a base on the Hub may have changed since."""
    (tmp_path / "base.bin").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "out").mkdir()
    (tmp_path / "load.py").write_text(LOAD)
    command = [
        autotrain_python,
        start.__file__,
        "no_pickles",
        "load.py",
        "--training_config",
        "out/params.json",
    ]
    done = subprocess.run([str(word) for word in command], cwd=tmp_path, capture_output=True, text=True)
    refused = "is a pickle, which runs code when it is loaded and is never loaded"
    assert done.stdout.splitlines() == [
        f"base.bin {refused}", f"base.bin {refused}", f"link.bin {refused}", "loaded", "loaded",
    ], done.stderr  # fmt: skip
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "task", ["llm-sft", "st:pair", "text-classification", "image-classification", "seq2seq"]
)
def test_every_trainer_with_a_base_is_started_so(tmp_path: Path, task: str) -> None:
    columns = {
        "st:pair": "{sentence1_column: a, sentence2_column: b}",
        "llm-sft": "{text_column: text}",
        "image-classification": "{image_column: a, target_column: b}",
    }.get(task, "{text_column: a, target_column: b}")
    template = "\n  chat_template: tokenizer" if task == "llm-sft" else ""
    file = tmp_path / "recipe.yml"
    file.write_text(
        f"task: {task}\nbase_model: some/model\nproject_name: p\nbackend: local\n"
        f"data:\n  path: some/data\n  train_split: train{template}\n  column_mapping: {columns}\n"
    )
    job = translate(load_recipe(file), HERE)
    assert "def refuse" in job.files["work/shims/no_pickles.py"]
    (train,) = [step for step in job.steps if step.name == "train"]
    assert "no_pickles" in train.argv[train.argv.index("{run}/work/shims/start.py") + 1].split(",")
