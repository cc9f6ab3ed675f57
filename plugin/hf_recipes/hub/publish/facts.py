"""What a run says about its model: everything that a card needs, read from the run's folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hf_recipes import record
from hf_recipes.catalog.bundled import BUNDLED
from hf_recipes.catalog.hub_ids import HUB_ID
from hf_recipes.data.answer_frame import AnswerFrame, answer_frame
from hf_recipes.data.answer_room import answer_room
from hf_recipes.evaluation import findings, run_warnings
from hf_recipes.hub.errors import HubFailed
from hf_recipes.inference.fingerprint import fingerprint, weight_files
from hf_recipes.recipe.model import Data
from hf_recipes.record.job import Job, load_job
from hf_recipes.record.prepared import known_of_preparation
from hf_recipes.runner.files import read_object

DATA_REPO = "/hf-recipes-data-"
"""In the names of the private repos that remote runs read local data from."""


@dataclass(frozen=True)
class CardLicense:
    id: str
    name: str | None = None
    """For a license without an id on the Hub (`other`)."""
    link: str | None = None


@dataclass(frozen=True)
class Facts:
    run: str
    project_name: str
    task: str
    """The canonical task."""
    trainer: str | None
    base_model: str
    """A Hub id, or `./<name>` for a local folder: no Hub id looks like that."""
    base_on_hub: bool
    bundled_base: str | None
    adapter: bool
    dataset: str | None
    """A Hub id; None for data that was local."""
    test_split: str | None
    params: Mapping[str, Any]
    """What the trainer was given: the engine's parameters with our overrides."""
    goal: str
    success: str
    messages: Sequence[Mapping[str, str]]
    examples: Sequence[str]
    max_new_tokens: int
    report: Mapping[str, Any] | None
    rows: Mapping[str, int]
    skipped: Mapping[str, Any]
    """Broken rows that were left out, as the report has them."""
    seconds: float | None
    backend: str
    settings: Sequence[str]
    trust_remote_code: bool
    recipe_sha256: str
    base_fingerprint: str | None = None
    """Fingerprint of the base's weights, if the base is a folder."""
    base_folder: Path | None = None
    """Where it lies, while it is there."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """What the trainer did: updates, losses, tokens."""
    warnings: Sequence[Mapping[str, Any]] = ()
    """What makes the numbers doubtful."""
    license: CardLicense | None = None
    public_data: bool = False
    """Whether anybody may read the dataset, and so its test rows in the report."""
    frame: AnswerFrame = field(default_factory=AnswerFrame)
    """How the model is asked: what its chat template writes around answers."""
    reasoning: tuple[str, str] | None = None
    """What opens and closes the reasoning that the answers of its data begin with."""
    folds: bool = False
    """Whether a system turn's text stands in the user's turn."""
    question: Sequence[Mapping[str, str]] = ()
    """The first test row, up to its answer."""
    engine: str = ""
    engine_title: str = ""
    engine_version: str = ""
    places: Mapping[str, str] = field(default_factory=dict)
    """Folders and files of this machine that the run's files may name → what stands for them in public."""

    @property
    def gate_unmet(self) -> list[str]:
        """The bounds of the recipe that the report does not meet, one sentence each."""
        return [findings.unmet(gate) for gate in (self.report or {}).get("gate") or () if not gate.get("met")]


