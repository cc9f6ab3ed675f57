"""Memory and time that training may take: estimates, each with its basis. What cannot be estimated is None.

Sources of the formulas:
- weights, gradients and Adam's two moments in float32, 4 bytes each: Rajbhandari et al. 2020, "ZeRO", section 3.1;
  Hugging Face, "Model training anatomy". Weights are taken for float32 whatever is computed in, as the default engine loads them.
- activations kept for the backward pass: counted with transformers 4.48, as what autograd keeps of a layer of
  Qwen2 (tests/engines/kept_side.py counts again). The 34 bytes × tokens × hidden width of Korthikanti et al. 2022 are of a
  layer without a gated MLP, and without the copies that LoRA's dropout and mixed precision keep: 2 to 4 times too few here.
  torch's fused attention keeps no matrix. With checkpointing it is each layer's input, and one layer.
- mixed precision keeps the weights twice, in 32 and in 16 bits: Hugging Face, "Model training anatomy".
- arithmetic: Kaplan et al. 2020, "Scaling Laws for Neural Language Models", section 2.1: a forward pass costs
  2 × parameters × tokens operations, a backward pass twice that. Frozen weights (LoRA) need no gradient of their own,
  which halves the backward pass; checkpointing repeats the forward pass.
- 4-bit weights: Dettmers et al. 2023, "QLoRA", section 3: 0.5 byte a weight and one float32 scale a block of 64.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

from hf_recipes.catalog.machine import Machine
from hf_recipes.estimates.facts import TrainingFacts
from hf_recipes.estimates.model_size import Base

FLOAT32, HALF = 4, 2
WEIGHT_BYTES = {"int8": 1.0, "int4": 0.5 + 4 / 64}
LOGITS_COPIES = 4
"""In float32: the output layer's scores, those moved by a token, their softmax, and a gradient. Counted as the peak is: 14 to 16
bytes × tokens × vocabulary."""
OVERHEAD = 1024**3
"""Bytes for Python, torch and the data, which the estimate of memory leaves out."""


@dataclass(frozen=True)
class Kept:
    """Bytes that a layer keeps of each token: × its hidden width, and × the width of its MLP."""

    hidden: int
    intermediate: int

    def __add__(self, more: Kept) -> Kept:
        return Kept(self.hidden + more.hidden, self.intermediate + more.intermediate)


# By bytes of a number: 2 with mixed precision.
WHOLE = {HALF: Kept(36, 8), FLOAT32: Kept(44, 16)}
ADAPTED = {HALF: Kept(29, 8), FLOAT32: Kept(37, 16)}
DROPPED_OUT = {HALF: Kept(24, 4), FLOAT32: Kept(36, 4)}
QUANTIZED = {HALF: Kept(0, 6), FLOAT32: Kept(0, 0)}
"""What bitsandbytes' layers give on is float32, whatever goes in."""

# Measured: full fine-tuning of 134.5 M parameters, float32, 2 cores: about 160 tokens/s. 6 × 134.5e6 × 160 / 2.
CPU_RATE_PER_CORE = 6 * 134.5e6 * 160 / 2
# GPU → peak of dense operations/s from the makers' datasheets: (float32, 16 bits with tensor cores).
GPU_PEAK = {
    "T4": (8.1e12, 65e12),
    "L4": (30.3e12, 121e12),
    "A10": (31.2e12, 125e12),
    "A10G": (31.2e12, 70e12),
    "L40S": (91.6e12, 362e12),
    "A100": (19.5e12, 312e12),
    "H100": (67e12, 989e12),
    "H200": (67e12, 989e12),
}
GPU_UTILISATION = 0.3
"""The share of the peak that training reaches; 0.3 to 0.5 is usual (Chowdhery et al. 2022, "PaLM", table 3)."""


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    weights: int
    gradients: int
    optimizer: int
    activations: int | None
    """None where the model's widths are not known."""

    @property
    def total(self) -> int | None:
        if self.activations is None:
            return None
        return self.weights + self.gradients + self.optimizer + self.activations


