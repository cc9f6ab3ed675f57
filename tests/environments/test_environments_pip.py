"""A machine that is set up for pip just works, though uv reads none of pip's settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_recipes.environments import pip_settings as room
from hf_recipes.environments import uv_environment
from hf_recipes.environments.make import ensure_set
from hf_recipes.environments.sets import RequirementSet


def as_uv(settings: dict[str, str], environment: dict[str, str] | None = None) -> dict[str, str]:
    return room.as_uv_variables(settings, environment or {})


def test_pip_conf_alone_installs_where_no_index_may_be_asked(
    tiny: Callable[[str], RequirementSet], wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "pip.conf"
    conf.write_text(f"[global]\nno-index = true\n[install]\nfind-links = {wheels}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(conf))
    # An index that nobody may ask: it would refuse.
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    assert ensure_set(tiny("tinyone==1.0\n"), say=print).exists()


def test_a_variable_goes_over_the_file_and_install_over_global(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "pip.conf"
    conf.write_text(
        "[global]\nindex-url = https://one.example/simple\nfind-links = /global\ntimeout = 5\n"
        "[install]\nindex-url = https://two.example/simple\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(conf))
    monkeypatch.setenv("PIP_FIND_LINKS", "/first /second")
    found = uv_environment()
    assert found["UV_DEFAULT_INDEX"] == "https://two.example/simple"
    assert found["UV_FIND_LINKS"] == "/first,/second"
    assert found["UV_HTTP_TIMEOUT"] == "5"


def test_extra_indexes_are_merged_as_pip_does() -> None:
    found = as_uv({"extra-index-url": "https://a.example/simple\nhttps://b.example/simple"})
    assert found == {
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_what_a_person_told_uv_stays() -> None:
    settings = {
        "index-url": "https://pip.example/simple",
        "find-links": "/pip",
        "cert": "/pip.pem",
        "proxy": "http://p:1",
    }
    theirs = {"UV_INDEX_URL": "x", "UV_FIND_LINKS": "y", "SSL_CERT_FILE": "z", "HTTPS_PROXY": "w"}
    assert as_uv(settings, theirs) == {}


def test_a_relative_folder_is_the_one_that_pip_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = as_uv({"find-links": "wheels file:///elsewhere"})
    assert found["UV_FIND_LINKS"] == f"{tmp_path / 'wheels'},file:///elsewhere"


def test_without_any_pip_its_variables_still_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    monkeypatch.setattr(sys, "_base_executable", str(tmp_path / "no-python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    # What stands first on the path may fail, as a version manager's shim does without a home.
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3").chmod(0o755)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://extra.example/simple")
    assert room.pip_settings() == {"extra-index-url": "https://extra.example/simple"}


def test_another_environment_that_is_active_does_not_leak_into_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/some/where")
    monkeypatch.setenv("PYTHONPATH", "/some/where")
    assert not {"VIRTUAL_ENV", "PYTHONPATH"} & set(uv_environment())
