"""What translation may know about the hardware. Backends detect it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    name: str
    memory: int
    """Bytes."""


@dataclass(frozen=True)
class Machine:
    cores: int
    memory: int
    """Bytes of main memory that a run may use."""
    gpus: tuple[Gpu, ...] = ()
