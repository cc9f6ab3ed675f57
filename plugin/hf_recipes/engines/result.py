"""What a training ends with: weights in a folder, or an endpoint that answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from hf_recipes.recipe.model import Server
from hf_recipes.runner.files import read_json, write_json

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
    write_json(run / VERIFIED, asdict(server))


def result_of(run: Path) -> TrainedWeights | TrainedEndpoint | None:
    """What a run has verified; None where it has not come that far. Raises ValueError for a damaged file."""
    if (run / VERIFIED).is_file():
        return TrainedEndpoint(Server(**read_json(run / VERIFIED)))
    return TrainedWeights(run / "model") if (run / "model").is_dir() else None
