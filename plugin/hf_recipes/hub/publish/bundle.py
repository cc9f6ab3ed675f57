"""What of a run goes up: whole weights, public texts, and hf_recipes.json that says which run they are of."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_recipes import __version__
from hf_recipes.catalog.hardware import runs_here
from hf_recipes.engines.result import TrainedEndpoint, result_of
from hf_recipes.evaluation import page
from hf_recipes.evaluation.answers import FINE_TUNED, EvaluationFailed
from hf_recipes.hub.errors import HubFailed
from hf_recipes.hub.publish.card import in_public, make_card
from hf_recipes.hub.publish.facts import Facts
from hf_recipes.hub.publish.scan import CONFIG, VOCABULARY, Find, public_config, scan
from hf_recipes.inference.fingerprint import fingerprint, sha256, weight_files
from hf_recipes.runner.promote import PUBLISHABLE
from hf_recipes.runner.redaction import Redactor
from hf_recipes.runner.weights import header_text, tensors

MARK = "hf_recipes.json"
"""The file by which a repo is known as a recipe's."""
OURS = ("recipe.yml", "README.md", MARK, "report/report.json", "report/report.html")
NOT_PUSHED = ("training_params.json", "README.md")
"""Files of the trainer that are not pushed: its parameters, which name places and accounts, and its card, which ours replaces."""
PAGE_LIMIT = 8_000_000
"""Bytes of a report.html that is pushed; the Hub takes text files of up to 10 MB as such."""
SHOWN_FINDS = 3


@dataclass(frozen=True)
class Bundle:
    weights: Mapping[str, Path]
    texts: Mapping[str, bytes]
    """Everything else by its path in the repo, the sentencepiece models' bytes among it."""
    mark: Mapping[str, Any]
    left_out: str = ""
    """Why report.html stays here: a sentence; empty where it goes up, or there is none."""

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.weights.values()) + sum(map(len, self.texts.values()))


def identity(facts: Facts) -> dict[str, Any]:
    """What two runs of the same recipe have in common, however it was tuned in between."""
    return {"project_name": facts.project_name, "task": facts.task, "base_model": facts.base_model}


def pack(run: Path, facts: Facts, repo: str, secrets: Sequence[str]) -> Bundle:
    """Read, made public and scanned. `secrets` are names of environment variables.

    Raises HubFailed: no_weights, pickle, weights_invalid, report_invalid, leak.
    """
    model = run / "model"
    weights = _weights(model, facts)
    name = fingerprint(weight_files(model))
    _check_report(facts, name)
    texts = {path: _public(path, data, facts) for path, data in _small_files(model).items()}
    texts["recipe.yml"] = in_public((run / "recipe.yml").read_text(encoding="utf-8"), facts).encode()
    if facts.report is not None:
        texts["report/report.json"] = _report(run, facts)
    shown, left_out = _page(run, facts, secrets)
    if shown:
        texts["report/report.html"] = shown
    texts["README.md"] = _card(facts, repo, has_page=bool(shown)).encode()
    hashes = {path: sha256(file) for path, file in weights.items()}
    hashes |= {path: hashlib.sha256(data).hexdigest() for path, data in texts.items()}
    mark = {
        "schema": 1,
        "run": facts.run,
        "recipe_sha256": facts.recipe_sha256,
        **identity(facts),
        # The very weights that it was trained from, where the Hub's model of that name has others.
        **({"bundled_base": facts.bundled_base} if facts.bundled_base else {}),
        **({"base_fingerprint": facts.base_fingerprint} if facts.base_fingerprint else {}),
        # A report says it otherwise.
        **({} if facts.report else {"training": dict(facts.training), "warnings": list(facts.warnings)}),
        **({"reasoning": list(facts.reasoning)} if facts.reasoning else {}),
        "weights": name,
        "engine": f"{facts.engine} {facts.engine_version}",
        "hf_recipes": __version__,
        "settings": [in_public(setting, facts) for setting in facts.settings],
        "files": dict(sorted(hashes.items())),
    }
    texts[MARK] = (json.dumps(mark, indent=1, ensure_ascii=False) + "\n").encode()
    _refuse_leaks(texts, weights, facts, secrets)
    return Bundle(weights, texts, mark, left_out)


