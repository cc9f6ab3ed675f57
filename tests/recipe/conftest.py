"""Fixtures of the recipe room's tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def autotrain_python() -> Path:
    """The interpreter of the `autotrain` set, made when it is not there yet."""
    from hf_recipes import environments

    return environments.ensure("autotrain", say=lambda text: print(text, file=sys.stderr))
