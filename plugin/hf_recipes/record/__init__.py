"""The folder of a run: made, read, found. Passive: what a run does is decided by its runner."""

from hf_recipes.record.create import create
from hf_recipes.record.find import RunNotFound, find_run, list_runs
from hf_recipes.record.progress import events, follow_log, last_event, record_as_json, run_metrics, watch
from hf_recipes.record.settle import creator_lives, end, read_state, update
from hf_recipes.record.state import Reason, RunState, State

__all__ = [
    "Reason",
    "RunNotFound",
    "RunState",
    "State",
    "create",
    "creator_lives",
    "end",
    "events",
    "find_run",
    "follow_log",
    "last_event",
    "list_runs",
    "read_state",
    "record_as_json",
    "run_metrics",
    "update",
    "watch",
]
