"""What a training is, in no engine's words: the facts that memory, time and the number of updates follow from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TrainingFacts:
    """None is what is not known, or what the trainer has no limit for."""

    tokens_per_row: int | None = None
    """The longest row that the trainer sees at once."""
    texts_per_row: int = 1
    """Two for preference pairs."""
    batch_size: int | None = None
    """Rows that one device takes at once."""
    accumulation: int | None = 1
    """Batches for one update of the weights."""
    epochs: float | None = None
    packed: bool = False
    """Whether rows are joined into blocks of tokens_per_row."""
    precision: str = "float32"
    """What is computed in: float32, fp16 or bf16."""
    quantization: str | None = None
    """int8 or int4, for frozen weights."""
    lora_rank: int | None = None
    """None where every weight is trained."""
    adapter: bool = False
    every_linear: bool = True
    """Whether an adapter changes every linear layer."""
    dropout: bool = False
    """Whether the adapter's input is dropped out."""
    merged: bool = False
    """Whether the adapter is merged into the base at the end."""
    checkpointing: bool = False
    """Whether activations are computed again instead of kept."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """A fact's name → the recipe's key that sets it, for advice."""

    @property
    def half(self) -> bool:
        """Whether numbers of 16 bits are computed with."""
        return self.precision in ("fp16", "bf16")
