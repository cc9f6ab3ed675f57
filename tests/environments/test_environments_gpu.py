"""A GPU that is rented is used: where the driver is too old for the torch of the index, one for its driver is fetched."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import environments
from hf_recipes.backends.huggingface.container.work import _Work
from hf_recipes.environments import make
from hf_recipes.environments.sets import RequirementSet
from hf_recipes.record.create import plain

TOO_OLD = "The NVIDIA driver on your system is too old (found version 12090). Please update your GPU driver by downloading"
TORCH = """
class version:
    cuda = {cuda!r}
class cuda:
    is_available = staticmethod(lambda: {usable})
    @staticmethod
    def init():
        raise RuntimeError({words!r})
"""


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nvidia-smi lists a GPU."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: Tesla T4 (UUID: GPU-1)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """torch(cuda, usable) puts such a torch where every Python finds it."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))

    def put(cuda: str | None, *, usable: bool) -> None:
        (folder / "torch.py").write_text(TORCH.format(cuda=cuda, usable=usable, words=TOO_OLD))

    return put


def test_what_torch_says_of_a_driver_that_is_too_old(gpu: None, torch: Callable[..., None]) -> None:
    python = Path(sys.executable)
    torch("13.0", usable=False)
    said = environments.unusable(python)
    assert said == "The NVIDIA driver on your system is too old (found version 12090)"
    torch("13.0", usable=True)
    assert environments.unusable(python) == ""
    torch(None, usable=False)
    assert environments.unusable(python) == "", "a torch for CPUs is somebody's choice"


def test_without_a_gpu_or_with_hidden_ones_nothing_is_asked(
    torch: Callable[..., None], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch("13.0", usable=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert environments.unusable(Path(sys.executable)) == ""
    request.getfixturevalue("gpu")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert environments.unusable(Path(sys.executable)) == ""


@pytest.mark.usefixtures("offline")
def test_an_environment_whose_torch_cannot_use_the_gpu_gets_one_for_its_driver(
    gpu: None,
    torch: Callable[..., None],
    tiny: Callable[[str], RequirementSet],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch("13.0", usable=False)
    again: list[list[str]] = []

    def uv(arguments: list[str], **_: Any) -> None:
        again.append(arguments)
        torch("12.9", usable=True)

    monkeypatch.setattr("hf_recipes.environments.gpu.run_uv", uv)
    said: list[str] = []
    python = make.ensure_set(tiny("tinyone==1.0\n"), say=said.append)
    (command,) = again
    assert command[:2] == ["pip", "install"] and command[command.index("--torch-backend") + 1] == "auto"
    assert command[command.index("--reinstall-package") + 1] == "torch"
    assert any("too old (found version 12090)" in line for line in said)
    assert environments.unusable(python) == ""


@pytest.mark.usefixtures("offline")
def test_an_environment_is_made_all_the_same_where_there_is_no_other_torch(
    gpu: None, torch: Callable[..., None], tiny: Callable[[str], RequirementSet]
) -> None:
    """With the real uv, which reaches no index here."""
    torch("13.0", usable=False)
    said: list[str] = []
    python = make.ensure_set(tiny("tinyone==1.0\n"), say=said.append)
    assert python.exists() and any("there is none" in line for line in said)


def test_a_container_with_a_gpu_that_torch_cannot_use_trains_nothing_at_its_price(
    gpu: None,
    torch: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    make_job: Callable[..., Any],
    make_step: Callable[..., Any],
) -> None:
    torch("13.0", usable=False)
    job = make_job(make_step("train", "", "autotrain"))
    (tmp_path / "job.json").write_text(json.dumps(plain(job)))
    monkeypatch.setattr(environments, "ensure", lambda name, say: Path(sys.executable))
    work = _Work(tmp_path, None)  # type: ignore[arg-type]
    with pytest.raises(
        environments.EnvironmentFailed, match="cannot use the GPU of this machine: The NVIDIA"
    ):
        work._environments()
    torch("13.0", usable=True)
    assert work._environments() == {"autotrain": Path(sys.executable)}
