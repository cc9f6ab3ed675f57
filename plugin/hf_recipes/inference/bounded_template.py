"""A base's chat template is third-party code: rendering is limited in time, memory and length.

Its sandbox keeps it from files, not from `{{ 'x' * 2000000000 }}` or from loops within loops. What goes beyond is a DataError,
which check, plan, the prepare step and the answer step tell in one sentence. A single operation that no signal interrupts is
ended with the process by its processor time (SIGXCPU), and whoever started the process says so.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any

from hf_recipes.data.findings import DataError
from hf_recipes.recipe.problem import Problem

SECONDS = 10.0
"""Processor time for one conversation; usual templates take a millisecond."""
CPU_SECONDS = 60
MEMORY = 1 << 30
"""Bytes beyond what the process has when the template begins."""
LETTERS, LETTERS_PER_LETTER = 1_000_000, 100
"""What a template may make of a conversation: instructions of its own, and so much of each letter of the turns."""
CODE = "chat-template"


class _TimeIsOver(BaseException):
    """No Exception: Jinja takes those that come while it folds constants for its own."""


def bounded(tokenizer: Any) -> Any:
    """The tokenizer, whose `apply_chat_template` keeps to the limits. Those raise DataError."""
    plain = tokenizer.apply_chat_template
    failed: list[DataError] = []

    @wraps(plain)
    def apply(conversation: Any, *arguments: Any, **options: Any) -> Any:
        if failed:  # later rows do not wait for the limit again
            raise failed[0]
        as_text = options.get("tokenize") is False and not arguments
        # Rendered by itself first: the tokens of a text without end are no less harm, and no limit holds in their library.
        try:
            text = _rendered(
                lambda: plain(conversation, *arguments, **{**options, **TEXT}), tokenizer, conversation
            )
        except DataError as error:
            failed.append(error)
            raise
        return text if as_text else plain(conversation, *arguments, **options)

    tokenizer.apply_chat_template = apply
    return tokenizer


TEXT = {
    "tokenize": False,
    "return_dict": False,
    "return_tensors": None,
    "return_assistant_tokens_mask": False,
}


def _rendered(render: Callable[[], Any], tokenizer: Any, conversation: Any) -> Any:
    try:
        with _limits():
            made = render()
    except _TimeIsOver:
        raise _beyond(tokenizer, f"has not ended one conversation after {SECONDS:.0f} s") from None
    except (MemoryError, RecursionError):
        raise _beyond(
            tokenizer, "takes more memory for one conversation than this machine gives it"
        ) from None
    given = _letters(conversation)
    if isinstance(made, str) and len(made) > LETTERS + LETTERS_PER_LETTER * given:
        raise _beyond(tokenizer, f"makes {len(made):,} letters of a conversation of {given:,}")
    return made


def _beyond(tokenizer: Any, what: str) -> DataError:
    name = str(getattr(tokenizer, "name_or_path", "") or "the base")
    message = f"its chat template {what}, so nothing can be trained or asked with it"
    return DataError(
        [Problem(name, 0, 0, CODE, message, "take another base_model, or mend its chat template")]
    )


def _letters(conversation: Any) -> int:
    """Letters in all the texts of a conversation, or of several."""
    if isinstance(conversation, str):
        return len(conversation)
    if isinstance(conversation, Mapping):
        return sum(map(_letters, conversation.values()))
    return sum(map(_letters, conversation)) if isinstance(conversation, Sequence) else 0


@contextmanager
def _limits() -> Iterator[None]:
    """Time and memory. In the main thread alone: elsewhere no signal comes, and other threads have the same memory."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, _over)
    memory, processor = resource.getrlimit(resource.RLIMIT_AS), resource.getrlimit(resource.RLIMIT_CPU)
    try:
        if sys.platform == "linux":
            _lower(resource.RLIMIT_AS, memory, _in_use() + MEMORY)
        _lower(resource.RLIMIT_CPU, processor, int(time.process_time()) + CPU_SECONDS)
        signal.setitimer(signal.ITIMER_PROF, SECONDS, 1.0)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, processor)
        resource.setrlimit(resource.RLIMIT_AS, memory)
        signal.signal(signal.SIGPROF, before)


def _over(*_: Any) -> None:
    raise _TimeIsOver


def _lower(what: int, limits: tuple[int, int], wanted: int) -> None:
    soft, hard = limits
    if soft == resource.RLIM_INFINITY or wanted < soft:
        resource.setrlimit(what, (wanted, hard))


def _in_use() -> int:
    """Bytes of the process's address space."""
    return int(os.pread(_statm(), 32, 0).split()[0]) * resource.getpagesize()


@cache
def _statm() -> int:
    return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