def _weights(model: Path, facts: Facts) -> dict[str, Path]:
    if facts.task == "tabular":
        raise HubFailed(
            "pickle",
            f"{facts.run} holds a pickle (model.joblib), as tabular models are: pickles run code when they are loaded and are never pushed",
        )
    if isinstance(result_of(model.parent), TrainedEndpoint):
        raise HubFailed("no_weights", f"{facts.run} has trained an endpoint: it has no weights to push")
    files = sorted(path for path in model.rglob("*.safetensors") if path.is_file() and not path.is_symlink())
    if not weight_files(model) and not runs_here(facts.backend):
        raise HubFailed(
            "no_weights",
            f"the model of {facts.run} is not here: it was trained on {facts.backend} and pushed from there; where to, says: "
            f"hf-recipes status {facts.run}",
        )
    if not weight_files(model):
        raise HubFailed("no_weights", f"{facts.run} has no model here: there are no weights in {model}")
    for path in files:
        try:
            tensors(path)
        except (OSError, ValueError) as error:
            raise HubFailed("weights_invalid", f"{path} is damaged ({error}); train again") from None
    return {path.relative_to(model).as_posix(): path for path in files}


def _small_files(model: Path) -> dict[str, bytes]:
    """Configs and tokenizers; anything else that lies in the folder stays where it is."""
    return {
        path.relative_to(model).as_posix(): path.read_bytes()
        for path in sorted(model.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and PUBLISHABLE.fullmatch(path.name)
        and path.suffix != ".safetensors"
        and path.name not in NOT_PUSHED
    }


def _public(path: str, data: bytes, facts: Facts) -> bytes:
    if not CONFIG.fullmatch(path) or VOCABULARY.fullmatch(Path(path).name):
        return data
    try:
        return public_config(data.decode("utf-8"), facts.places, facts.base_model).encode()
    except ValueError:
        raise HubFailed("weights_invalid", f"model/{path} is damaged: it is no JSON; train again") from None


def _check_report(facts: Facts, weights: str) -> None:
    """A report speaks of the weights that it measured and of no others."""
    measured = ((facts.report or {}).get("methods") or {}).get(FINE_TUNED, {}).get("weights")
    if measured and measured != f"{FINE_TUNED}:{weights}":
        raise HubFailed(
            "report_invalid",
            f"the report of {facts.run} measured other weights ({measured.partition(':')[2]}) than those in its model folder ({weights})",
        )


def _report(run: Path, facts: Facts) -> bytes:
    """report.json for the public: without its test rows, unless the dataset is public."""
    report = facts.report or {}
    if facts.public_data or "misses" not in report:
        return (run / "report" / "report.json").read_bytes()
    public = {name: value for name, value in report.items() if name != "misses"}
    return (json.dumps(public, indent=1) + "\n").encode()


def _page(run: Path, facts: Facts, secrets: Sequence[str]) -> tuple[bytes, str]:
    """report.html for the public, or why there is none. It holds test rows only if the dataset is public."""
    if not facts.report or not facts.report.get("methods"):
        return b"", ""
    try:
        text = page.of_run(run, facts.report, with_rows=facts.public_data)
    except EvaluationFailed as error:
        return b"", f"report.html is not pushed: {error}"
    data = text.encode()
    if len(data) > PAGE_LIMIT:
        return (
            b"",
            f"report.html is not pushed: its {len(data) / 1e6:,.1f} MB are more than {PAGE_LIMIT / 1e6:,.0f} MB",
        )
    finds = _finds({"report/report.html": text}, facts, secrets)
    if finds:
        return b"", f"report.html is not pushed: a test row in it holds {finds[0].what}"
    return data, ""


def _card(facts: Facts, repo: str, *, has_page: bool) -> str:
    try:
        return make_card(facts, repo, has_page=has_page)
    except (ValueError, KeyError, TypeError) as error:
        raise HubFailed("card_invalid", f"no card can be made of {facts.run}: {error}") from error


def _refuse_leaks(
    texts: Mapping[str, bytes], weights: Mapping[str, Path], facts: Facts, secrets: Sequence[str]
) -> None:
    readable = {path: data.decode("utf-8", errors="replace") for path, data in texts.items()}
    readable |= {path: header_text(file).decode("utf-8", errors="replace") for path, file in weights.items()}
    finds = _finds(readable, facts, secrets)
    if finds:
        more = f" and {len(finds) - SHOWN_FINDS} more" if len(finds) > SHOWN_FINDS else ""
        places = ", ".join(map(str, finds[:SHOWN_FINDS]))
        raise HubFailed(
            "leak",
            f"nothing was pushed: {places}{more} must not go up; take it out of the recipe or the data",
        )


def _finds(texts: Mapping[str, str], facts: Facts, secrets: Sequence[str]) -> list[Find]:
    return scan(texts, redact=_redactor(secrets), places=[*facts.places, *_own_places()])


def _redactor(secrets: Sequence[str]) -> Redactor:
    from huggingface_hub import get_token

    # The one of `hf auth login` stands in no variable.
    return Redactor((*secrets, "stored"), {**os.environ, "stored": get_token() or ""})


def _own_places() -> list[str]:
    named = (os.environ.get(name) for name in ("HOME", "HF_HOME", "HF_RECIPES_HOME", "PWD"))
    return [str(Path(place)) for place in named if place and place.startswith("/")]
