"""The token that a compare Space gets: one that only reads, whatever happens to the Space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.hub.account import api
from hf_recipes.hub.errors import HubFailed, hub_errors, retrying

VARIABLE = "HF_RECIPES_SPACE_TOKEN"
HOW = (
    "make one at huggingface.co/settings/tokens (type: Read, or fine-grained with nothing but read access to the"
    " models' contents)"
)


def check_read_token(token: str, models: Sequence[str], variable: str) -> None:
    """Raises HubFailed where the token may do more than read, or does not read these models. Never shows it."""
    client = api(token)
    with hub_errors(f"asking the Hub what the token in {variable} may do"):
        answer = retrying(client.whoami)
    if not only_reads(answer):
        raise HubFailed(
            "write_token",
            f"the token in {variable} may write, and a Space must only get one that reads; {HOW} and set {variable} to it",
        )
    for model in models:
        with hub_errors(f"reading {model} with the token in {variable}"):
            retrying(lambda model=model: client.model_info(model))  # type: ignore[misc]


def only_reads(answer: Mapping[str, Any]) -> bool:
    """Whether the token, by what whoami says, is a read token or a fine-grained one with read permissions only."""
    token = (answer.get("auth") or {}).get("accessToken") or {}
    if token.get("role") != "fineGrained":
        return bool(token.get("role") == "read")
    fine = token.get("fineGrained") or {}
    permissions = [*(fine.get("global") or ())]
    for scope in fine.get("scoped") or ():
        permissions += scope.get("permissions") or ()
    return all(str(permission).endswith(".read") for permission in permissions)