def read_facts(run: Path) -> Facts:
    """Raises HubFailed where the folder is no run that can be read."""
    job = _job(run)
    prepared = known_of_preparation(run)
    base_model, on_hub = _base(job.base_model)
    folder = None if on_hub else _folder(job.base_model)
    seconds = record.run_metrics(run).get("train_runtime")
    told = run_warnings.training_and_warnings(run)
    trainer = job.settled.get("trainer")
    return Facts(
        run=str(record.read_state(run).id),
        project_name=job.project_name,
        task=job.task,
        engine=job.engine,
        engine_title=job.engine_title,
        engine_version=job.engine_version,
        trainer=str(trainer) if trainer else None,
        base_model=base_model,
        base_on_hub=on_hub,
        bundled_base=job.base_model if job.base_model in BUNDLED else None,
        adapter=(run / "model" / "adapter_config.json").is_file(),
        dataset=_dataset(job.data),
        test_split=None if job.data.test_split is None else str(job.data.test_split),
        params=job.settled,
        goal=job.use_case.goal,
        success=job.use_case.success,
        messages=tuple(asdict(message) for message in job.data.messages),
        examples=job.compare.examples,
        max_new_tokens=answer_room(asdict(job.evaluate) if job.evaluate else {}, prepared),
        report=read_object(run / "report" / "report.json") or None,
        rows={name: int(count) for name, count in (prepared.get("rows") or {}).items() if count},
        skipped=_mapping(prepared, "skipped"),
        seconds=float(seconds) if isinstance(seconds, (int, float)) else None,
        backend=job.backend,
        settings=job.settings,
        trust_remote_code=job.trust_remote_code,
        recipe_sha256=hashlib.sha256((run / "recipe.yml").read_bytes()).hexdigest(),
        base_fingerprint=None if on_hub else _fingerprint(prepared, folder),
        base_folder=folder,
        training=told.get("training") or {},
        warnings=tuple(told.get("warnings") or ()),
        frame=answer_frame(prepared.get("prompt")),
        reasoning=_marks(prepared.get("reasoning")),
        folds=job.data.system == "fold",
        question=_first_question(run),
        places=_places(run, job, prepared, base_model),
    )


def _job(run: Path) -> Job:
    try:
        return load_job(run)
    except (OSError, ValueError):
        raise HubFailed("not_a_run", f"{run.name} has no readable job.json") from None


def _base(named: str) -> tuple[str, bool]:
    """(the base model's name in public, whether that is a repo of the Hub)."""
    if named in BUNDLED:
        return BUNDLED[named].hub_id, True
    if not Path(named).is_absolute() and HUB_ID.fullmatch(named):
        return named, True
    # What a folder's config calls itself proves nothing: anything may have been done to the weights since. See base_proof.py.
    return f"./{Path(named).name or named}", False


def _folder(named: str) -> Path | None:
    """Where a base lies that the recipe names by its folder; None for others, and for one that is gone."""
    folder = Path(named)
    return folder if folder.is_absolute() and folder.is_dir() else None


def _fingerprint(prepared: Mapping[str, Any], folder: Path | None) -> str | None:
    """As the run found it when it began; where the prepare step was not reached, as the folder is now."""
    said = prepared.get("base_fingerprint")
    if isinstance(said, str):
        return said
    files = weight_files(folder) if folder else []
    return fingerprint(files) if files else None


def _dataset(data: Data) -> str | None:
    if data.local or DATA_REPO in data.path or not HUB_ID.fullmatch(data.path):
        return None
    return data.path


def _marks(found: object) -> tuple[str, str] | None:
    return (str(found[0]), str(found[1])) if isinstance(found, list) and len(found) == 2 else None


def _first_question(run: Path) -> Sequence[Mapping[str, str]]:
    try:
        with (run / "answers" / "questions.jsonl").open(encoding="utf-8") as lines:
            messages = json.loads(lines.readline())["messages"]
        return [{"role": str(message["role"]), "content": str(message["content"])} for message in messages]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ()


def _places(run: Path, job: Job, prepared: Mapping[str, Any], base_model: str) -> dict[str, str]:
    bases = (
        prepared.get("base_model"),
        job.base_model,
        _trained_from(run, job),
        run.resolve() / "work" / "base",
    )
    places = {str(base): base_model for base in bases if base}
    places |= {
        job.data.path: Path(job.data.path).name,
        str(run.resolve()): run.name,
        str(run.resolve().parent): run.resolve().parent.name,
    }
    return {
        place: name for place, name in places.items() if place.startswith("/") and len(Path(place).parts) > 2
    }


def _trained_from(run: Path, job: Job) -> str:
    return str(read_object(run / "work" / job.project_name / "training_params.json").get("model") or "")


def _mapping(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}
