"""What a run of a recipe would be: the job, where each parameter came from, what the data holds, what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from hf_recipes.api.checked import CheckedRecipe
from hf_recipes.catalog.hardware import machine_for
from hf_recipes.estimates import prices, timeout, training
from hf_recipes.estimates.model_size import Base
from hf_recipes.estimates.prices import Cost
from hf_recipes.estimates.training import TrainingEstimate
from hf_recipes.estimates.updates import updates
from hf_recipes.record.job import Job


@dataclass(frozen=True)
class Plan:
    job: Job
    sources: Mapping[str, str]
    """Parameter → `recipe`, `chosen by us`, or the engine's default."""
    data: Mapping[str, object]
    """What hf_recipes.steps.prepare.inspect answered: rows, columns, tokens, examples, notes, unread."""
    training: TrainingEstimate | None = None
    """None where the size of the base is not known."""
    updates: Mapping[str, object] | None = None
    cost: Cost | None = None
    """None on this machine, which costs nothing."""
    tunable: Mapping[str, object] = field(default_factory=dict)
    """Reasons against tuning this base: hf_recipes.api.tunable. Empty if not asked for."""


def make_plan(checked: CheckedRecipe, data: Mapping[str, object]) -> Plan:
    """Join a recipe's job with what was read of its data."""
    job, size = checked.job, checked.base
    facts = checked.engine.training_facts(job.settled)
    there = machine_for(job.backend, checked.machine)
    unread = data.get("unread")
    named = dict(unread) if isinstance(unread, Mapping) else {}
    estimated = None
    if isinstance(size, Base):
        estimated = training.estimate_training(size, facts, there, _train_tokens(data))
        # What the data's own reading could not say about the base is known after all.
        named = {what: why for what, why in named.items() if what != "base_parameters"}
    else:
        named["base_parameters"] = size
    return Plan(
        job,
        checked.engine.sources(checked.recipe, job.overrides),
        {**data, "unread": named},
        estimated,
        updates(_examples(data), facts, len(there.gpus)),
    )


def plan_as_json(plan: Plan) -> dict[str, object]:
    """The document that `plan --json` prints."""
    return {
        "engine": plan.job.engine,
        "backend": plan.job.backend,
        "params": dict(plan.job.params),
        "overrides": {name: asdict(override) for name, override in plan.job.overrides.items()},
        "sources": dict(plan.sources),
        "steps": [asdict(step) for step in plan.job.steps],
        "data": dict(plan.data),
        "estimate": estimate_section(plan),
        **({"tunable": dict(plan.tunable)} if plan.tunable else {}),
    }


def estimate_section(plan: Plan) -> dict[str, object]:
    """`estimate` of the document; what cannot be estimated is absent."""
    found: dict[str, object] = {"note": "estimate"}
    if plan.training is not None:
        found |= training.estimate_as_json(plan.training)
    if plan.updates is not None:
        found["updates"] = dict(plan.updates)
    if plan.cost is not None:
        found["cost"] = prices.cost_as_json(plan.cost)
        if plan.cost.price.per_hour != 0:
            found["timeout"] = timeout.timeout_as_json(plan.job.backend, plan.cost.hours)
    return found


def _examples(data: Mapping[str, object]) -> int:
    """What a batch is made of in one epoch, as far as it was counted: packed blocks or rows; 0 where that is not known."""
    tokens, rows = data.get("tokens"), data.get("rows")
    counted = tokens.get("examples") if isinstance(tokens, Mapping) and tokens else None
    if not tokens and isinstance(rows, Mapping):
        counted = rows.get("train")
    return counted if isinstance(counted, int) else 0


def _train_tokens(data: Mapping[str, object]) -> int | None:
    """Tokens that one epoch sees, where they were counted: of a preference pair the prompt twice, of long rows what is kept."""
    tokens = data.get("tokens")
    total = tokens.get("kept", tokens.get("train_total")) if isinstance(tokens, Mapping) else None
    return total if isinstance(total, int) else None
