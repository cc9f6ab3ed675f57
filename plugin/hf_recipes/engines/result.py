"""What a training ends with: weights in a folder, or an endpoint that answers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hf_recipes.recipe.model import Server

FILE = "work/result.json"
"""In the run's folder: written by the trainer of an engine whose result is an endpoint."""
VERIFIED = "endpoint.json"
"""In the run's folder: the endpoint, once it has answered."""


@dataclass(frozen=True)
class TrainedWeights:
    folder: Path


@dataclass(frozen=True)
class TrainedEndpoint:
    """A server that speaks OpenAI's HTTP interface and answers for the base and for what was trained from it."""

    server: Server


def write_endpoint(run: Path, server: Server) -> None:
    (run / VERIFIED).write_text(json.dumps(asdict(server), indent=1) + "\n", encoding="utf-8")


def result_of(run: Path) -> TrainedWeights | TrainedEndpoint | None:
    """What a run has verified; None where it has not come that far. Raises ValueError for a damaged file."""
    if (run / VERIFIED).is_file():
        return TrainedEndpoint(Server(**json.loads((run / VERIFIED).read_text("utf-8"))))
    return TrainedWeights(run / "model") if (run / "model").is_dir() else None
