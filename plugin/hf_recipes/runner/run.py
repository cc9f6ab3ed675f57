"""The runner: does the steps of one job, in order, and writes down the truth about them.

    python run.py RUN [--python SET=INTERPRETER …] [--package FOLDER] [--attached]

One file, standard library only, Python 3.10 or newer: it goes with a job to wherever that job runs. RUN is the folder that
hf_recipes.record makes. The runner holds a lock on RUN/lock while it lives, so a run whose lock is free is not running.

It believes no child's word: training has succeeded when the child's exit code is 0, its log holds no crash (AutoTrain exits
with 0 after one) and whole weights have been written since the step began. And it leaves no process behind, whatever ends it:
a second process, the guard, waits on a pipe from the runner and kills what the runner started when that pipe breaks.
"""

from __future__ import annotations

import argparse
import codecs
import ctypes
import errno
import fcntl
import json
import math
import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
import traceback
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

MARK = "HF_RECIPES_RUN_ID"
"""In the environment of every child: the run's folder. Finds strays on Linux, whatever session they have moved to."""
LINUX: bool = sys.platform.startswith("linux")
FINISHED = ("succeeded", "failed", "cancelled")
GRACE = 10.0
"""Seconds between asking processes to end and killing them."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


# --- The files of a run: hf_recipes.record uses these too, so that each is written in one way.


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def read_json(path: Path) -> dict[str, Any]:
    """Raises OSError, ValueError (also when the document is no object)."""
    document = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ValueError(f"{path.name} is not a JSON object")
    return document


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a file in one move: a reader, or a power cut, finds the old text or the new one, never a part."""
    # A leading dot and our pid: two writers never share the file, and a leftover is plainly one.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(document, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def update_state(run: Path, **changes: Any) -> dict[str, Any]:
    """Change fields of state.json; the others, also ones unknown here, stay. Call it with the lock held."""
    state = {**read_json(run / "state.json"), **changes, "updated": now()}
    write_json(run / "state.json", state)
    return state


def take_lock(run: Path, *, wait: float = 0.0) -> int | None:
    """The run's lock as a file descriptor (close it to release), or None while another holds it. Raises OSError."""
    descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
        time.sleep(0.05)


# --- Processes.


class Process(NamedTuple):
    parent: int
    group: int
    letter: str
    """Its state as ps shows it; Z is a dead one that nobody has collected."""


def processes() -> dict[int, Process]:
    """Every process by its pid."""
    if LINUX:
        stats = ((pid, _stat(pid)) for pid in _pids())
        return {pid: Process(int(fields[1]), int(fields[2]), fields[0]) for pid, fields in stats if fields}
    with subprocess.Popen(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="], stdout=subprocess.PIPE, text=True
    ) as table:
        rows = [line.split() for line in table.communicate()[0].splitlines()]
    found = {int(row[0]): Process(int(row[1]), int(row[2]), row[3][0]) for row in rows if len(row) == 4}
    return {pid: process for pid, process in found.items() if pid != table.pid}


def process_started(pid: int) -> str | None:
    """When a living process started, in words that only this process has among those of its pid; None when it is dead."""
    if LINUX:
        fields = _stat(pid)
        return fields[19] if fields and fields[0] not in "ZX" else None
    answer = subprocess.run(
        ["ps", "-p", str(pid), "-o", "stat=,lstart="], capture_output=True, text=True, check=False
    )
    letter, _, started = answer.stdout.strip().partition(" ")
    return started.strip() if letter and not letter.startswith("Z") else None


def descendants(table: Mapping[int, Process], root: int) -> set[int]:
    """The living ones."""
    found: set[int] = set()
    layer = {root}
    while layer:
        layer = {pid for pid, process in table.items() if process.parent in layer} - found
        found |= layer
    return {pid for pid in found if table[pid].letter not in "ZX"}


def marked(run: Path) -> set[int]:
    """Living processes that a run started, found by their environment: Linux only, elsewhere none."""
    if not LINUX:
        return set()
    wanted = os.fsencode(f"{MARK}={run}")
    found = set()
    for pid in _pids():
        with suppress(OSError):  # gone meanwhile, or another user's
            if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.add(pid)
    return {pid for pid in found - {os.getpid()} if process_started(pid)}


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - a Path for each costs twice the time


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state letter on; the name before it may hold spaces and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().decode(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def kill(pid: int, number: int, *, group: bool = False) -> None:
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)


