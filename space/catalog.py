"""The models that the page offers, by name, and only these: whatever a visitor sends, nothing else is looked up."""

from __future__ import annotations

import threading
import time

from hub_errors import UnusableModel, client
from pushed import describe_pushed
from settings import PageSettings, PairSettings

SECONDS_FRESH = 60.0
"""How long what a repo says is not asked for again."""
SECONDS_FAILED = 10.0


class Catalog:
    def __init__(self, settings: PageSettings) -> None:
        self._settings = settings
        # One lock per model, so that a slow one does not hold up visitors of another.
        self._locks = {name: threading.Lock() for name in settings.models}
        self._found: dict[str, PairSettings | UnusableModel] = {}
        self._until: dict[str, float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return self._settings.names

    def here(self, name: object) -> PairSettings | None:
        """The pair, where it is known without asking the Hub."""
        return self._settings.pair(name)

    def pair(self, name: object) -> PairSettings:
        """The pair that the name means. Raises Unusable."""
        configured = self.here(name)
        if configured is not None:
            return configured
        found = self._ask(self._settings.listed(name))
        if isinstance(found, UnusableModel):
            raise UnusableModel(str(found), passing=found.passing)
        return found

    def _ask(self, model: str) -> PairSettings | UnusableModel:
        with self._locks[model]:
            if time.monotonic() < self._until.get(model, 0.0):
                return self._found[model]
            found: PairSettings | UnusableModel
            try:
                found = describe_pushed(model, client())
            except UnusableModel as error:
                before = self._found.get(model)
                # What was read before goes on being right while the Hub is away.
                found = before if error.passing and isinstance(before, PairSettings) else error
            fresh = SECONDS_FAILED if isinstance(found, UnusableModel) else SECONDS_FRESH
            self._found[model], self._until[model] = found, time.monotonic() + fresh
            return found
