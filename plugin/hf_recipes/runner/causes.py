"""Why a step failed."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping

from hf_recipes.runner.memory_kills import OF_GROUP, memory_kills, risen


class StepFailed(Exception):
    """Why a run ends: its reason (a value of record.state.Reason) and one sentence without its full stop."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = " ".join(message.split())


class Cause:
    """Watches a step's output for what will explain its failure."""

    CRASH = "has failed due to an exception"
    MEMORY = re.compile(
        r"(?:CUDA|HIP|MPS)\b.{0,40}out of memory|out of memory\b.{0,40}alloc|OutOfMemoryError|not enough memory: you tried|"
        r"DefaultCPUAllocator: can't allocate|Cannot allocate memory|^(?:\w+\.)*_?\w*MemoryError\b|std::bad_alloc",
        re.IGNORECASE,
    )
    DISK = re.compile(
        r"No space left on device|Disk quota exceeded|\[Errno 27\] File too large|os error (?:28|122)\b"
    )
    # What accelerate and torchrun say of the process they had started.
    KILLED = re.compile(r"died with <Signals\.SIGKILL: 9>|exitcode\s*:\s*-9\b")
    ERROR = re.compile(
        r"^(?:\[rank\d+\]:\s*)?(?P<name>(?:\w+\.)*\w*(?:Error|Exception|OutOfMemory|Interrupt))(?:: (?P<text>.*))?$"
    )
    EMPTY_WORDS = ("CalledProcessError", "ChildFailedError", "DatasetGenerationError")
    """Errors that only say that another one happened: that other one, printed before them, is the cause."""

    def __init__(self) -> None:
        self.crashed = self._memory = self._disk = self._killed = False
        self._error = self._empty_words = ""
        self._kills_before = memory_kills()

    def feed(self, line: str) -> None:
        self.crashed = self.crashed or self.CRASH in line
        self._memory = self._memory or bool(self.MEMORY.search(line))
        self._disk = self._disk or bool(self.DISK.search(line))
        self._killed = self._killed or bool(self.KILLED.search(line))
        if found := self.ERROR.match(line.strip()):
            if found["name"].rpartition(".")[2] in self.EMPTY_WORDS:
                self._empty_words = line.strip()
            else:
                self._error = line.strip()

    def explain(self, code: int, *, usual: str, disk_full: bool) -> tuple[str, str]:
        """(reason, one sentence without its full stop); `usual` is the reason when nothing better is known."""
        if self._disk or disk_full:
            return "disk_full", "the disk is full"
        if self._memory:
            return "out_of_memory", "out of memory" + (f" ({short(self._error)})" if self._error else "")
        if self._killed or code in (-signal.SIGKILL, 128 + signal.SIGKILL):
            return killed(self._kills_before, usual=usual)
        if code in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
            return usual, "out of processor time: the base's chat template does not end, or ulimit -t is set"
        if self._error or self._empty_words:
            return usual, short(self._error or self._empty_words)
        if code < 0:
            return usual, f"ended by the signal {_signal_name(-code)}"
        return usual, f"ended with exit code {code}"


def killed(before: Mapping[str, int], *, usual: str) -> tuple[str, str]:
    """(reason, sentence) of a process that SIGKILL ended. `before`: the system's counts of kills for memory when it began."""
    after = memory_kills()
    counted = risen(before, after)
    if counted:
        who = OF_GROUP if OF_GROUP in counted else next(iter(counted))
        times = f"{counted[who]} process{'' if counted[who] == 1 else 'es'}"
        return (
            "out_of_memory",
            f"out of memory: killed by the system ({who} counts {times} killed for memory meanwhile)",
        )
    if after:
        who = " nor ".join(after)
        why = f"neither for want of memory, as far as is counted ({who} counts none), nor by us"
        return (
            usual,
            f"killed by the signal SIGKILL, {why}: a person, or a program that limits memory or time, ended it",
        )
    return (
        usual,
        "killed by the signal SIGKILL; nothing here counts whether memory had run out, so why is not known",
    )


def short(text: str) -> str:
    """As one line of at most 300 letters."""
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:299] + "…"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