def trainable(base: Base, facts: TrainingFacts) -> int | None:
    """Parameters that training changes: all, or the LoRA matrices of every linear layer; None for other targets."""
    return _at_most_trainable(base, facts) if facts.every_linear else None


def _at_most_trainable(base: Base, facts: TrainingFacts) -> int | None:
    """As if LoRA's targets were every linear layer."""
    if not facts.adapter:
        return base.parameters
    if base.linear is None or facts.lora_rank is None:
        return None
    return facts.lora_rank * base.linear


def memory(base: Base, facts: TrainingFacts) -> Memory | None:
    """What one device holds while it trains, at the most; None where the trained share is not known."""
    trained = _at_most_trainable(base, facts)
    if trained is None:
        return None
    adapter = trained if facts.adapter else 0
    return Memory(
        weights=_weights(base, facts) + FLOAT32 * adapter,
        gradients=FLOAT32 * trained,
        optimizer=2 * FLOAT32 * trained,
        activations=activations(base, facts),
    )


def _weights(base: Base, facts: TrainingFacts) -> int:
    """Embedding and output layer are never quantized: peft makes them float32, and trl with bf16 alone 16 bits again."""
    if facts.quantization not in WEIGHT_BYTES:
        recomputed = facts.adapter and facts.checkpointing
        copies = HALF if facts.half and not recomputed else 0
        return (FLOAT32 + copies) * base.parameters
    embedding = base.embedding or (base.vocabulary or 0) * (base.hidden or 0)
    embedding = min(base.parameters, embedding)
    width = HALF if facts.precision == "bf16" else FLOAT32
    return round((base.parameters - embedding) * WEIGHT_BYTES[facts.quantization]) + width * embedding


def answering_bytes(base: Base, facts: TrainingFacts) -> int:
    """Bytes of the weights that answer the test rows on a GPU: the base in 16 bits, and beside it what was trained as a whole."""
    return HALF * base.parameters * (1 if facts.adapter and not facts.merged else 2)


def activations(base: Base, facts: TrainingFacts) -> int | None:
    """Bytes kept for one backward pass over a full batch."""
    length, batch = facts.tokens_per_row, facts.batch_size
    if not (length and batch and base.layers and base.hidden and base.vocabulary):
        return None
    tokens = length * batch * facts.texts_per_row
    kept = _kept(facts)
    layer = tokens * (kept.hidden * base.hidden + kept.intermediate * (base.intermediate or 4 * base.hidden))
    logits = LOGITS_COPIES * FLOAT32 * tokens * base.vocabulary
    if not facts.checkpointing:
        return base.layers * layer + logits
    return base.layers * _width(facts) * tokens * base.hidden + layer + logits


def _width(facts: TrainingFacts) -> int:
    return HALF if facts.half else FLOAT32


def _kept(facts: TrainingFacts) -> Kept:
    """LoRA's targets are taken for every linear layer, as everywhere here."""
    width = _width(facts)
    if not facts.adapter:
        return WHOLE[width]
    kept = ADAPTED[width]
    if facts.dropout:
        kept += DROPPED_OUT[width]
    return kept + QUANTIZED[width] if facts.quantization else kept


def operations_per_token(base: Base, facts: TrainingFacts) -> int:
    passes = 2 + (2 if facts.adapter else 4) + (2 if facts.checkpointing else 0)
    return passes * base.parameters


