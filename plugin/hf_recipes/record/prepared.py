"""What the prepare step found out about a run's data and base: work/prepared.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_recipes.runner.files import read_json, read_object

PREPARED = Path("work") / "prepared.json"


def read_prepared(run: Path) -> Mapping[str, Any]:
    """For the steps after it. Raises OSError, Damaged."""
    return read_json(run / PREPARED)


def known_of_preparation(run: Path) -> Mapping[str, Any]:
    """For people who look at the run: empty before the step has ended, and where the run's work is gone."""
    return read_object(run / PREPARED)
