"""What training a recipe would take on this machine and on each hardware of Hugging Face: estimates, cheapest first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from hf_recipes.catalog.backend_names import JOB_FLAVORS, backend_names
from hf_recipes.catalog.hardware import FLAVORS, FREE_SPACE, machine_for
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.jobs import translate
from hf_recipes.engines.registry import engine_named
from hf_recipes.estimates import prices, training
from hf_recipes.estimates.model_size import Base
from hf_recipes.estimates.timeout import LONGEST
from hf_recipes.estimates.training import OVERHEAD
from hf_recipes.recipe.model import Recipe

HERE = "this machine"
GIB = 1024**3
BASIS = (
    f"estimates: memory is weights, gradients, optimizer, activations and {OVERHEAD / GIB:.0f} GiB for the rest, or the 16-bit weights that answer, on one device; time is operations by a "
    f"share of the device's peak; elsewhere {prices.SECONDS_AROUND // 60} min around the training; prices of {prices.AS_OF}"
)


@dataclass(frozen=True)
class Offer:
    """None is what cannot be estimated."""

    hardware: str
    backends: tuple[str, ...]
    """As a recipe names them."""
    device: str
    needed: int | None = None
    """Bytes of the device that trains, and answers the test rows afterwards."""
    available: int | None = None
    hours: float | None = None
    """For the whole run elsewhere; for the training alone on this machine."""
    dollars: float | None = None
    why_not: str = ""
    """Empty where it fits, as far as is known."""


def offers(recipe: Recipe, here: Machine, base: Base | None, train_tokens: int | None) -> list[Offer]:
    """Those that fit first, by dollars and hours; then those that do not, each with the reason. `train_tokens`: in one epoch."""
    names = backend_names()
    places: list[tuple[str, tuple[str, ...]]] = [(HERE, ("local",))]
    for flavor in FLAVORS:
        backends = [f"spaces-{flavor}"] if f"spaces-{flavor}" in names else []
        backends += [f"jobs-{flavor}"] if flavor in JOB_FLAVORS else []
        places.append((flavor, tuple(backends)))
    found = [_offer(recipe, hardware, backends, here, base, train_tokens) for hardware, backends in places]
    return sorted(found, key=lambda offer: (bool(offer.why_not), _order(offer.dollars), _order(offer.hours)))


def too_large(found: Sequence[Offer]) -> str | None:
    """A sentence where the memory of no hardware listed is enough."""
    measured = [offer for offer in found if offer.needed is not None and offer.available is not None]
    if (
        not measured
        or len(measured) != len(found)
        or any(_fits(offer.needed, offer.available) for offer in measured)
    ):
        return None
    largest = max(measured, key=lambda offer: offer.available or 0)
    need = min(offer.needed or 0 for offer in measured)
    return (
        f"it is too large for every hardware listed: an estimated {need / GIB:.0f} GiB at the least, and the largest device "
        f"({largest.device}) has {(largest.available or 0) / GIB:.0f} GiB; LoRA (params.peft) with int4, a shorter block_size or a smaller base need less"
    )


def offers_as_json(found: Sequence[Offer]) -> list[dict[str, object]]:
    """What is not known is absent."""
    return [
        {
            name: value
            for name, value in {**asdict(offer), "fits": not offer.why_not}.items()
            if value not in (None, "")
        }
        for offer in found
    ]


def _offer(
    recipe: Recipe,
    hardware: str,
    backends: tuple[str, ...],
    here: Machine,
    base: Base | None,
    train_tokens: int | None,
) -> Offer:
    there = replace(recipe, backend=backends[-1])
    machine = machine_for(there.backend, here)
    device = f"{len(machine.gpus)} × {machine.gpus[0].name}" if machine.gpus else f"{machine.cores} CPU cores"
    size = training.training_memory(machine)
    offer = Offer(hardware, backends, device, available=size)
    if base is None:
        return replace(offer, why_not=_refused(there, here))
    job = translate(there, here, base)
    facts = engine_named(there.engine).training_facts(job.settled)
    estimate = training.estimate_training(base, facts, machine, train_tokens)
    memory = estimate.memory
    needed = None if memory is None or memory.total is None else memory.total + OVERHEAD
    if needed is not None and machine.gpus and any(step.name == "answer" for step in job.steps):
        needed = max(needed, training.answering_bytes(base, facts) + OVERHEAD)
    hours, dollars = _cost(hardware, backends, estimate.time.seconds if estimate.time else None)
    offer = replace(offer, needed=needed, hours=hours, dollars=dollars)
    return replace(offer, why_not=_refused(there, here) or _too_small(offer) or _too_slow(offer))


def _refused(recipe: Recipe, here: Machine) -> str:
    """What the engine says against it there."""
    engine = engine_named(recipe.engine)
    problems = [*engine.check_recipe(recipe, here), *engine.check_run(recipe)]
    return problems[0].message if problems else ""


def _too_small(offer: Offer) -> str:
    if _fits(offer.needed, offer.available):
        return ""
    assert offer.needed is not None and offer.available is not None
    return f"an estimated {offer.needed / GIB:.1f} GiB, and it has {offer.available / GIB:.0f} GiB"


def _too_slow(offer: Offer) -> str:
    if offer.hardware == HERE or offer.hours is None or offer.hours * 3600 <= LONGEST:
        return ""
    return f"an estimated {offer.hours / 24:.0f} days, and {LONGEST // 86400} are the most that we let a run take"


def _fits(needed: int | None, available: int | None) -> bool:
    return needed is None or available is None or needed <= available


def _cost(hardware: str, backends: tuple[str, ...], seconds: int | None) -> tuple[float | None, float | None]:
    """(hours, dollars); `seconds`: of the training alone."""
    if hardware == HERE:
        return (None if seconds is None else seconds / 3600), 0.0
    # The free Space is cheaper than the job on the same hardware.
    backend = backends[0] if hardware == FREE_SPACE else backends[-1]
    cost = prices.cost(backend, prices.listed_price(backend), seconds)
    return cost.hours, cost.dollars


def _order(value: float | None) -> float:
    return math.inf if value is None else value
