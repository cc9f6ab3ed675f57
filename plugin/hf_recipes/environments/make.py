"""Making an environment: whole or not at all, once, and again when it is broken."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hf_recipes.environments import gpu, state
from hf_recipes.environments.failed import EnvironmentFailed
from hf_recipes.environments.lock import locked
from hf_recipes.environments.own import own
from hf_recipes.environments.places import cache_dir, cannot_write
from hf_recipes.environments.sets import RequirementSet, requirement_set
from hf_recipes.environments.uv_process import note_uv, run_uv

Say = Callable[[str], None]

NEWEST = (3, 13)
"""The last Python that the pinned releases have wheels for; the first is the set's own."""


def ensure(name: str, *, say: Say) -> Path:
    """The interpreter of a requirement set, made or repaired when needed; progress goes to `say`, a line each.

    Raises EnvironmentFailed.
    """
    return ensure_set(requirement_set(name), say=say)


def ready(name: str) -> Path | None:
    """The interpreter when it can be used as it is. Makes nothing. Raises EnvironmentFailed for a person's own that cannot be used."""
    return ready_set(requirement_set(name))


def folder(name: str) -> Path:
    """Where the environment is, or would be."""
    return _folder(requirement_set(name))


def delete_environment(name: str) -> bool:
    """Remove an environment; says whether there was one. Raises EnvironmentFailed."""
    environment = _folder(requirement_set(name))
    with _locked(environment, say=lambda _: None):
        found = environment.exists()
        _discard(environment)
    return found


def ensure_set(requirements: RequirementSet, *, say: Say) -> Path:
    note_uv()
    if (python := ready_set(requirements)) is not None:
        return python
    environment = _folder(requirements)
    with _locked(environment, say=say):
        # Another process may have made it while we waited.
        if not state.works(environment):
            _make(requirements, environment, say)
    return state.interpreter(environment)


def ready_set(requirements: RequirementSet) -> Path | None:
    if (python := own(requirements)) is not None:
        return python
    environment = _folder(requirements)
    return state.interpreter(environment) if state.works(environment) else None


def _make(requirements: RequirementSet, environment: Path, say: Say) -> None:
    """Build beside the final place, then move it there whole."""
    started = time.monotonic()
    again = "again, since it is broken" if environment.exists() else "once; later runs use it as it is"
    say(f"making the {requirements.name} environment ({again})")
    # Left by an earlier, killed attempt: we hold the lock, so nothing uses them.
    for left in environment.parent.glob(f"{environment.name}.new-*"):
        _discard(left)
    fresh = environment.with_name(f"{environment.name}.new-{time.time_ns():x}")
    try:
        doing = f"making the {requirements.name} environment"
        # Relocatable: it is moved once it is complete.
        venv = [
            "venv",
            "--quiet",
            "--relocatable",
            "--no-project",
            "--python",
            _python(requirements),
            str(fresh),
        ]
        run_uv(venv, say=say, doing=doing)
        install = _install(requirements, fresh)
        run_uv(install, say=say, doing=doing)
        gpu.fit(state.interpreter(fresh), install, say=say, doing=doing)
        seconds = time.monotonic() - started
        packages = state.versions(fresh)
        digest = requirements.digest(_tag(requirements))
        state.write_made(
            fresh,
            state.EnvironmentRecord(
                requirements.name, digest, state.what_counts(fresh), packages, round(seconds, 1)
            ),
        )
        if not state.works(fresh):
            raise EnvironmentFailed(f"{doing} failed: its interpreter does not run")
        _discard(environment)
        fresh.rename(environment)
    except BrokenPipeError:  # the reader of our output has gone; no file is to blame
        raise
    except OSError as error:
        raise cannot_write(error) from None
    finally:
        _discard(fresh)
    say(f"made the {requirements.name} environment: {len(packages)} packages in {seconds:.0f} s")


def _install(requirements: RequirementSet, environment: Path) -> list[str]:
    command = ["pip", "install", "--python", str(state.interpreter(environment))]
    for path in requirements.requirements:
        command += ["--requirements", str(path)]
    for path in requirements.pins:
        command += ["--constraints", str(path)]
    for path in requirements.overrides:
        command += ["--overrides", str(path)]
    return command


def _tag(requirements: RequirementSet) -> str:
    """Which Python the environment is made for. One that we cannot use is replaced by any that we can."""
    version = sys.version_info[:2]
    return "{}.{}".format(*version) if requirements.oldest <= version <= NEWEST else "any"


def _python(requirements: RequirementSet) -> str:
    if _tag(requirements) != "any":
        return sys.executable
    first, minor = requirements.oldest
    return f">={first}.{minor},<{NEWEST[0]}.{NEWEST[1] + 1}"


def _folder(requirements: RequirementSet) -> Path:
    return cache_dir() / "environments" / f"{requirements.name}-{requirements.digest(_tag(requirements))}"


@contextmanager
def _locked(environment: Path, *, say: Say) -> Iterator[None]:
    try:
        with locked(environment, say=say, making="making"):
            yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise cannot_write(error) from None


def _discard(environment: Path) -> None:
    """Moved away at once, so that half of it is never taken for an environment; then deleted file by file."""
    if environment.exists():
        gone = environment.with_name(f"{environment.name}.new-gone-{time.time_ns():x}")
        environment.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
