"""The folder of a run: made, read, found. Passive: what a run does is decided by its runner."""

from hf_recipes.record.create import create
from hf_recipes.record.find import RunNotFound, find, list_runs
from hf_recipes.record.progress import as_json, events, follow, last_event, metrics, watch
from hf_recipes.record.settle import creator_lives, end, read_state, update
from hf_recipes.record.state import Reason, RunState, State

__all__ = [
    "Reason",
    "RunNotFound",
    "RunState",
    "State",
    "as_json",
    "create",
    "creator_lives",
    "end",
    "events",
    "find",
    "follow",
    "last_event",
    "list_runs",
    "metrics",
    "read_state",
    "update",
    "watch",
]
