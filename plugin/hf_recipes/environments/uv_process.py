"""Running uv: with this machine's pip settings, telling what it does, leaving no process behind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from hf_recipes.environments.failed import EnvironmentFailed
from hf_recipes.environments.pip_settings import as_uv_variables, no_index, pip_settings
from hf_recipes.environments.places import cache_dir, link_to

# Lines of uv's that tell a waiting person something: `Resolved 92 packages in 1.2s`, `Downloading torch (180.2MiB)`.
TELLING = re.compile(r"(Resolved|Prepared|Installed|Downloading|Building) .+")


def uv_environment() -> dict[str, str]:
    """Our environment variables and, for what uv is not told yet, pip's settings in uv's words."""
    ours = {
        name: value
        for name, value in os.environ.items()
        # What builds a package must not be another Python by PYTHONPATH, PYTHONOPTIMIZE or PYTHONWARNINGS.
        if name != "VIRTUAL_ENV" and not name.startswith("PYTHON")
    }
    return {**ours, **as_uv_variables(pip_settings(), os.environ)}


def run_uv(arguments: Sequence[str], *, say: Callable[[str], None], doing: str) -> None:
    """Run `uv …` to its end; what it does goes to `say`, and uv ends when we are interrupted.

    Raises EnvironmentFailed: `doing` (such as `making the inference environment`) failed, in uv's last words.
    """
    command = [str(find_uv()), *arguments]
    if arguments[:2] == ["pip", "install"] and no_index(pip_settings()):
        command.append("--no-index")
    # uv would take settings from the project it is called in: it is called where there is none.
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    last: deque[str] = deque(maxlen=40)
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**uv_environment(), "NO_COLOR": "1", "UV_NO_PROGRESS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                last.append(line.rstrip())
                if TELLING.fullmatch(line.strip()):
                    say(f"  {_redacted(line.strip())}")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise EnvironmentFailed(f"{doing} failed: {_reason(list(last), process.returncode)}")


def find_uv() -> Path:
    """The uv that was installed with us, else the one we have noted for interpreters that lack it, else one on the path.

    Raises EnvironmentFailed.
    """
    try:
        import uv

        return Path(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        pass
    if (noted := _note()).exists():
        return noted
    if on_path := shutil.which("uv"):
        return Path(on_path)
    raise EnvironmentFailed("uv is missing; install it: python -m pip install uv")


def note_uv() -> None:
    """Let our steps in other interpreters, which have no uv of their own, find ours. Raises EnvironmentFailed."""
    found = find_uv()
    if found != _note():
        link_to(found, _note())


def _note() -> Path:
    return cache_dir() / "bin" / "uv"


def _reason(lines: Sequence[str], code: int) -> str:
    """uv's error in one line: from `error:` on, without the frames that uv draws around it."""
    starts = [number for number, line in enumerate(lines) if re.match(r"\s*(error:|×)", line)]
    told = lines[starts[-1] :] if starts else list(lines)[-4:]
    words = (re.sub(r"^\s*(error:|[×╰├│─▶]+|cause:|hint:)*\s*", "", line) for line in told)
    text = " ".join(word for word in words if word)
    return _redacted(text)[:800] or f"uv ended with exit code {code}"


def _redacted(text: str) -> str:
    return re.sub(r"(\w+://)[^\s/@]+@", r"\1***@", text)
