"""The one pair that is in memory, and answering with it. Only pairs of the page's list are ever loaded."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from hub_errors import UnusableModel
from settings import PairSettings

log = logging.getLogger("compare")
SECONDS_BETWEEN_NOTES = 0.5
LOADING = "Loading the models …"


class Models:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings: PairSettings | None = None
        self._pair: Any = None
        self._base = ""
        self._note = LOADING

    def get(self, settings: PairSettings) -> Any:
        """The loaded pair. One of several is kept: a second would need its memory too. Raises OSError, ValueError."""
        with self._lock:
            if self._settings != settings:
                self._load(settings)
            return self._pair

    def waiting(self, settings: PairSettings, stop: threading.Event) -> Generator[str, None, Any]:
        """What is being done, twice a second, until the pair is there: `pair = yield from …`; None once `stop` is set.

        Loading itself goes on when nobody waits any more: the next one who asks has it. Raises as `get`.
        """
        outcome: list[Any] = []
        loading = threading.Thread(target=self._outcome, args=(settings, outcome), daemon=True)
        started = time.monotonic()
        loading.start()
        while not outcome and not stop.is_set():
            loading.join(SECONDS_BETWEEN_NOTES)
            seconds = time.monotonic() - started
            if not outcome:
                yield f"{self._note} {seconds:.0f} s" if seconds > 2 else self._note
        if not outcome:
            return None
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def loaded(self, settings: PairSettings) -> bool:
        return self._settings == settings

    def preload(self, settings: PairSettings) -> None:
        """Load in the background, so that the page is there at once and the first answer does not wait."""
        threading.Thread(target=self._try, args=(settings,), daemon=True).start()

    def _try(self, settings: PairSettings) -> None:
        try:
            self.get(settings)
        except Exception as error:  # shown on the page when a visitor asks
            log.warning("%s", error)

    def _outcome(self, settings: PairSettings, outcome: list[Any]) -> None:
        try:
            outcome.append(self.get(settings))
        except BaseException as error:
            outcome.append(error)

    def _load(self, settings: PairSettings) -> None:
        if settings.server is not None:
            from hf_recipes.inference.served_pair import ServedPair

            self._pair, self._settings, self._base = ServedPair(settings.server), settings, ""
            return
        from hf_recipes.inference.pair import load_pair

        base, folder = self._folders(settings)
        self._note = LOADING
        kept = self._take_base(base)
        try:
            self._pair = load_pair(
                base,
                folder,
                trust_remote_code=settings.trust_remote_code,
                base_model=kept,
                reasoning=settings.reasoning,
            )
        except (OSError, ValueError) as error:
            raise UnusableModel(_named(str(error), settings, base, folder)) from error
        self._settings, self._base = settings, base

    def _folders(self, settings: PairSettings) -> tuple[str, Path]:
        if not settings.repo:
            return _resolved(settings.base), Path(settings.model_dir)
        from fetching import fetch
        from hub_errors import client

        return fetch(settings, client(), say=self._say)

    def _say(self, note: str) -> None:
        self._note = note
        log.info("%s", note)

    def _take_base(self, base: str) -> Any:
        """The base of the pair in memory, where it is the same one's; everything else of that pair is let go."""
        previous, self._pair, self._settings = self._pair, None, None
        kept = previous.base_alone() if previous is not None and self._base == base else None
        self._base = ""
        del previous
        gc.collect()
        return kept


def _named(text: str, settings: PairSettings, base: str, folder: Path) -> str:
    """Folders of a download mean nothing to a visitor."""
    return text.replace(str(folder), settings.repo).replace(base, settings.base) if settings.repo else text


def _resolved(base: str) -> str:
    if not base.startswith("bundled/"):
        return base
    from hf_recipes.inference.base_model import BaseUnavailable, resolve_base

    try:
        return str(resolve_base(base, say=log.info))
    except BaseUnavailable as error:
        raise OSError(f"{base}: {error}") from None


def visitor_sentence(error: BaseException) -> str:
    """One sentence for a visitor; what a visitor cannot fix goes to the log."""
    if isinstance(error, (OSError, ValueError)):
        return str(error) or type(error).__name__
    log.error("answering failed", exc_info=error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "There is not enough memory for this prompt. A shorter one may work."
    return "Something went wrong while answering. The log of the page says more."


def both(
    pair: Any, messages: list[dict[str, str]], limit: int, stop: threading.Event
) -> Iterator[dict[str, Any]]:
    """How far each model is: {"base": Delta, "fine-tuned": Delta}, growing."""
    shown: dict[str, Any] = {}
    for delta in pair.stream(messages, max_new_tokens=limit, stop=stop):
        shown[delta.model] = delta
        yield dict(shown)