def _prctl(option: int, value: int) -> None:
    if LIBC is not None:
        LIBC.prctl(option, value, 0, 0, 0)


# Loaded here and not in the child: between fork and exec little may be done safely.
LIBC = ctypes.CDLL(None, use_errno=True) if LINUX else None
DIE_WITH_PARENT, ADOPT_ORPHANS = 1, 36  # PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER


def _in_child() -> None:
    _prctl(DIE_WITH_PARENT, signal.SIGKILL)
    # When memory runs out, the system should end the trainer and not who reports on it. Raising the score is allowed to all.
    if LIBC is not None:
        with suppress(OSError):
            descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(descriptor, b"500")
            os.close(descriptor)


def guard(run: Path) -> None:
    """Wait until the runner is gone; kill what it had started, unless it said goodbye.

    stdin holds lines: `group N`, `over N`, `bye`.
    """
    groups: set[int] = set()
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        if word == "bye":
            return
        if word == "group":
            groups.add(int(number))
        else:
            groups.discard(int(number))
    for group in groups:
        kill(group, signal.SIGKILL, group=True)
    deadline = time.monotonic() + 5
    # A process may be born while its parent is being killed: look until none is left.
    while time.monotonic() < deadline and (strays := marked(run)):
        for pid in strays:
            kill(pid, signal.SIGKILL)
        time.sleep(0.1)


# --- What the children print: cut into lines, redacted, understood.

