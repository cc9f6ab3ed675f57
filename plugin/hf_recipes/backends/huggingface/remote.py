"""What Spaces and HF Jobs do in ways of their own, and which of them a recipe's backend names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from hf_recipes.backends.huggingface.outcome import Observed
from hf_recipes.catalog.hardware import backend_kind

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Handle = Mapping[str, Any]
"""`runs` (the runs repo), `model` (the model repo), `hardware`, `per_hour` (US dollars or null), `hours` (the estimate or
null), and what finds the container again."""


class Remote(Protocol):
    def place(self, run: Path, account: str) -> Mapping[str, object]:
        """What of the handle is known before anything is made."""

    def start(
        self,
        run: Path,
        handle: Handle,
        *,
        secrets: Mapping[str, str],
        variables: Mapping[str, str],
        client: HfApi,
    ) -> Handle:
        """Make the container of a published run; returns the whole handle. Raises HubFailed, and tries to leave nothing then."""

    def observe(self, handle: Handle, *, client: HfApi) -> Observed:
        """What can be seen of the run. Raises HubFailed."""

    def logs(self, handle: Handle, follow: bool, *, client: HfApi) -> Iterator[str]:
        """The container's log by lines; with `follow` until nothing runs any more. Raises HubFailed."""

    def cancel(self, handle: Handle, *, client: HfApi) -> None:
        """Stop what runs and costs; what has stopped or is gone stays as it is. Raises HubFailed."""

    def remove(self, handle: Handle, *, client: HfApi) -> None:
        """Delete what was made for the run. Raises HubFailed."""

    def named(self, handle: Handle) -> str:
        """For people: `the Space ada/x`."""


def remote(backend: str) -> Remote | None:
    """The module behind `spaces-*` and `jobs-*`; None for any other backend."""
    kind = backend_kind(backend)
    if kind not in ("spaces", "jobs"):
        return None
    return cast(Remote, import_module(f"hf_recipes.backends.huggingface.{kind}"))
