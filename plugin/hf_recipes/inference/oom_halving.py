"""Rows that are worked on together, and in halves where a GPU's memory is too small for all of them.

How much a batch takes is known only once it runs; and what runs out of memory then is the last step of a training that was paid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Row = TypeVar("Row")
Result = TypeVar("Result")


def in_halves(work: Callable[[Sequence[Row]], Sequence[Result]], rows: Sequence[Row]) -> list[Result]:
    """What `work` makes of the rows, in their order. Raises torch's error where a single row is too much."""
    import torch

    try:
        return list(work(rows))
    except torch.cuda.OutOfMemoryError:
        if len(rows) == 1:
            raise
    # Free memory only here: inside `except` the traceback keeps the tensors alive.
    torch.cuda.empty_cache()
    middle = len(rows) // 2
    return [*in_halves(work, rows[:middle]), *in_halves(work, rows[middle:])]
