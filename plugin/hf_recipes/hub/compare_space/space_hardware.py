"""What a compare Space runs on: chosen by the account, with what it costs, and what else there is where the Hub refuses it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hf_recipes.catalog.backend_names import ZERO
from hf_recipes.catalog.hardware import FREE_SPACE
from hf_recipes.hub.account import Account
from hf_recipes.hub.errors import HubFailed, hub_errors, retrying, words_of
from hf_recipes.hub.prices import price

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Say = Callable[[str], None]

ZERO_RULE = (
    "an account without PRO may have 2 Spaces on ZeroGPU, once it is 30 days old and its email is verified"
    " (hf-recipes space list, hf-recipes space delete)"
)
INSTEAD = "without it, hf-recipes compare RUN shows the page on this machine"
OR_WITHOUT = "without --hardware the page gets what your account may have, and hf-recipes compare RUN shows it on this machine"
OF_THE_TOKEN = re.compile(r"\b(token|rights?|permissions?)\b", re.IGNORECASE)


def chosen(wished: str | None, space: str, who: Account, say: Say) -> str | None:
    """What a new Space is asked for, said with the reason in one line. None: the Hub's own default, `cpu-basic`."""
    if wished is not None:
        if wished == ZERO:
            say(f"hardware: {ZERO}, as asked for; it costs nothing, and the page answers on its CPU")
        return wished
    if who.pro:
        say(f"hardware: {FREE_SPACE}, which costs nothing by the hour")
        return None
    if space.partition("/")[0] != who.name:  # an organization, whose plan counts
        say(f"hardware: {FREE_SPACE}, which costs nothing by the hour where {space} has a plan")
        return None
    say(
        f"hardware: {ZERO}, since {who.name} has no PRO plan, which {FREE_SPACE} takes;"
        " it costs nothing, and the page answers on its CPU"
    )
    return ZERO


@contextmanager
def refusals(doing: str, hardware: str | None) -> Iterator[None]:
    """As hub_errors, and says what works instead where an account may not have the hardware."""
    try:
        with hub_errors(doing):
            yield
    except HubFailed as failure:
        words = words_of(failure)
        if hardware == ZERO and failure.status in (400, 402, 403) and not OF_THE_TOKEN.search(words):
            message = f"{doing}: the Hub refuses it ({failure.status}){words}; {ZERO_RULE}; {INSTEAD}"
        elif failure.reason == "no_plan":
            message = f"{failure}; {INSTEAD if hardware is None else OR_WITHOUT}"
        else:
            raise
        raise HubFailed(failure.reason, message, status=failure.status) from failure


def say_asked(models: Mapping[str, str], hardware: str | None, client: HfApi, say: Say) -> None:
    """What the models' own recipes ask for, as `compare.hardware`. It is not taken unasked, since it costs."""
    for name in models:
        asked = _asked_by(name, client)
        if asked is not None and is_paid(asked):
            say(
                f"the recipe of {name} asks for {asked}, and this page is made on {hardware or FREE_SPACE}, which costs nothing by the hour;"
                f" for the other, paid for by the hour: hf-recipes space deploy --hardware {asked}"
            )


def _asked_by(model: str, client: HfApi) -> str | None:
    import yaml

    try:
        with hub_errors(f"reading the recipe of {model}"):
            path = retrying(lambda: client.hf_hub_download(model, "recipe.yml"))
        recipe = yaml.safe_load(Path(path).read_text("utf-8"))
        asked = recipe["compare"]["hardware"]
    except (HubFailed, OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None  # no recipe, or one that says nothing of it
    return asked if isinstance(asked, str) and re.fullmatch(r"[\w-]+", asked) else None


def is_paid(hardware: str | None) -> bool:
    return hardware not in (None, FREE_SPACE, ZERO)


def tell_price(hardware: str | None, client: HfApi, say: Say) -> None:
    if hardware is not None and is_paid(hardware):
        known = price(f"spaces-{hardware}", client=client).per_hour
        rate = "is paid for by the hour" if known is None else f"costs ${known:.2f} an hour"
        say(f"{hardware} {rate} while it runs; it sleeps after an hour without visitors")
