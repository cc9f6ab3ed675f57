"""What hardware costs today, as the Hub lists it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hf_recipes.catalog.hardware import flavor_of
from hf_recipes.estimates import prices
from hf_recipes.estimates.prices import Price

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SECONDS = 5.0
"""For the Hub to answer; a price from the table is good enough for a plan without a connection."""
HOURS = {"second": 3600, "minute": 60, "hour": 1}
"""Label of the unit that a price is for → units in an hour."""


def price(backend: str, *, client: HfApi | None = None, seconds: float = SECONDS) -> Price:
    """By the Hub's list of the moment, else by the dated table. Never raises."""
    found: list[float | None] = []
    # In a thread, since the client itself waits longer than a person who plans.
    asking = threading.Thread(target=lambda: found.append(_listed(backend, client)), daemon=True)
    asking.start()
    asking.join(seconds)
    if found and found[0] is not None:
        return Price(found[0], "the Hub's list of today")
    return prices.listed_price(backend)


def _listed(backend: str, client: HfApi | None) -> float | None:
    from hf_recipes.hub.account import api

    try:
        client = client or api()
        listed = (
            client.list_spaces_hardware() if backend.startswith("spaces-") else client.list_jobs_hardware()
        )
        priced = next((flavor for flavor in listed if flavor.name == flavor_of(backend)), None)
        return None if priced is None else round(priced.unit_cost_usd * HOURS[priced.unit_label], 2)
    except Exception:  # no connection, no such list, a list of another form: the table serves
        return None
