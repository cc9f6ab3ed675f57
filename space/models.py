"""The one pair that is in memory, and answering with it. Only pairs of the page's settings are ever loaded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from settings import PairSettings

log = logging.getLogger("compare")


class Models:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings: PairSettings | None = None
        self._pair: Any = None

    def get(self, settings: PairSettings) -> Any:
        """The loaded pair. One of several is kept: a second would need its memory too. Raises OSError, ValueError."""
        with self._lock:
            if self._settings != settings:
                from hf_recipes.inference.pair import load_pair

                self._settings = self._pair = None
                self._pair = load_pair(
                    _resolved(settings.base),
                    Path(settings.model_dir),
                    trust_remote_code=settings.trust_remote_code,
                )
                self._settings = settings
            return self._pair

    def loaded(self, settings: PairSettings) -> bool:
        return self._settings == settings

    def preload(self, settings: PairSettings) -> None:
        """Load in the background, so that the page is there at once and the first answer does not wait."""
        threading.Thread(target=self._try, args=(settings,), daemon=True).start()

    def _try(self, settings: PairSettings) -> None:
        try:
            self.get(settings)
        except Exception as error:  # the page says it when somebody asks
            log.warning("%s", error)


def _resolved(base: str) -> str:
    if not base.startswith("bundled/"):
        return base
    from hf_recipes.inference.base import BaseUnavailable, resolve

    try:
        return str(resolve(base, say=log.info))
    except BaseUnavailable as error:
        raise OSError(f"{base}: {error}") from None


def explain(error: BaseException) -> str:
    """One sentence for a visitor; what is not theirs to mend goes to the log."""
    if isinstance(error, (OSError, ValueError)):
        return str(error) or type(error).__name__
    log.error("answering failed", exc_info=error)
    if "out of memory" in str(error).lower():
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