LONGEST_LINE = 65_536
LONGEST_SECRET = 4_096
ESCAPES = re.compile(
    r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
USUAL_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN")


class Redactor:
    """Takes secrets out of text: the values of the named variables, also URL-quoted, and whatever looks like a token."""

    def __init__(self, names: Sequence[str], environment: Mapping[str, str]) -> None:
        values = {environment.get(name, "") for name in (*names, *USUAL_SECRETS)}
        # Text is redacted by line, so a secret of several lines is several secrets. Up to 3 letters are no secret.
        lines = {line.strip() for value in values for line in value.splitlines()}
        forms = {
            form
            for line in lines
            for form in (line, urllib.parse.quote(line, safe=""), json.dumps(line)[1:-1])
        }
        secrets = sorted((form for form in forms if len(form) > 3), key=len, reverse=True)
        known = "|".join(map(re.escape, secrets)) or r"(?!)"
        self._patterns = (re.compile(known), re.compile(r"hf_[A-Za-z0-9]{20,}"))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where secrets stand, in order; ones that overlap, such as a token with another secret behind it, are one."""
        merged: list[tuple[int, int]] = []
        for begin, end in sorted(
            found.span() for pattern in self._patterns for found in pattern.finditer(text)
        ):
            if merged and begin < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return merged

    def __call__(self, text: str) -> str:
        for begin, end in reversed(self.spans(text)):
            text = f"{text[:begin]}[secret]{text[end:]}"
        return text


class Lines:
    """Cuts the bytes of a child into lines. A line that ends in a carriage return alone is passing: a progress bar's."""

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.partial = ""

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[tuple[str, bool]]:
        """(line, whether it is passing); what is not whole yet waits in `partial`."""
        text = self.partial + self._decoder.decode(data, last)
        # The newline of \r\n may come with the next read, so a return at the very end decides nothing yet.
        pieces = re.split(r"(\r?\n|\r)" if last else r"(\r?\n|\r(?!\Z))", text)
        for line, end in zip(pieces[::2], pieces[1::2], strict=False):
            yield line, end == "\r"
        self.partial = pieces[-1]
        if last and self.partial:
            yield self.partial, False
            self.partial = ""
        elif len(self.partial) > LONGEST_LINE:
            # A secret must not be cut in two: not where one stands, nor near the end, where the other half may still come.
            cut = len(self.partial) - LONGEST_SECRET
            for begin, end in self._redact.spans(self.partial):
                cut = begin if begin < cut < end else cut
            yield self.partial[:cut], False
            self.partial = self.partial[cut:]


class PassingLines:
    """Lets one progress line through in 30 seconds, and each bar's last state: not ten thousand."""

    BAR = re.compile(r"^.{0,120}?\d+%\|[^|]*\|[^\]]*\]")
    SECONDS = 30.0

    def __init__(self) -> None:
        self._last = -self.SECONDS

    def keep(self, line: str, passing: bool) -> str | None:
        """What of a line belongs into the log: None for nothing."""
        bar = self.BAR.match(line)
        if bar and (rest := line[bar.end() :].strip()):
            return rest  # a logger wrote on behind the bar
        if not passing:
            return None if line.isspace() else line
        if line.strip() and time.monotonic() - self._last >= self.SECONDS:
            self._last = time.monotonic()
            return line
        return None


class TrainerProgress:
    """Understands what transformers' Trainer and AutoTrain print: tqdm bars and dictionaries of numbers.

    A loss is printed before the bar moves on to its step, so it waits for the bar.
    """

    BAR = re.compile(
        r"^(?P<what>.{0,120}?)\s*\d+%\|[^|]*\|\s*(?P<step>\d+)/(?P<total>\d+) \[[\d:]+<(?P<left>[\d:]+|\?),[^\]]*\]"
    )
    NUMBERS = re.compile(r"\{'[\w/.-]+': .*\}\s*$")
    NUMBER = re.compile(r"'([\w/.-]+)': '?([-+]?(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|nan|inf))(?=['},]|$)")
    NAMES = {  # noqa: RUF012 - a constant
        "loss": "loss", "learning_rate": "lr", "epoch": "epoch", "eval_loss": "eval_loss", "train_loss": "train_loss",
        "train_runtime": "train_runtime",
    }  # fmt: skip

    def __init__(self, emit: Callable[[Mapping[str, object]], None]) -> None:
        self._emit = emit
        self._place: dict[str, object] = {}
        self._waiting: dict[str, object] = {}
        self._last: dict[str, object] = {}
        self._emitted = 0.0
        self._emitted_step: object = None

    def feed(self, line: str) -> None:
        if bar := self.BAR.match(line):
            self._bar(bar)
        if found := self.NUMBERS.search(line):
            self._numbers({name: _number(text) for name, text in self.NUMBER.findall(found.group())})

    def close(self) -> None:
        """Say what has not been said: the numbers that wait, or the last step."""
        if self._waiting or self._place.get("step") != self._emitted_step:
            self._send()

    def _bar(self, bar: re.Match[str]) -> None:
        total = int(bar["total"])
        # A bar with words is a download or a tokenizer; one with another total is an evaluation in between.
        if bar["what"].strip() or self._place.get("total", total) != total:
            return
        step = int(bar["step"])
        if step == self._place.get("step") and not self._waiting:
            return
        self._place = {"step": step, "total": total}
        if bar["left"] != "?":
            self._place["eta"] = _seconds(bar["left"])
        if self._waiting or step == total or time.monotonic() - self._emitted >= 1.0:
            self._send()

    def _numbers(self, numbers: Mapping[str, object]) -> None:
        known = {self.NAMES[name]: value for name, value in numbers.items() if name in self.NAMES}
        # AutoTrain's callback and transformers' own print the same numbers, the second with fewer digits of the epoch.
        same = {**known, "epoch": round(float(str(known.get("epoch", 0))), 2)}
        if len(same) == 1 or same == self._last:
            return
        self._last = same
        if "loss" not in known:
            self._emit({**_without(self._place, "eta"), **known})
            return
        if self._waiting:
            self._send()
        self._waiting = known

    def _send(self) -> None:
        self._emit({**self._place, **self._waiting})
        self._waiting, self._emitted, self._emitted_step = {}, time.monotonic(), self._place.get("step")


def _number(text: str) -> object:
    """A number; `nan` and `inf`, which JSON has no number for, stay words."""
    value = float(text)
    if not math.isfinite(value):
        return text
    return int(text) if text.lstrip("+-").isdigit() else value


def _seconds(clock: str) -> int:
    total = 0
    for part in clock.split(":"):
        total = 60 * total + int(part)
    return total


def _without(mapping: Mapping[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in mapping.items() if name != key}


PROGRESS = "::progress "
PROGRESS_KEYS = ("what", "step", "total", "unit", "loss", "lr", "epoch", "eta")


def own_progress(line: str) -> dict[str, object] | None:
    """The known keys of a `::progress {…}` line of one of our own steps; None for any other line."""
    if not line.startswith(PROGRESS):
        return None
    try:
        document = json.loads(line[len(PROGRESS) :])
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    return {key: document[key] for key in PROGRESS_KEYS if isinstance(document.get(key), (str, int, float))}


# --- Why a step failed.


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
            return (
                "out_of_memory",
                f"out of memory ({_short(self._error)})" if self._error else "out of memory",
            )
        if self._killed or code in (-signal.SIGKILL, 128 + signal.SIGKILL):
            return "out_of_memory", "killed by the system, most likely out of memory"
        if self._error or self._empty_words:
            return usual, _short(self._error or self._empty_words)
        if code < 0:
            return usual, f"ended by the signal {_signal_name(-code)}"
        return usual, f"ended with exit code {code}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:299] + "…"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


# --- Weights: what must be there and whole before anyone says "succeeded".

HEADER_LIMIT = 100_000_000
SIZES = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
"""Bits an element, of the types that can be checked; one unknown here is taken at its word."""


class WeightsProblem(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def tensors(path: Path) -> dict[str, Any]:
    """The header of a safetensors file whose every byte is accounted for. Raises ValueError, OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or not 2 <= length <= min(HEADER_LIMIT, size - 8):
            raise ValueError("it has no safetensors header")
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise ValueError("its header is damaged") from error
    if not isinstance(header, dict):
        raise ValueError("its header is damaged")
    header.pop("__metadata__", None)
    if not header:
        raise ValueError("it holds no tensors")
    position = 0
    try:
        for entry in sorted(
            header.values(), key=lambda entry: (entry["data_offsets"][0], entry["data_offsets"][1])
        ):
            begin, end = entry["data_offsets"]
            bits = SIZES.get(entry["dtype"])
            if begin != position or (bits and math.prod(entry["shape"]) * bits != 8 * (end - begin)):
                raise ValueError("its header is damaged")
            position = end
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("its header is damaged") from error
    if size != 8 + length + position:
        raise ValueError(f"it has {size:,} bytes, and its header speaks of {8 + length + position:,}")
    return header


def weight_files(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """What may hold weights at the top of a folder, with what tells whether it has been written since."""
    found = {}
    if folder.is_dir():
        for path in folder.iterdir():
            if WEIGHTS.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                facts = path.stat()
                found[path] = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
    return found


WEIGHTS = re.compile(r"(?:adapter_model|model)(?:-\d+-of-\d+)?\.safetensors|model\.joblib")
PICKLES = re.compile(r"(?:pytorch_model|adapter_model|model).*\.(?:bin|pt|pth|ckpt|pkl|pickle)")


def check_weights(folder: Path, before: Mapping[Path, tuple[int, int, int]], *, tabular: bool) -> str:
    """A note for the run's message, mostly empty. Raises WeightsProblem unless whole weights were written since `before`."""
    files = weight_files(folder)
    if tabular:
        files = {path: facts for path, facts in files.items() if path.name == "model.joblib"}
    else:
        files = {path: facts for path, facts in files.items() if path.name != "model.joblib"}
    if not files:
        if folder.is_dir() and any(PICKLES.fullmatch(path.name) for path in folder.iterdir()):
            raise WeightsProblem(
                "weights_invalid", "the trainer wrote pickle weights only, which are never loaded"
            )
        raise WeightsProblem("no_weights", "training ended without writing weights")
    for path, facts in sorted(files.items()):
        if before.get(path) == facts:
            raise WeightsProblem(
                "no_weights", f"training wrote no weights: {path.name} was there before it began"
            )
    if tabular:
        if not next(iter(files.values()))[2]:
            raise WeightsProblem("weights_invalid", "model.joblib is empty")
        return "model.joblib is a pickle: it was not loaded for a check, and it is not pushed"
    held = {}
    for path in sorted(files):
        try:
            held[path.name] = tensors(path)
        except (ValueError, OSError) as error:
            raise WeightsProblem("weights_invalid", f"{path.name} is damaged: {error}") from error
    _check_index(folder, held)
    return ""


def _check_index(folder: Path, held: Mapping[str, Mapping[str, Any]]) -> None:
    for base in ("model", "adapter_model"):
        shards = [name for name in held if name.startswith(f"{base}-")]
        index = folder / f"{base}.safetensors.index.json"
        if not index.exists():
            if shards:
                raise WeightsProblem(
                    "weights_invalid", f"{index.name}, which says where each tensor is, is missing"
                )
            continue
        try:
            places = read_json(index)["weight_map"]
            missing = {name for tensor, name in places.items() if tensor not in held.get(name, ())}
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise WeightsProblem("weights_invalid", f"{index.name} is damaged") from error
        if missing:
            raise WeightsProblem("weights_invalid", f"{min(missing)} is missing or incomplete")


# --- Promoting: what may be published moves into model/, the rest gives its disk space back.

PUBLISHABLE = re.compile(
    r"(?:adapter_model|model)(?:-\d+-of-\d+)?\.safetensors(?:\.index\.json)?|adapter_config\.json|config\.json|generation_config\.json|"
    r"tokenizer.*\.json|tokenizer\.model|spiece\.model|sentencepiece.*\.model|vocab\.(?:json|txt)|merges\.txt|bpe\.codes|"
    r"special_tokens_map\.json|added_tokens\.json|chat_template\.(?:jinja|json)|(?:pre|image_|video_pre)?processor_config\.json|"
    r"README\.md|training_params\.json|modules\.json|sentence_.*_config\.json|config_sentence_transformers\.json"
)
PUBLISHABLE_TABULAR = re.compile(r"(?:model|target_encoders)\.joblib|README\.md|training_params\.json")
LEFTOVERS = ("checkpoint-*", "autotrain-data", "runs", "optimizer*", "scheduler*", "*.bin", "*.pt", "*.pth")


def promote(run: Path, source: Path, redact: Redactor, *, tabular: bool) -> None:
    """Move the publishable files of `source` into RUN/model, which appears complete or not at all."""
    building = run / "model.tmp"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    wanted = PUBLISHABLE_TABULAR if tabular else PUBLISHABLE
    for folder in (source, *_module_folders(source)):
        target = building / folder.relative_to(source)
        target.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if wanted.fullmatch(path.name) and stat.S_ISREG(path.lstat().st_mode):
                # What the run was trained with stays readable where the prepare step wrote it.
                move = shutil.copyfile if path.name == "training_params.json" else os.rename
                move(path, target / path.name)
    _clean_text(building, redact)
    building.rename(run / "model")
    for pattern in LEFTOVERS:
        for path in source.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _module_folders(source: Path) -> list[Path]:
    """The subfolders that a sentence-transformers model names in its modules.json."""
    try:
        modules = json.loads((source / "modules.json").read_text(encoding="utf-8"))
        names = [str(module.get("path") or "") for module in modules]
    except (OSError, ValueError, AttributeError, TypeError):
        return []
    return [source / name for name in names if re.fullmatch(r"\w[\w.-]*", name) and (source / name).is_dir()]


def _clean_text(folder: Path, redact: Redactor) -> None:
    """No token leaves with the model, whoever wrote it there."""
    parameters = folder / "training_params.json"
    if parameters.exists():
        try:
            write_json(parameters, {**read_json(parameters), "token": None})
        except ValueError:
            parameters.unlink()
    for path in (parameters, folder / "README.md"):
        if path.exists():
            text = path.read_text(encoding="utf-8", errors="replace")
            if redact(text) != text:
                path.write_text(redact(text), encoding="utf-8")


# --- The run.


class Stopped(Exception):
    """Someone wants the run to end; the message says who."""


class StepFailed(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Journal:
    """What the runner writes into the run's folder, redacted. A full disk loses log lines, not the verdict."""

    def __init__(self, run: Path, redact: Redactor) -> None:
        self.run, self.redact = run, redact
        self.disk_full = False
        self._reserve = run / ".reserve"
        self._torn: set[str] = set()
        with suppress(OSError):
            self._reserve.write_bytes(os.urandom(65_536))  # random: a compressing file system can't shrink it
        self._log = self._open("train.log")
        self._events = self._open("events.jsonl")

    def state(self, **changes: Any) -> None:
        if "message" in changes:
            changes["message"] = self.redact(changes["message"])
        for attempt in range(20):
            try:
                update_state(self.run, **changes)
                return
            except OSError as error:
                if error.errno not in FULL:
                    raise
                self.disk_full = True
                # Kept until now for this moment. Another process may take what is freed, so try for some seconds.
                self._reserve.unlink(missing_ok=True)
                time.sleep(0.5 if attempt else 0)

    def log(self, text: str) -> None:
        self._append(self._log, self.redact(text) + "\n", "log")

    def event(self, stage: str, event: Mapping[str, object]) -> None:
        clean = {key: self.redact(value) if isinstance(value, str) else value for key, value in event.items()}
        line = json.dumps({"time": now(), "stage": stage, **clean}, ensure_ascii=False)
        self._append(self._events, line + "\n", "events")

    def close(self) -> None:
        self._reserve.unlink(missing_ok=True)
        for descriptor in (self._log, self._events):
            if descriptor is not None:
                os.close(descriptor)

    def _open(self, name: str) -> int | None:
        try:
            return os.open(self.run / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self.disk_full = True
            return None

    def _append(self, descriptor: int | None, text: str, name: str) -> None:
        if descriptor is None:
            return
        # After a write that the disk cut short, a new line begins: one event is lost then, not two.
        data = (("\n" if name in self._torn else "") + text).encode(errors="replace")
        try:
            written = os.write(descriptor, data)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self.disk_full = True
            return
        self._torn.discard(name)
        if written < len(data):
            self._torn.add(name)


class Runner:
    def __init__(self, run: Path, pythons: Mapping[str, str], package: str | None, *, attached: bool) -> None:
        self._run, self._pythons, self._package, self._attached = run, pythons, package, attached
        self._job = read_json(run / "job.json")
        self._redact = Redactor(self._job.get("secrets", ()), os.environ)
        self._stage: str | None = None
        self._stop = ""
        self._child: subprocess.Popen[bytes] | None = None
        self._tabular = "tabular" in str(self._job.get("task", ""))
        self._note = ""
        self._wake, writer = os.pipe()
        for end in (self._wake, writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only so that select wakes up

    def work(self) -> int:
        """Do the job; returns the runner's exit code. The run's lock is held until the process ends."""
        if take_lock(self._run, wait=30) is None:
            sys.stderr.write("another runner holds this run\n")
            return 2
        if read_json(self._run / "state.json").get("state") != "queued":
            sys.stderr.write("this run is not queued any more\n")
            return 2
        _prctl(ADOPT_ORPHANS, 1)
        self._journal = Journal(self._run, self._redact)
        self._guard = subprocess.Popen(
            [sys.executable, __file__, str(self._run), "--guard"],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        handle = {"pid": os.getpid(), "started": process_started(os.getpid())}
        self._journal.state(state="preparing", handle=handle)
        return self._end(*self._outcome())

    def _outcome(self) -> tuple[str, str | None, str]:
        """Do the steps; returns the final state, its reason and a message."""
        try:
            self._steps()
        except Stopped as stopped:
            return "cancelled", "cancelled", str(stopped)
        except StepFailed as failure:
            return "failed", failure.reason, f"{failure}; log: {self._run / 'train.log'}"
        except Exception as error:
            sys.stderr.write(self._redact(traceback.format_exc()))
            log = self._run / "runner.log"
            if isinstance(error, OSError) and error.errno in FULL:
                return "failed", "disk_full", f"the disk is full; log: {log}"
            return (
                "failed",
                "step_failed",
                f"the runner failed: {_short(f'{type(error).__name__}: {error}')}; log: {log}",
            )
        return "succeeded", None, self._note

    def _end(self, state: str, reason: str | None, message: str) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the verdict has been reached: let it be written
        with suppress(OSError):
            self._stop_processes()
        with suppress(OSError):
            said = message.partition("; log: ")[0]
            self._journal.log(f"--- {state}" + (f": {said}" if said else ""))
        self._journal.state(state=state, reason=reason, message=message)
        self._journal.close()
        self._tell_guard("bye")
        return 0 if state == "succeeded" else 1

    def _steps(self) -> None:
        (self._run / "work").mkdir(exist_ok=True)
        for step in self._job["steps"]:
            self._look_for_stop()
            self._stage = step["stage"]
            self._journal.state(
                state="preparing" if self._stage == "prepare" else "running", stage=self._stage
            )
            self._step(step)

    def _step(self, step: Mapping[str, Any]) -> None:
        trains = step["name"] == "train"
        output = self._run / "work" / self._job["project_name"]
        before = weight_files(output)
        failure = self._run / "work" / "failure.json"
        failure.unlink(missing_ok=True)
        cause = Cause()
        code = self._execute(step, failure, cause)
        if code or (trains and cause.crashed):
            raise self._why(step, code, failure, cause)
        if trains:
            try:
                self._note = check_weights(output, before, tabular=self._tabular)
            except WeightsProblem as problem:
                if self._journal.disk_full:
                    raise StepFailed("disk_full", "train: the disk is full") from problem
                raise StepFailed(problem.reason, str(problem)) from problem
        if step.get("promote"):
            promote(self._run, self._run / step["promote"], self._redact, tabular=self._tabular)

    def _why(self, step: Mapping[str, Any], code: int, failure: Path, cause: Cause) -> StepFailed:
        with suppress(OSError, ValueError, KeyError):
            said = read_json(failure)
            return StepFailed(str(said["reason"]), _short(str(said["message"])).rstrip("."))
        usual = {"train": "trainer_failed", "verify": "weights_invalid"}.get(step["name"])
        usual = usual or ("evaluation_failed" if step["stage"] == "evaluate" else "step_failed")
        reason, sentence = cause.explain(code, usual=usual, disk_full=self._journal.disk_full)
        return StepFailed(reason, f"{step['name']}: {sentence}")

    def _execute(self, step: Mapping[str, Any], failure: Path, cause: Cause) -> int:
        """Run one child to its end, reading what it prints; returns its exit code. Raises StepFailed, Stopped."""
        python = self._python(step["requirements"])
        arguments = [self._fill(part, python) for part in step["argv"]]
        self._journal.log(f"--- {step['name']}: {_short(' '.join(arguments))}")
        try:
            self._child = subprocess.Popen(
                arguments,
                cwd=self._run / "work",
                env=self._environment(step, python, failure),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_in_child,
            )
        except OSError as error:
            raise StepFailed(
                "step_failed", f"{step['name']}: {arguments[0]} cannot be started ({error.strerror})"
            ) from error
        self._tell_guard(f"group {self._child.pid}")
        try:
            self._read(self._child, step, cause)
            self._stop_processes(grace=2.0)
            return self._child.wait()
        finally:
            self._stop_processes()
            self._tell_guard(f"over {self._child.pid}")
            assert self._child.stdout is not None
            self._child.stdout.close()
            self._child = None

    def _python(self, requirements: str) -> str:
        if requirements in self._pythons:
            return self._pythons[requirements]
        if requirements == "core":
            return sys.executable
        raise StepFailed(
            "environment_failed", f"no interpreter was given for the requirement set {requirements}"
        )

    def _fill(self, text: str, python: str) -> str:
        return text.replace("{python}", python).replace("{run}", str(self._run))

    def _environment(self, step: Mapping[str, Any], python: str, failure: Path) -> dict[str, str]:
        # An interpreter of another set must not find this one's packages.
        environment = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")
        }
        environment["PATH"] = os.pathsep.join([str(Path(python).parent), environment.get("PATH", os.defpath)])
        if self._package and not step["requirements"].startswith("autotrain"):
            environment["PYTHONPATH"] = self._package
        named = [name for name in self._job.get("secrets", ()) if os.environ.get(name)]
        if named and "HF_TOKEN" not in named:
            environment["HF_TOKEN"] = os.environ[named[0]]
        environment["PYTHONUNBUFFERED"] = "1"
        environment["HF_RECIPES_FAILURE"] = str(failure)
        environment.update(
            {name: self._fill(value, python) for name, value in (step.get("env") or {}).items()}
        )
        environment[MARK] = str(self._run)
        return environment

    def _read(self, child: subprocess.Popen[bytes], step: Mapping[str, Any], cause: Cause) -> None:
        assert child.stdout is not None and self._stage is not None
        stage = self._stage
        pipe = child.stdout.fileno()
        os.set_blocking(pipe, False)
        lines, passing = Lines(self._redact), PassingLines()
        trainer = (
            TrainerProgress(lambda event: self._journal.event(stage, event))
            if step["name"] == "train"
            else None
        )

        def take(data: bytes, *, last: bool = False) -> None:
            for raw, fleeting in lines.feed(data, last=last):
                line = ESCAPES.sub("", raw)
                if (progress := own_progress(line)) is not None:
                    self._journal.event(stage, progress)
                    continue
                cause.feed(line)
                if trainer:
                    trainer.feed(line)
                if (kept := passing.keep(line, fleeting)) is not None:
                    self._journal.log(kept)

        ended: float | None = None
        while True:
            self._look_for_stop()
            ready, _, _ = select.select([pipe, *self._watched()], [], [], 0.5 if ended is None else 0.0)
            self._take_wakeups(ready)
            if pipe in ready and (ended is None or time.monotonic() < ended + 2.0):
                data = os.read(pipe, 65_536)
                take(data, last=not data)
                if not data:
                    break  # every process that could print is gone
            elif ended is not None:
                take(b"", last=True)
                break  # what still holds the pipe is about to be stopped
            elif trainer:
                trainer.feed(ESCAPES.sub("", lines.partial))
            if ended is None and child.poll() is not None:
                ended = time.monotonic()
        while child.poll() is None:  # it has closed its output and works on
            self._look_for_stop()
            ready, _, _ = select.select(self._watched(), [], [], 0.5)
            self._take_wakeups(ready)
        if trainer:
            trainer.close()

    # Being stopped, and stopping.

    def _watched(self) -> list[int]:
        return [self._wake, *([0] if self._attached else [])]

    def _take_wakeups(self, ready: Sequence[int]) -> None:
        with suppress(BlockingIOError):
            while os.read(self._wake, 512):
                pass
        if self._attached and 0 in ready and not os.read(0, 512):
            self._attached = False
            self._stop = self._stop or "the program that had started the run is gone"

    def _on_signal(self, number: int, _: object) -> None:
        self._stop = self._stop or f"cancelled during {self._stage or 'start'}"

    def _look_for_stop(self) -> None:
        if self._attached:
            ready, _, _ = select.select([0], [], [], 0)
            self._take_wakeups(ready)
        if self._stop:
            raise Stopped(self._stop)

    def _stop_processes(self, grace: float = GRACE) -> None:
        """End everything that this run has started, the guard excepted: ask, wait, kill."""
        # Pid → start time of all that were ever seen: one whose parent ends first may not be found again where orphans
        # do not come to us.
        seen: dict[int, str | None] = {}
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline + 5:
            fresh = {pid: process_started(pid) for pid in self._left() - seen.keys()}
            seen.update(fresh)
            left = [pid for pid, started in seen.items() if started and process_started(pid) == started]
            if not left:
                return
            asking = time.monotonic() < deadline
            for pid in fresh if asking else left:
                kill(pid, signal.SIGTERM if asking else signal.SIGKILL)
            self._discard_output()
            time.sleep(0.05)

    def _left(self) -> set[int]:
        self._collect()
        table = processes()
        found = descendants(table, os.getpid()) - {self._guard.pid}
        if self._child:
            group = self._child.pid
            found |= {
                pid for pid, process in table.items() if process.group == group and process.letter not in "ZX"
            }
        return found | marked(self._run)

    def _collect(self) -> None:
        """Let the dead go: our child, and the orphans that came to us."""
        if self._child:
            self._child.poll()
        known = {self._guard.pid, self._child.pid if self._child else 0}
        for pid, process in processes().items():
            if process.parent == os.getpid() and process.letter == "Z" and pid not in known:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def _discard_output(self) -> None:
        # A process that is asked to end may print first, and must not wait for a reader.
        if self._child and self._child.stdout:
            with suppress(BlockingIOError, OSError):
                while os.read(self._child.stdout.fileno(), 65_536):
                    pass

    def _tell_guard(self, line: str) -> None:
        assert self._guard.stdin is not None
        with suppress(OSError):
            self._guard.stdin.write(line.encode() + b"\n")
            self._guard.stdin.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Do the steps of one job.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--python", action="append", default=[], metavar="SET=INTERPRETER")
    parser.add_argument("--package", help="a folder that holds hf_recipes, for the steps of our own")
    parser.add_argument("--attached", action="store_true", help="end the run when stdin does")
    parser.add_argument("--guard", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    run = arguments.run.resolve()
    if arguments.guard:
        guard(run)
        return 0
    pythons = dict(pair.split("=", 1) for pair in arguments.python)
    return Runner(run, pythons, arguments.package, attached=arguments.attached).work()


if __name__ == "__main__":
    sys.exit(main())
