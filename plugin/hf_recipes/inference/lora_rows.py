"""A LoRA adapter that is chosen row by row of a batch, for a base and its fine-tune answering in one pass.

peft can do it too (`adapter_names`), at a price: its generic layer took 40 of the 137 ms of a step of SmolLM2-135M for
two rows, as much as the rest of the model for one. Here rows are in order, the base's first, so that a slice will do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional

FEW_ROWS = 128


class AdaptedRows:
    """From which row of the batch on the adapter counts: 0 is all of them."""

    def __init__(self) -> None:
        self.first = 0

    @contextmanager
    def adapted_from(self, first: int) -> Iterator[None]:
        before, self.first = self.first, first
        try:
            yield
        finally:
            self.first = before


class RowLinear(nn.Module):  # type: ignore[misc]  # (torch is not here when types are checked)
    """A linear layer, with the adapter's part added to the rows that want it. The base's weight is never changed."""

    def __init__(self, linear: nn.Linear, rows: AdaptedRows, lora: Any | None, adapter: str) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        self.rows = rows
        self.down = lora.lora_A[adapter].weight if lora is not None else None
        self.up = lora.lora_B[adapter].weight if lora is not None else None
        self.scaling = float(lora.scaling[adapter]) if lora is not None else 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = linear(x, self.weight, self.bias)
        first = self.rows.first
        if self.down is not None and self.up is not None and first < len(x):
            part = functional.linear(functional.linear(x[first:], self.down), self.up)
            out[first:] += part * self.scaling
        return out


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """torch's linear. On some CPUs the product the other way round is up to twice as fast for few rows, since MKL then splits
    the long side over the cores; on others it is slower. The result is the same up to float32's rounding."""
    count = x.shape[:-1].numel()
    if x.device.type != "cpu" or not 1 < count <= FEW_ROWS or not _other_way_is_faster(weight, count):
        return functional.linear(x, weight, bias)
    out = _other_way(x.reshape(count, -1), weight).view(*x.shape[:-1], -1)
    return out if bias is None else out + bias


def _other_way(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return torch.mm(weight, x.t()).t().contiguous()


_FASTER: dict[tuple[int, ...], bool] = {}


def _other_way_is_faster(weight: torch.Tensor, count: int) -> bool:
    """Measured once for each weight shape and each doubling of the rows: no rule holds for every CPU."""
    key = (*weight.shape, count.bit_length())
    if key not in _FASTER:
        x = torch.zeros(count, weight.shape[1], dtype=weight.dtype)
        _FASTER[key] = _seconds(_other_way, x, weight) < _seconds(functional.linear, x, weight)
    return _FASTER[key]


def _seconds(product: Callable[..., torch.Tensor], x: torch.Tensor, weight: torch.Tensor) -> float:
    """The best of a few, since a busy machine makes each slower and none faster."""
    found = []
    for _ in range(5):
        started = time.perf_counter()
        product(x, weight)
        found.append(time.perf_counter() - started)
    return min(found)


def by_rows(model: Any, adapter: str) -> tuple[Any, AdaptedRows]:
    """The base model inside a peft model with RowLinear where the adapter is, and what says which rows adapt.

    The adapter must be plain LoRA on linear layers. Raises ValueError for one on any other layer.
    """
    from peft.tuners.lora import LoraLayer

    rows = AdaptedRows()
    base = model.get_base_model()
    for parent in list(base.modules()):
        if isinstance(parent, LoraLayer):
            continue
        for name, child in list(parent.named_children()):
            if isinstance(child, LoraLayer):
                if type(child.base_layer) is not nn.Linear:
                    raise ValueError(f"LoRA on a {type(child.base_layer).__name__} cannot share its base")
                setattr(parent, name, RowLinear(child.base_layer, rows, child, adapter))
            elif type(child) is nn.Linear and child.weight.device.type == "cpu":
                setattr(parent, name, RowLinear(child, rows, None, adapter))
    return base.requires_grad_(False).eval(), rows


def without_rows(base: Any) -> Any:
    """What `by_rows` was given a peft model of: plain linear layers again, around the same weights."""
    for parent in list(base.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, RowLinear):
                height, width = child.weight.shape
                plain = nn.Linear(width, height, bias=child.bias is not None, device="meta")
                plain.weight, plain.bias = child.weight, child.bias
                setattr(parent, name, plain.eval())
    # peft leaves its mark on the model and warns when it finds one.
    if hasattr(base, "peft_config"):
        del base.peft_config
    return base
