"""Where models are put: on a GPU that is there, and not on one that is only said to be."""

from __future__ import annotations

import pytest
import torch

from hf_recipes.inference.device import on_gpu


def test_a_gpu_counts_that_torch_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    for seen in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda seen=seen: seen)
        assert on_gpu() is seen


def test_on_zerogpu_torch_always_sees_one_and_it_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert on_gpu() is False
