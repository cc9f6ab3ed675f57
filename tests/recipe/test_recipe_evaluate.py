"""How the alternatives are asked: what cannot be meant, or cannot work, is a problem before anything runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hf_recipes.api.recipes import load_recipe, recipe_problems

RECIPE = """\
task: llm-sft
base_model: bundled/smollm2-135m-instruct
project_name: my-project
backend: {backend}
data:
  path: someone/some-data
  train_split: train
  test_split: 0.1
  messages:
    - {{role: user, content: "{{question}}"}}
    - {{role: assistant, content: "{{answer}}"}}
evaluate:
  {evaluate}
"""
REMOTE = "jobs-a10g-large"
SERVER = "server: {base_url: 'http://127.0.0.1:8000/v1', base: a}"


def recipe(tmp_path: Path, evaluate: str, backend: str = "local") -> Path:
    text = RECIPE.format(evaluate=evaluate.replace("\n", "\n  "), backend=backend)
    if backend != "local":
        text = text.replace("bundled/smollm2-135m-instruct", "HuggingFaceTB/SmolLM2-135M-Instruct")
    file = tmp_path / "recipe.yml"
    file.write_text(text)
    return file


MISTAKES = [
    # written under evaluate, backend, the key that is named, what the line must say
    ("baselines: [retrieval]\nretrieve_by: embeddings", "local", "embedding_model", "missing, and retrieve_by"),
    ("baselines: [retrieval]\nembedding_model: a/b", "local", "embedding_model", "bm25, which has no model"),
    ("baselines: [retrieval]\nretrieve_by: embeddings\nembedding_model: ./none/x", "local", "embedding_model", "neither a folder"),
    ("baselines: [retrieval]\nretrieve_by: embeddings\nembedding_model: docs", REMOTE, "embedding_model", "a folder of this machine is not there"),
    ("shots_by: similarity\ndocuments: docs", "local", "documents", "retrieval is not in evaluate.baselines"),
    ("baselines: [few-shot, retrieval]\nshots_by: similarity", "local", "shots_by", "exactly what retrieval"),
    ("baselines: [retrieval]\ndocuments: nowhere", "local", "documents", "no such file or folder"),
    ("baselines: [retrieval]\ndocuments: empty.txt", "local", "documents", "the file is empty"),
    ("baselines: [retrieval]\ndocuments: picture.png", "local", "documents", "not a file that is read: .txt, .md, .jsonl, .csv"),
    ("baselines: [retrieval]\ndocuments: bare", "local", "documents", "the folder holds no .txt, .md"),
    ("baselines: [retrieval]\ndocuments: docs", REMOTE, "documents", "are not there on jobs-a10g-large"),
    ("reference: {base_url: api.openai.com/v1, model: m}", "local", "reference.base_url", "http://127.0.0.1:8000/v1 or https://"),
    ("reference: {base_url: 'https://[x/v1', model: m}", "local", "reference.base_url", "not an address"),
    ("reference: {base_url: 'https://me:pw1234@host/v1', model: m}", "local", "reference.base_url", "a name or password stands in the address"),
    ("reference: {base_url: 'http://localhost:8000/v1', model: m}", REMOTE, "reference.base_url", "which for jobs-a10g-large is another one"),
    ("reference: {base_url: 'https://host/v1', model: m, api_key: abc}", "local", "reference.api_key", "must name an environment variable"),
    ("reference: {base_url: 'https://host/v1', model: m, api_key: '${NOT_SET}'}", "local", "reference.api_key", "NOT_SET is not set"),
    (SERVER + "\nruntime: vllm", "local", "runtime", "leave one of the two out"),
    (SERVER + "\nmetrics: [likelihood]", "local", "server", "likelihood needs the weights here"),
    ("runtime: vllm", "local", "runtime", "set HF_RECIPES_VLLM_PYTHON to an interpreter that has it"),
    ("runtime: vllm", "spaces-cpu-upgrade", "runtime", "spaces-cpu-upgrade has no GPU"),
    ("runtime: vllm", REMOTE, "runtime", "gets our own interpreter, which has no vLLM"),
]  # fmt: skip


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """What may lie beside a recipe."""
    for folder in ("docs", "bare"):
        (tmp_path / folder).mkdir()
    (tmp_path / "docs" / "faq.md").write_text("Cards cost 5 euros.")
    (tmp_path / "picture.png").write_bytes(b"x")
    (tmp_path / "empty.txt").touch()
    return tmp_path


@pytest.mark.parametrize(("evaluate", "backend", "key", "said"), MISTAKES)
def test_each_mistake_is_one_problem_at_its_key(beside, evaluate, backend, key, said) -> None:
    found = recipe_problems(recipe(beside, evaluate, backend), environ={})
    assert len(found) == 1, found
    assert found[0].message.startswith(f"evaluate.{key}: ") and said in str(found[0])
    assert found[0].line and "pw1234" not in str(found[0])


RIGHT = [
    "baselines: [retrieval]\ndocuments: docs\nretrieve_by: embeddings\nembedding_model: sentence-transformers/all-MiniLM-L6-v2",
    "baselines: [few-shot, retrieval]\nshots_by: similarity\ndocuments: docs/faq.md",
    "baselines: [few-shot, retrieval]\nshots_by: similarity\npassages: 8",
    "shots_by: similarity\nretrieve_by: embeddings\nembedding_model: docs",
    "reference: {base_url: 'https://host/v1', model: m, api_key: '${MY_KEY}'}\n" + SERVER,
    "runtime: vllm",
]


@pytest.mark.parametrize("evaluate", RIGHT)
def test_what_can_be_meant_is_right(beside, evaluate) -> None:
    environ = {"MY_KEY": "a-key-that-is-kept-nowhere", "HF_RECIPES_VLLM_PYTHON": sys.executable}
    loaded = load_recipe(recipe(beside, evaluate), environ=environ)
    assert loaded.evaluate is not None
    assert environ["MY_KEY"] not in repr(loaded)


def test_paths_count_from_the_recipe(beside) -> None:
    loaded = load_recipe(recipe(beside, RIGHT[3])).evaluate
    assert loaded is not None and loaded.embedding_model == str(beside / "docs")
    loaded = load_recipe(recipe(beside, RIGHT[1])).evaluate
    assert loaded is not None and loaded.documents == str(beside / "docs" / "faq.md")
