"""The libraries that train and generate, in their own environments, with the stand-in as their Hub."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hub.handle import Hub

HERE = Path(__file__).parent
CONFIG = json.dumps(
    {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64}
).encode()
ROWS = [{"text": "ä one", "n": 1}, {"text": "two", "n": 2}, {"text": "three", "n": 3}]


def python_of(name: str) -> Path:
    from hf_recipes import environments

    return environments.ensure(name, say=lambda text: print(text, file=sys.stderr))


def answer_of(name: str, script: str, *arguments: str) -> dict[str, Any]:
    """What a script prints, run by the interpreter of an environment."""
    command = [str(python_of(name)), str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def tokenizer_files() -> dict[str, bytes]:
    vocabulary = {word: number for number, word in enumerate(["<unk>", "it", "is", "not"])}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    }
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}
    return {
        "tokenizer.json": json.dumps(tokenizer).encode(),
        "tokenizer_config.json": json.dumps(config).encode(),
        "chat_template.jinja": b"{% for m in messages %}<{{ m.role }}> {{ m.content }}{% endfor %}",
    }


def parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    held = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), held)
    return held.getvalue()


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def test_autotrain_s_client_pushes_and_loads(logged_in: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "trained"
    folder.mkdir()
    weights = os.urandom(11 << 20)
    (folder / "weights.bin").write_bytes(weights)
    (folder / "config.json").write_bytes(CONFIG)
    (folder / "README.md").write_text("---\ntags: [autotrain, hf-recipes]\n---\n# old\n")
    logged_in.put("dataset", "ada/rows", {"train.jsonl": lines(ROWS)}, private=True)
    logged_in.put("model", "bob/gated", {"config.json": CONFIG}, gated="auto")
    answer = answer_of("autotrain", "side_old_client.py", str(folder), logged_in.read_token)
    repo = logged_in.repo("model", "ada/old")
    assert answer.pop("version").startswith("0.27")
    assert "gated" in answer.pop("gated")
    assert answer == {
        "name": "ada",
        "commit": repo.branches["main"],
        "files": sorted(repo.files),
        "sizes": [len(weights)] * 2,
        "model_type": "llama",
        "mine": ["ada/old"],
        "rows": ROWS,
        "refused": 403,
    }
    assert repo.private and logged_in.read("model", "ada/old", "weights.bin") == weights
    assert logged_in.where(logged_in.token) == []


def test_transformers_and_datasets_load(logged_in: Hub) -> None:
    logged_in.put("model", "ada/tiny", {"config.json": CONFIG, **tokenizer_files()}, private=True)
    logged_in.put(
        "dataset", "ada/lines", {"train.jsonl": lines(ROWS), "test.jsonl": lines(ROWS[:1])}, private=True
    )
    logged_in.put("dataset", "ada/table", {"data/test-00000-of-00001.parquet": parquet(ROWS)}, private=True)
    answer = answer_of("inference", "side_libraries.py")
    assert answer == {
        "model_type": "llama",
        "ids": [1, 2, 3],
        "chat": "<user> it",
        "lines": {"train": ROWS, "test": ROWS[:1]},
        "table": ROWS,
        "streamed": ROWS,
    }


def test_a_data_set_that_is_a_script_is_read_as_the_parquet_that_the_hub_keeps(logged_in: Hub) -> None:
    from hf_recipes import environments

    kept = logged_in.put("dataset", "ada/banks", {"default/train/0000.parquet": parquet(ROWS)})
    logged_in.repo("dataset", "ada/banks").branches["refs/convert/parquet"] = kept.id
    logged_in.put("dataset", "ada/banks", {"banks.py": b"raise SystemExit('it was run')\n"})
    logged_in.put("dataset", "ada/alone", {"alone.py": b"raise SystemExit('it was run')\n"})
    code = """
import json
from hf_recipes.data.findings import DataError, Findings
from hf_recipes.steps.prepare.dataset import open_split
from hf_recipes.recipe.model import Data
print(json.dumps([row for _, (_, row) in open_split(Data("ada/banks", False, "train"), "train").rows(Findings())]))
try:
    open_split(Data("ada/alone", False, "train"), "train")
except DataError as error:
    print(json.dumps(str(error)))
"""
    done = subprocess.run(
        [str(python_of("inference")), "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(environments.package_path())},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    rows, refused = map(json.loads, done.stdout.splitlines())
    assert rows == ROWS
    assert "a Python script, which is never run" in refused
