"""The one error of this room."""

from __future__ import annotations


class EnvironmentFailed(Exception):
    """An interpreter cannot be made or used; the message says why and what to do, in a sentence."""