def rate(machine: Machine, facts: TrainingFacts) -> tuple[float, str] | None:
    """Operations a second of the whole machine, and the basis; None for a GPU that is not in the table."""
    if not machine.gpus:
        return CPU_RATE_PER_CORE * machine.cores, (
            "full fine-tuning of 134.5M parameters measured at about 160 tokens/s, float32, 2 cores"
        )
    # A whole word: an L40 is no L4, and an RTX A1000 no A10.
    name = next((name for name in GPU_PEAK if re.search(rf"\b{name}\b", machine.gpus[0].name)), None)
    if name is None:
        return None
    peak = GPU_PEAK[name][1 if _width(facts) == HALF else 0] * len(machine.gpus)
    return (
        peak * GPU_UTILISATION,
        f"{GPU_UTILISATION:.0%} of the datasheet's peak of {len(machine.gpus)} × {name}",
    )


def training_memory(machine: Machine) -> int | None:
    """Bytes on the device that trains: a GPU's where there is one. None where it is not known."""
    size = machine.gpus[0].memory if machine.gpus else machine.memory
    return size or None


@dataclass(frozen=True)
class TrainingTime:
    seconds: int
    tokens: int
    operations_per_token: int
    operations_per_second: int
    basis: str


@dataclass(frozen=True)
class TrainingEstimate:
    """None is what cannot be estimated."""

    base: Base
    facts: TrainingFacts
    trainable: int | None
    """Parameters that training changes."""
    memory: Memory | None
    available: int | None
    """Bytes on the device that trains."""
    time: TrainingTime | None
    """The training alone."""


def estimate_training(
    base: Base, facts: TrainingFacts, machine: Machine, train_tokens: int | None
) -> TrainingEstimate:
    """`train_tokens`: in one epoch; None where they were not counted."""
    time = _time(base, facts, machine, train_tokens)
    return TrainingEstimate(
        base, facts, trainable(base, facts), memory(base, facts), training_memory(machine), time
    )


def estimate_as_json(estimate: TrainingEstimate) -> dict[str, object]:
    """What cannot be estimated is absent."""
    base, facts, held = estimate.base, estimate.facts, estimate.memory
    found: dict[str, object] = {
        "note": "estimate",
        "parameters": {"value": base.parameters, "basis": base.source},
    }
    if estimate.trainable is not None:
        basis = "LoRA" if facts.adapter else "all"
        found["trainable_parameters"] = {"value": estimate.trainable, "basis": basis}
    if held is not None:
        parts = {**asdict(held), "total": held.total, "available": estimate.available}
        known = {name: value for name, value in parts.items() if value is not None}
        found["memory_bytes"] = {**known, "basis": _memory_basis(facts)}
    if estimate.time is not None:
        found["time"] = asdict(estimate.time)
    return found


def short_of_memory(estimate: TrainingEstimate) -> str:
    """A sentence if training takes more memory than the device has, else nothing."""
    total, size = estimate.memory.total if estimate.memory else None, estimate.available
    if total is None or size is None or total <= size:
        return ""
    return (
        f"training takes an estimated {total / 2**30:.0f} GiB on a device that has {size / 2**30:.0f}, and will most likely run out of "
        "memory; hf-recipes decide lists the hardware that fits, and int4 with LoRA, a smaller batch or shorter rows need less"
    )


def _memory_basis(facts: TrainingFacts) -> str:
    weights = facts.quantization or "float32"
    trained = "what is trained" if facts.every_linear else "every linear layer's LoRA, at the most"
    return (
        f"{weights} weights; float32 gradients and two float32 Adam moments of {trained}; activations of "
        f"{facts.batch_size} rows of {facts.tokens_per_row} tokens"
    )


def _time(
    base: Base, facts: TrainingFacts, machine: Machine, train_tokens: int | None
) -> TrainingTime | None:
    speed = rate(machine, facts)
    if train_tokens is None or speed is None or facts.epochs is None:
        return None
    tokens = round(train_tokens * facts.epochs)
    per_token = operations_per_token(base, facts)
    return TrainingTime(
        seconds=round(per_token * tokens / speed[0]),
        tokens=tokens,
        operations_per_token=per_token,
        operations_per_second=round(speed[0]),
        basis=f"{per_token // base.parameters} × parameters × tokens; {speed[1]}",
    )
