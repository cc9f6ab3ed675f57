"""What a run elsewhere costs: the price of its hardware by the hour, and the hours that it may take."""

from __future__ import annotations

from dataclasses import dataclass

from hf_recipes.catalog.hardware import FREE_SPACE, flavor_of

AS_OF = "2026-08-22"
"""The day of the documentation that the table is taken from: huggingface.co/docs/hub/jobs-pricing and spaces-gpus."""
# Flavor → US dollars an hour.
PRICES: dict[str, float] = {
    "cpu-basic": 0.01,
    "cpu-upgrade": 0.03,
    "cpu-xl": 1.00,
    "cpu-performance": 1.90,
    "t4-small": 0.40,
    "t4-medium": 0.60,
    "l4x1": 0.80,
    "l4x4": 3.80,
    "l40sx1": 1.80,
    "l40sx4": 8.30,
    "l40sx8": 23.50,
    "a10g-small": 1.00,
    "a10g-large": 1.50,
    "a10g-largex2": 3.00,
    "a10g-largex4": 5.00,
    "a100-large": 2.50,
    "a100x4": 10.00,
    "a100x8": 20.00,
    "h200": 5.00,
    "h200x2": 10.00,
    "h200x4": 20.00,
    "h200x8": 40.00,
    "rtx-pro-6000": 2.75,
    "rtx-pro-6000x2": 5.50,
    "rtx-pro-6000x4": 11.00,
    "rtx-pro-6000x8": 22.00,
}
SECONDS_AROUND = 1800
"""Allowed for what an estimate of the training leaves out: environments, preparing, answering, the push."""
FREE = "free with a PRO account"
"""Which alone may make such Spaces since July 2026: huggingface.co/docs/hub/spaces-overview."""
ASK_ABOVE = 5.0
"""US dollars that a run may cost without anyone being asked, where the recipe has no max_cost."""


@dataclass(frozen=True)
class Price:
    per_hour: float | None
    """US dollars; None where it is not known."""
    source: str


@dataclass(frozen=True)
class Cost:
    hardware: str
    price: Price
    hours: float | None
    """Estimated hours of the whole run; None if its training cannot be estimated."""

    @property
    def dollars(self) -> float | None:
        if self.price.per_hour == 0:
            return 0.0
        if self.price.per_hour is None or self.hours is None:
            return None
        return self.price.per_hour * self.hours


def listed_price(backend: str) -> Price:
    """The price in the table above."""
    flavor = flavor_of(backend)
    if backend.startswith("spaces-") and flavor == FREE_SPACE:
        return Price(0.0, f"Hugging Face's documentation of {AS_OF}")
    if flavor not in PRICES:
        return Price(None, f"not in the table of {AS_OF}")
    return Price(PRICES[flavor], f"Hugging Face's documentation of {AS_OF}")


def cost(backend: str, price: Price, seconds: float | None) -> Cost:
    """`seconds`: of the training alone; None where that cannot be estimated."""
    hours = None if seconds is None else (seconds + SECONDS_AROUND) / 3600
    return Cost(flavor_of(backend), price, hours)


def cost_as_json(cost: Cost) -> dict[str, object]:
    """What is known of it: `cost` in a plan's estimate."""
    known: dict[str, object | None] = {
        "hardware": cost.hardware,
        "per_hour": cost.price.per_hour,
        "hours": None if cost.hours is None else round(cost.hours, 2),
        "dollars": None if cost.dollars is None else round(cost.dollars, 2),
        "basis": f"{cost.price.source}; hours: training and {SECONDS_AROUND // 60} min around it",
    }
    return {name: value for name, value in known.items() if value is not None}


def cost_in_words(cost: Cost) -> str:
    """`$0.40 an hour for about 2.5 hours: an estimated $1.00`, as far as it is known."""
    if cost.price.per_hour is None:
        return f"the price of {cost.hardware} is not known"
    rate = FREE if cost.price.per_hour == 0 else f"${cost.price.per_hour:.2f} an hour"
    if cost.hours is None:
        return f"{rate}; how long it takes could not be estimated"
    hours = f"about {cost.hours:.1f} hours"
    return f"{rate}, {hours}" if not cost.dollars else f"{rate} for {hours}: an estimated ${cost.dollars:.2f}"


def above(cost: Cost, limit: float | None) -> bool:
    """Whether a person must agree: above the recipe's limit, else above ours, or not known."""
    dollars = cost.dollars
    return dollars is None or dollars > (ASK_ABOVE if limit is None else limit)
