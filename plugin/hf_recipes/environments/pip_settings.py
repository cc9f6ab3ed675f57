"""What this machine's pip is told (indexes, find-links, certificates), in uv's words: uv reads none of it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

# pip's settings that matter to an installation.
SETTINGS = ("find-links", "index-url", "extra-index-url", "no-index", "cert", "client-cert", "proxy", "timeout", "default-timeout", "trusted-host")  # fmt: skip


@cache
def pip_settings() -> Mapping[str, str]:
    """The settings named above that pip has here, from its files and from PIP_* variables; empty where there is none."""
    for python in _pythons():
        if (listed := _config_list(python)) is not None:
            return _parse(listed)
    return {
        name: value for name in SETTINGS if (value := os.environ.get("PIP_" + name.upper().replace("-", "_")))
    }


def as_uv_variables(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The variables to add to `environment` so that uv installs as pip would. None that it already has."""
    found = {name: settings.get(name, "").split() for name in SETTINGS}
    wanted: dict[str, tuple[str, tuple[str, ...]]] = {
        # name → (value, variables any of which means that the person has told uv already)
        "UV_FIND_LINKS": (",".join(_absolute(each) for each in found["find-links"]), ()),
        "UV_DEFAULT_INDEX": (" ".join(found["index-url"][:1]), ("UV_INDEX_URL",)),
        "UV_INDEX": (" ".join(found["extra-index-url"]), ("UV_EXTRA_INDEX_URL",)),
        # pip takes the best release of all indexes; uv by itself that of the first which has the name.
        "UV_INDEX_STRATEGY": ("unsafe-best-match" if found["extra-index-url"] else "", ()),
        "UV_INSECURE_HOST": (" ".join(found["trusted-host"]), ()),
        "UV_HTTP_TIMEOUT": (" ".join([*found["timeout"], *found["default-timeout"]][:1]), ()),
        "SSL_CERT_FILE": (settings.get("cert", ""), ()),
        "SSL_CLIENT_CERT": (settings.get("client-cert", ""), ()),
        "ALL_PROXY": (settings.get("proxy", ""), ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "all_proxy")),
    }  # fmt: skip
    return {
        name: value
        for name, (value, others) in wanted.items()
        if value and not any(other in environment for other in (name, *others))
    }


def no_index(settings: Mapping[str, str]) -> bool:
    """Whether pip may use no index at all. uv has an option for this and no variable."""
    return settings.get("no-index", "").lower() in ("1", "true", "yes", "on")


def _pythons() -> Iterator[str]:
    """Interpreters that may have pip: the one this environment was made from, then those on the path."""
    seen = set()
    on_path = (shutil.which("python3", path=folder) for folder in os.get_exec_path())
    for python in (sys.executable, getattr(sys, "_base_executable", None), *on_path):
        if python and python not in seen:
            seen.add(python)
            yield python


def _config_list(python: str) -> str | None:
    """What `pip config list` prints, or None where there is no working pip."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [python, "-m", "pip", "config", "list"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None


def _parse(listed: str) -> dict[str, str]:
    """`global.index-url='…'` lines. What is said for `install` goes over `global`, a variable over both."""
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listed.splitlines():
        match = re.fullmatch(r"(global|install|:env:)\.([a-z-]+)=(.*)", line)
        if match and match[2] in SETTINGS:
            try:
                found[match[1]][match[2]] = str(ast.literal_eval(match[3]))
            except (ValueError, SyntaxError):
                continue
    return {**found["global"], **found["install"], **found[":env:"]}


def _absolute(place: str) -> str:
    """pip looks up a relative folder from where it is called; uv runs elsewhere."""
    return place if "://" in place else str(Path(place).expanduser().absolute())
