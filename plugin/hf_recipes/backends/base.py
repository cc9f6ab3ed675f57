"""What a backend can do, and the registry: a backend is a module with these functions, named by the kind of its names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from hf_recipes.catalog.hardware import backend_kind
from hf_recipes.record.state import RunState

Say = Callable[[str], None]
BACKENDS = {
    "local": "hf_recipes.backends.local",
    "spaces": "hf_recipes.backends.huggingface.backend",
    "jobs": "hf_recipes.backends.huggingface.backend",
}
"""Kind of a backend's name → the module. The names themselves stand in catalog/backend_names.py."""


class BackendUnknown(Exception):
    """A run was started on a backend that is not in the registry, by another version or with a plugin that is missing here."""


class Backend(Protocol):
    """Works on recorded runs, by their folder. Every method raises HubFailed if the Hub is asked and cannot answer."""

    def begin(self, run: Path, *, attached: bool, say: Say) -> None:
        """Start a queued run; one that cannot be started ends here. `attached`: a run that works here ends with this process."""

    def refresh(self, run: Path) -> RunState:
        """The state of a run as it is now."""

    def look(self, run: Path, *, patient: bool) -> RunState:
        """As refresh, with what the run has told brought here; `patient`: what may pass by itself is passed over."""

    def watch(self, run: Path) -> Iterator[tuple[RunState, Sequence[Mapping[str, object]]]]:
        """The state with the events since the last look, until the run has ended."""

    def logs(self, run: Path, follow: bool) -> Iterator[str]:
        """What a run has printed, by lines; with `follow` as it goes on, until it ends."""

    def cancel(self, run: Path) -> RunState:
        """Stop a run and all that it has started; one that has ended stays as it is."""

    def facts(self, run: Path) -> Mapping[str, object]:
        """What `status` and `list` say of a run beside its record: where it runs, on what, what that costs."""


if TYPE_CHECKING:
    from hf_recipes.backends import local
    from hf_recipes.backends.huggingface import backend

    CHECKED: tuple[Backend, ...] = (local, backend)


def backend_named(name: str) -> Backend:
    """The backend behind a name such as `local` or `spaces-t4-small`. Raises BackendUnknown."""
    module = BACKENDS.get(backend_kind(name))
    if module is None:
        known = ", ".join(BACKENDS)
        raise BackendUnknown(
            f"its backend {name!r} is not known here (known: {known}); was another version of hf-recipes used?"
        )
    return cast(Backend, import_module(module))
