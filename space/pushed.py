"""What a pushed model says of itself, read from its repo: its base, its prompts, what was measured. Nothing is trusted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes.data.prompt_form import PromptForm, prompt_form
from hub_errors import UnusableModel, as_unusable
from settings import DEFAULT_NEW_TOKENS, TOKEN_LIMIT, PairSettings, marks

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MODEL_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
BUNDLED = re.compile(r"bundled/[\w.-]{1,80}")
ADAPTER, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
TEXT_LIMIT = 1_000_000
"""Bytes of a file that is read for what it says; a larger one is left alone."""
EXAMPLES, EXAMPLE_LIMIT = 20, 1000
WARNINGS = 20


class Repo:
    """One commit of a model repo: the names and sizes of its files, and the small ones of them as text."""

    def __init__(self, name: str, api: HfApi, revision: str | None = None) -> None:
        """Raises Unusable."""
        self.name, self._api = name, api
        with as_unusable(name):
            info = api.model_info(name, revision=revision, files_metadata=True)
            if info.gated:
                # Anybody is told of its files; who may read them is asked apart.
                api.auth_check(name)
        self.revision = str(info.sha)
        self.files = {sibling.rfilename: int(sibling.size or 0) for sibling in info.siblings or ()}

    def text(self, path: str) -> str | None:
        """None where there is no such file, or none that is text of a sensible size. Raises Unusable."""
        if path not in self.files or self.files[path] > TEXT_LIMIT:
            return None
        with as_unusable(self.name):
            found = self._api.hf_hub_download(self.name, path, revision=self.revision)
        try:
            return Path(found).read_text("utf-8")
        except UnicodeDecodeError:
            return None

    def document(self, path: str) -> Mapping[str, Any]:
        """A JSON object; empty where there is none. Raises Unusable."""
        try:
            found = json.loads(self.text(path) or "{}")
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def yaml(self, path: str, text: str | None = None) -> Mapping[str, Any]:
        """A YAML mapping; empty where there is none. Raises Unusable."""
        import yaml

        try:
            found = yaml.safe_load(text if text is not None else self.text(path) or "")
        except (yaml.YAMLError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def card(self) -> Mapping[str, Any]:
        """The metadata of the model card. Raises Unusable."""
        head = re.match(r"\ufeff?---\s*\n(.*?)\n---\s*(\n|$)", self.text("README.md") or "", re.DOTALL)
        return self.yaml("README.md", head[1]) if head else {}


def describe_pushed(name: str, api: HfApi) -> PairSettings:
    """The pair of a pushed model and its base. Raises Unusable with a sentence for a visitor."""
    repo = Repo(name, api)
    check_kind(repo)
    recipe = repo.yaml("recipe.yml")
    base = base_of(repo)
    shown, evaluate = _mapping(recipe.get("compare")), _mapping(recipe.get("evaluate"))
    report = shown_report(repo)
    limit = evaluate.get("max_new_tokens") or (report or {}).get("max_new_tokens")
    return PairSettings(
        name=name,
        base=base,
        model_dir="",
        base_name=base.rsplit("/", 1)[-1],
        form=_form(_mapping(recipe.get("data"))),
        examples=tuple(_texts(shown.get("examples"))),
        report=report,
        max_new_tokens=max(1, min(limit, TOKEN_LIMIT)) if type(limit) is int else DEFAULT_NEW_TOKENS,
        trust_remote_code=False,
        title=_text(shown.get("title")),
        repo=name,
        revision=repo.revision,
        reasoning=marks(repo.document("hf_recipes.json").get("reasoning")),
    )


def check_kind(repo: Repo) -> None:
    """Raises Unusable for a model that does not write text, or has no weights that are safe to load."""
    if ADAPTER in repo.files:
        kind = repo.document(ADAPTER).get("task_type")
        weights = ADAPTER_WEIGHTS in repo.files
        fits = kind in (None, "CAUSAL_LM")
    else:
        config = repo.document("config.json")
        classes = [str(architecture) for architecture in config.get("architectures") or ()]
        kind = ", ".join(classes) or "no config.json that says what it is"
        weights = any(_is_weights(path) for path in repo.files)
        fits = any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in classes)
        if fits and "AutoModelForCausalLM" in _mapping(config.get("auto_map")):
            raise UnusableModel(f"{repo.name} needs code of its own to be loaded, and this page runs none.")
    if not fits:
        raise UnusableModel(
            f"{repo.name} is no model that writes text ({kind}), so there is nothing to compare."
        )
    if not weights:
        raise UnusableModel(f"{repo.name} has no safetensors weights; other formats are not loaded here.")


def _is_weights(path: str) -> bool:
    return re.fullmatch(r"model[\w.-]*\.safetensors", path) is not None


def base_of(repo: Repo) -> str:
    """What the model was trained from, as its own files say: our record, else the adapter's, else the card's.

    Only the name of a model counts: a path on the machine that trained means nothing here. Raises Unusable.
    """
    for found in _bases(repo):
        named = isinstance(found, str) and found != repo.name
        if named and (BUNDLED.fullmatch(found) or MODEL_ID.fullmatch(found)):
            return found
    raise UnusableModel(
        f"{repo.name} does not say which model it was made from: its card needs a line base_model: user/name."
    )


def _bases(repo: Repo) -> Iterator[Any]:
    record = repo.document("hf_recipes.json")
    yield record.get("bundled_base")
    yield record.get("base_model")
    yield repo.document(ADAPTER).get("base_model_name_or_path")
    found = repo.card().get("base_model")
    # Several are a merge, and none of them is "the" base.
    yield found[0] if isinstance(found, list) and len(found) == 1 else found


def shown_report(repo: Repo) -> Mapping[str, Any] | None:
    """The evaluation: our report, else what the card says was measured, else what our mark says of the training. Raises Unusable."""
    measured = _sound(repo.document("report/report.json")) or _from_card(repo.card().get("model-index"))
    return (
        measured or {part: found for part, found in _told(repo.document("hf_recipes.json")) if found} or None
    )


def _sound(report: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The parts of a report that are what they should be; None where nothing was measured."""
    methods: dict[str, Any] = {}
    for name, result in _mapping(report.get("methods")).items():
        metrics = {
            str(key): _shares(value) for key, value in _mapping(_mapping(result).get("metrics")).items()
        }
        sums = ("prompt_tokens", "completion_tokens", "seconds", "cut")
        methods[str(name)] = {
            "metrics": {key: value for key, value in metrics.items() if value},
            **{key: _mapping(result)[key] for key in sums if _is_number(_mapping(result).get(key))},
        }
    if not any(result["metrics"] for result in methods.values()):
        return None
    n = report.get("n")
    return {
        "n": n if type(n) is int and n > 0 else 0,
        "methods": methods,
        **({"max_new_tokens": limit} if type(limit := report.get("max_new_tokens")) is int else {}),
        "verdict": {key: str(value)[:2000] for key, value in _mapping(report.get("verdict")).items()} or None,
        **{part: found for part in ("savings", "forgetting") if (found := _findings(report.get(part)))},
        **{part: found for part, found in _told(report) if found},
    }


