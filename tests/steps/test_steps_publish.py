"""Local data as it is published for a run elsewhere: what that run makes of it is what a run here makes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MESSAGES = [{"role": "user", "content": "{q}"}, {"role": "assistant", "content": "{a}"}]
CHAT = {"trainer": "sft", "text_column": "text", "chat_template": "tokenizer", "block_size": 64, "seed": 42}
LABELS = {"text_column": "text", "target_column": "target", "seed": 1}


def ask(task: str, data: Path, params: dict, **more) -> dict:
    """The request of a recipe with this data."""
    return {
        "task": task,
        "base_model": "some/base",
        "project_name": "tiny",
        "params": params,
        "evaluate": {"shots": 2} if task == "lm_training" else None,
        "data": {"path": str(data), "local": True, "train_split": "train", "messages": [], **more},
    }


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def rows(path: Path, *values: dict) -> Path:
    return write(path, "".join(json.dumps(value) + "\n" for value in values))


def publish(request: dict, out: Path) -> dict:
    from hf_recipes.record.job import job_from
    from hf_recipes.steps.prepare.publish import publish

    return publish(job_from(request), out)


def there(request: dict, source: Path, splits: dict) -> dict:
    """The request as the container has it."""
    data = request["data"]
    test = splits["test"] if isinstance(data.get("test_split"), str) else data.get("test_split")
    named = {"train_split": splits["train"], "valid_split": splits["validation"], "test_split": test}
    return {**request, "data": {**data, **named, "path": str(source)}}


def converted(request: dict, out: Path) -> dict[str, bytes]:
    """What the prepare step would write."""
    from hf_recipes.record.job import job_from
    from hf_recipes.steps.prepare.convert import convert
    from hf_recipes.steps.prepare.prepare import form_or_fail

    asked = job_from(request)
    convert(asked, form_or_fail(asked), out)
    return {
        str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()
    }


def csv_chat(folder: Path) -> dict:
    text = "q,a,extra\n" + "".join(f'"{n} or, {n}",0{n},\n' for n in range(20))
    return ask("lm_training", write(folder / "my rows.csv", text), CHAT, messages=MESSAGES, test_split=0.2)


def jsonl_splits(folder: Path) -> dict:
    rows(folder / "train.jsonl", *({"q": f"{n}", "a": n, "late": None} for n in range(5)), {"q": "x", "a": 7, "more": [1]})  # fmt: skip
    rows(folder / "dev.jsonl", {"q": "v", "a": 1})
    rows(folder / "held-out.jsonl", {"q": "t", "a": 1})
    return ask("lm_training", folder, CHAT, messages=MESSAGES, valid_split="dev", test_split="held-out")


def conversations(folder: Path) -> dict:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "2024-01-01", "name": "bot"}]
    return ask("lm_training", rows(folder / "d.jsonl", *({"text": turns[:2]} for _ in range(3))), CHAT)


def labels(folder: Path) -> dict:
    text = "text,target\n" + "".join(f"film {n},{'good' if n % 2 else 'bad'}\n" for n in range(20))
    return ask("text_binary_classification", write(folder / "train.csv", text).parent, LABELS)


def mixed_types(folder: Path) -> dict:
    path = rows(folder / "d.jsonl", {"q": "one", "a": 1}, {"q": "two", "a": "2"}, {"q": "three", "a": 3.5})
    return ask("lm_training", path, CHAT, messages=MESSAGES)


def whole_and_half(folder: Path) -> dict:
    """Parquet would make 1 a 1.0, and the answer would change."""
    path = rows(folder / "d.jsonl", {"q": "one", "a": 1}, {"q": "half", "a": 0.5})
    return ask("lm_training", path, CHAT, messages=MESSAGES)


def table(folder: Path) -> dict:
    text = "size,colour,target\n" + "".join(f"{n}.5,red,{n % 2}\n" for n in range(20))
    return ask("tabular", write(folder / "train.csv", text).parent, {"target_columns": ["target"], "seed": 1})


def parquet_shards(folder: Path) -> dict:
    import pyarrow
    from pyarrow import parquet

    for number in range(2):
        made = pyarrow.table({"q": [f"{number} {n}" for n in range(5)], "a": [f"{n}" for n in range(5)]})
        parquet.write_table(made, folder / f"train-0000{number}-of-00002.parquet")
    return ask("lm_training", folder, CHAT, messages=MESSAGES, test_split=0.3)


def jsonl_shards(folder: Path) -> dict:
    for number in range(2):
        rows(
            folder / f"train-0000{number}-of-00002.jsonl", *({"q": f"{number} {n}", "a": n} for n in range(5))
        )
    return ask("lm_training", folder, CHAT, messages=MESSAGES, test_split=0.3)


def mixed_shards(folder: Path) -> dict:
    rows(folder / "train-00000-of-00002.jsonl", {"q": "one", "a": 1}, {"q": "two", "a": "2"})
    rows(folder / "train-00001-of-00002.jsonl", {"q": "three", "a": 3.5})
    return ask("lm_training", folder, CHAT, messages=MESSAGES)


CASES = (
    jsonl_shards,
    mixed_shards,
    csv_chat,
    jsonl_splits,
    conversations,
    labels,
    mixed_types,
    whole_and_half,
    table,
    parquet_shards,
)
AS_FILES = (mixed_shards, mixed_types, whole_and_half, table)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_published_data_is_prepared_as_the_local_data(case, tmp_path):
    (tmp_path / "mine").mkdir()
    request = case(tmp_path / "mine")
    answer = publish(request, tmp_path / "out")
    parquet = [path.suffix == ".parquet" for path in (tmp_path / "out" / "data").iterdir()]
    assert any(parquet) is (case not in AS_FILES) and bool(answer["notes"]) is (case in AS_FILES)
    remote = there(request, tmp_path / "out", answer["splits"])
    assert converted(remote, tmp_path / "b") == converted(request, tmp_path / "a")


def test_the_hash_is_of_the_rows_and_their_splits_alone(tmp_path):
    def sha(name: str, *values: dict, split: str = "train", **more) -> str:
        path = rows(tmp_path / name / f"{split}.jsonl", *values)
        asked = ask("lm_training", path.parent, CHAT, messages=MESSAGES, train_split=split, **more)
        return publish(asked, tmp_path / f"{name}-out")["sha"]

    two = ({"q": "1", "a": "1"}, {"q": "2", "a": "2"})
    first = sha("one", *two)
    assert first == sha("two", *two) == sha("keys", *({"a": row["a"], "q": row["q"]} for row in two))
    assert first == sha("renamed", *two, split="rows"), "what the splits are called here says nothing"
    assert first != sha("order", *reversed(two))
    assert first != sha("more", *two, {"q": "3", "a": "3"})
    assert first != sha("validated", *two, valid_split="train")


def test_datasets_reads_the_published_folder(tmp_path):
    import datasets

    (tmp_path / "mine").mkdir()
    publish(jsonl_splits(tmp_path / "mine"), tmp_path / "out")
    read = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in read.items()} == {"train": 6, "validation": 1, "test": 1}
    assert read["train"][5]["more"] == [1]


def test_rows_that_cannot_be_trained_on_are_not_published(tmp_path):
    request = ask("lm_training", rows(tmp_path / "d.jsonl", {"q": "1"}), CHAT, messages=MESSAGES)
    done = subprocess.run(
        [sys.executable, "-m", "hf_recipes.steps.prepare.publish", str(tmp_path / "out")],
        input=json.dumps(request),
        capture_output=True,
        text=True,
    )
    answer = json.loads(done.stdout)
    assert answer["sha"] is None and "no column 'a'" in answer["problems"][0]["message"]
    assert not (tmp_path / "out").exists()


def test_images_go_as_they_are_and_nothing_that_lies_beside_them(tmp_path):
    folder = tmp_path / "pictures"
    for name in ("train/cat/1.png", "train/dog/2.JPG", "validation/cat/3.png"):
        write(folder / name, f"bytes of {name}")
    write(folder / "train" / "metadata.csv", "file_name,label\n")
    for name in (".env", ".git/config.csv", "notes.docx"):
        write(folder / name, "a secret of mine")
    params = {"image_column": "image", "target_column": "target"}
    request = ask("image_binary_classification", folder, params, valid_split="validation")
    answer = publish(request, tmp_path / "out")
    assert answer["splits"] == {"train": "train", "validation": "validation", "test": None}
    found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert found == {"train/cat/1.png", "train/dog/2.JPG", "validation/cat/3.png", "train/metadata.csv"}
    shutil.copytree(tmp_path / "out", tmp_path / "again")
    moved = {**request, "data": {**request["data"], "path": str(tmp_path / "again")}}
    assert publish(moved, tmp_path / "out-again")["sha"] == answer["sha"]


def test_the_prepare_step_finds_the_data_that_was_fetched(tmp_path, tiny_llama, make_run, child_step):
    (tmp_path / "mine").mkdir()
    request = {**csv_chat(tmp_path / "mine"), "base_model": str(tiny_llama)}
    answer = publish(request, tmp_path / "out")
    remote = there(request, Path("ada/hf-recipes-data-1"), answer["splits"])
    run = make_run(**{**remote, "data": {**remote["data"], "local": False}})
    shutil.copytree(tmp_path / "out", run / "work" / "source")
    done, failure = child_step("prepare", run)
    assert (done.returncode, failure) == (0, {}), done.stderr
    assert json.loads((run / "work" / "prepared.json").read_text())["rows"]["test"] == 4
