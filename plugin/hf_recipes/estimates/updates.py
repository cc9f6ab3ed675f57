"""How often training will change the weights, as transformers' Trainer counts it."""

from __future__ import annotations

import math

from hf_recipes.estimates.facts import TrainingFacts

FEW = 20
"""Updates below which next to nothing is learned. A rule of thumb of ours: the warm-up alone takes a tenth of them."""


def updates(examples: int, facts: TrainingFacts, gpus: int) -> dict[str, object] | None:
    """`value`, what it is made of, and in `warning` a sentence where it is next to nothing; None where it cannot be known.

    `examples`: what a batch is made of, rows or packed blocks. Trainer drops what does not fill an accumulation, unless that
    leaves no update at all.
    """
    batch, accumulation, epochs = facts.batch_size, facts.accumulation, facts.epochs
    if batch is None or accumulation is None or epochs is None or examples < 1:
        return None
    batches = math.ceil(examples / (batch * max(1, gpus)))
    each = max(1, batches // accumulation)
    value = math.ceil(epochs * each)
    parts = [f"{examples:,} {'blocks' if facts.packed else 'rows'}", f"{_name(facts, 'batch_size')} {batch}"]
    parts += [f"{_name(facts, 'accumulation')} {accumulation}"] if accumulation != 1 else []
    parts += [f"{gpus} GPUs"] if gpus > 1 else []
    parts.append(f"{epochs} epoch{'' if epochs == 1 else 's'}")
    found: dict[str, object] = {
        "value": value,
        "an_epoch": each,
        "examples": examples,
        "basis": ", ".join(parts),
    }
    if value < FEW:
        found["warning"] = (
            f"{value} update{'' if value == 1 else 's'} of the weights {'is' if value == 1 else 'are'} next to nothing; "
            f"{_remedy(facts)}"
        )
    return found


def _remedy(facts: TrainingFacts) -> str:
    """What makes more of them, the strongest first."""
    smaller = ["accumulation"] if facts.accumulation != 1 else []
    smaller += ["batch_size"] if facts.batch_size != 1 else []
    smaller += ["tokens_per_row"] if facts.packed else []
    named = " and ".join(facts.keys.get(name, name) for name in smaller[:2])
    more = f"more {facts.keys.get('epochs', 'epochs')} or more rows make more"
    return f"a smaller {named}, {more}" if named else more


def _name(facts: TrainingFacts, fact: str) -> str:
    """The last part of the recipe's key."""
    return facts.keys.get(fact, fact).rpartition(".")[2]
