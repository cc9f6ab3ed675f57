"""What holds between the keys of `evaluate` that say how the alternatives are asked: retrieval, endpoints, runtime."""

from __future__ import annotations

import os
import shutil
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from hf_recipes.catalog.hardware import runs_here
from hf_recipes.catalog.hub_ids import HUB_ID
from hf_recipes.recipe import measures
from hf_recipes.recipe.check import Reading

DOCUMENTS = (".txt", ".md", ".jsonl", ".csv")
"""What `evaluate.documents` may be, or a folder of them."""
LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")
FINDERS = ("HF_RECIPES_VLLM_PYTHON", "HF_RECIPES_INFERENCE_PYTHON")
"""Variables that may name an interpreter with vLLM in it; the one that we make has none."""


def check_evaluate(reading: Reading, metrics: Sequence[str]) -> None:
    """Adds a problem for every rule that is broken. Only called where `evaluate` is given and fits the task."""
    baselines = _baselines(reading)
    _similarity(reading, baselines)
    _embeddings(reading)
    _documents(reading)
    judges = [f"{key}.options" for key, name in measures.metrics_named(reading) if name == "judge"]
    for parent in ("evaluate.reference", "evaluate.server", *judges):
        _endpoint(reading, parent)
    _runtime(reading)
    if reading.given("evaluate.server") and "likelihood" in metrics:
        what = "likelihood needs the weights here, and a server shows none"
        reading.report("evaluate.server", "unmeasured", what, "leave the metric or the server out")


def _baselines(reading: Reading) -> list[object]:
    written = reading.values.get("evaluate.baselines", ["zero-shot", "few-shot"])
    return written if isinstance(written, list) else []


def _similarity(reading: Reading, baselines: Sequence[object]) -> None:
    """What is named for nothing, or measured twice. Numbers that no baseline needs are no mistake: --set takes baselines away."""
    values = reading.values
    similar = values.get("evaluate.shots_by") == "similarity"
    retrieval = "retrieval" in baselines
    if values.get("evaluate.documents") is not None and not retrieval:
        what = "retrieval is not in evaluate.baselines"
        reading.report("evaluate.documents", "unused", what, "add it there")
    same = values.get("evaluate.shots", 4) == values.get("evaluate.passages", 4)
    if retrieval and similar and "few-shot" in baselines and same and not values.get("evaluate.documents"):
        what = "few-shot by similarity asks exactly what retrieval from the training examples asks"
        reading.report("evaluate.shots_by", "same-method", what, "name evaluate.documents, or leave one out")


def _embeddings(reading: Reading) -> None:
    by, key = reading.values.get("evaluate.retrieve_by", "bm25"), "evaluate.embedding_model"
    model = reading.values.get(key)
    if by == "embeddings" and (key not in reading.places or key in reading.blank):
        hint = "name a sentence-transformers model, such as sentence-transformers/all-MiniLM-L6-v2"
        reading.report(key, "missing-key", "missing, and retrieve_by is embeddings", hint)
    if by == "bm25" and model is not None:
        reading.report(
            key, "unused", "retrieve_by is bm25, which has no model", "write retrieve_by: embeddings"
        )
    if not isinstance(model, str):
        return
    path = _path(reading, model)
    if path is not None and path.is_dir():
        if _backend(reading):
            hint = "name a model of the Hub"
            reading.report(
                key, "not-remote", f"a folder of this machine is not there on {_backend(reading)}", hint
            )
    elif not HUB_ID.fullmatch(model):
        reading.report(key, "not-found", "neither a folder on this disk nor a Hub id (owner/name)")


def _documents(reading: Reading) -> None:
    key = "evaluate.documents"
    written = reading.values.get(key)
    if not isinstance(written, str):
        return
    if _backend(reading):
        what = f"documents are read on this machine, and are not there on {_backend(reading)}"
        reading.report(key, "not-remote", what, "leave it out to retrieve training examples, or use local")
        return
    path = _path(reading, written)
    if path is None or not path.exists():
        reading.report(
            key, "not-found", "no such file or folder", "relative paths count from the recipe's folder"
        )
    elif path.is_dir():
        if not any(file.suffix.lower() in DOCUMENTS for file in path.rglob("*")):
            reading.report(key, "not-found", f"the folder holds no {', '.join(DOCUMENTS)} file")
    elif path.suffix.lower() not in DOCUMENTS:
        reading.report(key, "unknown-value", f"not a file that is read: {', '.join(DOCUMENTS)}")
    elif path.stat().st_size == 0:
        reading.report(key, "empty-file", "the file is empty")


def _endpoint(reading: Reading, parent: str) -> None:
    key = f"{parent}.base_url"
    address = reading.values.get(key)
    if not isinstance(address, str):
        return
    try:
        parts = urllib.parse.urlsplit(address)
        host, user = parts.hostname, parts.username or parts.password
        _ = parts.port  # raises where there can be no such port
    except ValueError:
        parts, host, user = urllib.parse.SplitResult("", "", "", "", ""), None, None
    if parts.scheme not in ("http", "https") or not host:
        reading.report(
            key, "bad-address", "not an address", "write it as http://127.0.0.1:8000/v1 or https://…/v1"
        )
    elif user:
        hint = "name the key's variable as api_key: ${NAME}"
        reading.report(key, "literal-token", "a name or password stands in the address", hint)
    elif host in LOOPBACK and _backend(reading):
        what = f"{host} is the machine that the run is on, which for {_backend(reading)} is another one"
        reading.report(key, "not-remote", what, "name an address that can be reached from there")


def _runtime(reading: Reading) -> None:
    key = "evaluate.runtime"
    if reading.values.get(key) != "vllm":
        return
    if reading.given("evaluate.server"):
        reading.report(
            key, "two-runtimes", "evaluate.server answers in its place", "leave one of the two out"
        )
        return
    backend = _backend(reading)
    if backend:
        lacks = "has no GPU" if "cpu" in backend else "gets our own interpreter, which has no vLLM"
        hint = "use runtime: transformers, or backend: local with vLLM installed"
        reading.report(key, "no-vllm", f"{backend} {lacks}", hint)
        return
    named = {name: reading.environ[name] for name in FINDERS if reading.environ.get(name)}
    hint = f"set {FINDERS[0]} to an interpreter that has it, or use runtime: transformers"
    if not named:
        reading.report(key, "no-vllm", "vLLM is not installed in the interpreter that we make", hint)
    elif FINDERS[0] in named and shutil.which(os.path.expanduser(named[FINDERS[0]])) is None:  # noqa: PTH111
        reading.report(key, "no-vllm", f"{FINDERS[0]} names no program that can be run", hint)


def _backend(reading: Reading) -> str:
    """The backend where it is another machine, else nothing."""
    backend = reading.values.get("backend")
    return backend if isinstance(backend, str) and not runs_here(backend) else ""


def _path(reading: Reading, written: str) -> Path | None:
    try:
        path = reading.folder / Path(written).expanduser()
        path.exists()
        return path
    except (OSError, ValueError, RuntimeError):
        return None
