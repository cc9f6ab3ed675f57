"""A backend that runs a job in a process group of its own on this machine, and knows it by its process id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from hf_recipes import environments, record
from hf_recipes.backends import local
from hf_recipes.record.progress import watch
from hf_recipes.record.state import RunState
from hf_recipes.runner.files import read_job

__all__ = ["begin", "cancel", "facts", "logs", "look", "refresh", "watch"]


def begin(run: Path, *, attached: bool, say: Callable[[str], None]) -> None:
    say(f"sending {run.name} to the other processes")
    needed = {step["requirements"] for step in read_job(run)["steps"]} - {"core"}
    pythons = {name: environments.ensure(name, say=say) for name in needed}
    local.start(run, pythons=pythons, attached=False, package=environments.package_path())


def refresh(run: Path) -> RunState:
    return record.read_state(run)


def look(run: Path, *, patient: bool) -> RunState:
    return record.read_state(run)


def logs(run: Path, follow: bool) -> Iterator[str]:
    if follow:
        yield from record.follow_log(run)
    else:
        yield (run / "train.log").read_text(encoding="utf-8")


def cancel(run: Path) -> RunState:
    return local.cancel(run)


def facts(run: Path) -> Mapping[str, object]:
    return {"where": f"process {record.read_state(run).handle.get('pid')}"}