def _told(report: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What training did, and what makes the numbers doubtful."""
    training = _mapping(report.get("training"))
    losses = {key: value for key, value in _mapping(training.get("loss")).items() if _is_number(value)}
    yield "training", {**_findings(training), **({"loss": losses} if losses else {})}
    warned = report.get("warnings")
    said = [
        _text(_mapping(warning).get("message"), 2000)
        for warning in (warned if isinstance(warned, list) else ())
    ]
    yield "warnings", [{"message": warning} for warning in said[:WARNINGS] if warning]


def _findings(found: object) -> dict[str, Any]:
    """Numbers, a flag, and the name of the baseline that they are against."""
    sound = {str(key): value for key, value in _mapping(found).items() if _is_number(value)}
    against, flagged = _text(_mapping(found).get("against"), 80), _mapping(found).get("flagged")
    why = _text(_mapping(found).get("not_paid_back"), 400)
    return {
        **sound,
        **({"not_paid_back": why} if why else {}),
        **({"against": against} if against else {}),
        **({"flagged": flagged} if type(flagged) is bool else {}),
    }


def _from_card(index: object) -> Mapping[str, Any] | None:
    """Shares (0 to 1) of a card's model-index as the report of one method."""
    metrics: dict[str, Any] = {}
    for entry in index if isinstance(index, list) else ():
        results = _mapping(entry).get("results")
        for result in results if isinstance(results, list) else ():
            measured = _mapping(result).get("metrics")
            for metric in measured if isinstance(measured, list) else ():
                shares = _shares({"value": _mapping(metric).get("value")})
                if shares:
                    name = _mapping(metric).get("name") or _mapping(metric).get("type") or "metric"
                    metrics.setdefault(str(name)[:80], shares)
    return {"n": 0, "methods": {"fine-tuned": {"metrics": metrics}}} if metrics else None


def _shares(found: object) -> dict[str, float]:
    """Value, low and high, as far as they are shares; empty without a value."""
    shares = {key: _mapping(found).get(key) for key in ("value", "low", "high")}
    sound = {key: float(value) for key, value in shares.items() if _is_number(value) and 0 <= value <= 1}
    if "low" not in sound or "high" not in sound:
        sound = {key: value for key, value in sound.items() if key == "value"}
    return sound if "value" in sound else {}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object, limit: int = 200) -> str:
    return value[:limit] if isinstance(value, str) else ""


def _texts(found: object) -> list[str]:
    """The examples that are text, as many and as long as the page has room for."""
    return [
        example
        for example in (found if isinstance(found, list) else ())
        if isinstance(example, str) and 0 < len(example) <= EXAMPLE_LIMIT
    ][:EXAMPLES]


def _form(data: Mapping[str, Any]) -> PromptForm:
    """What a visitor fills in; what is no template is what they type as a whole."""
    messages = data.get("messages")
    turns = [
        {"role": message["role"], "content": message["content"]}
        for message in (messages if isinstance(messages, list) else ())
        if isinstance(message, dict)
        and isinstance(message.get("role"), str)
        and isinstance(message.get("content"), str)
    ]
    try:
        return prompt_form(turns, folds=data.get("system") == "fold")
    except ValueError:
        return PromptForm()
