"""Who is logged in, and the client that speaks for them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hf_recipes.hub.errors import LOGIN, HubFailed, hub_errors, retrying

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True)
class Account:
    name: str
    role: str
    """What the token may do: read, write or fineGrained, as the Hub says it; oauth for one of a login in the browser."""
    orgs: frozenset[str] = frozenset()
    """The organizations that it belongs to, as far as the token shows them."""
    pro: bool = True
    """Whether it has the PRO plan; also where the Hub does not say."""

    def belongs_to(self, namespace: str) -> bool:
        """Whether repos may be made there. A token that reaches less than its owner need not show all organizations."""
        return namespace in (self.name, *self.orgs) or self.role != "write"

    @property
    def may_write(self) -> bool:
        """For a fine-grained token or a browser login this is known only when it is used."""
        return self.role != "read"


def api(token: str | None = None) -> HfApi:
    """The Hub's client, with the endpoint and the token (where none is given) as huggingface_hub finds them. Raises HubFailed."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from huggingface_hub import HfApi, get_token

    with hub_errors("reading your Hugging Face token"):
        token = token or get_token()
    # Explicit, since huggingface_hub reads HF_ENDPOINT only once. No token at all: not one that turns up later either.
    return HfApi(
        endpoint=os.environ.get("HF_ENDPOINT") or None, token=token or False, library_name="hf-recipes"
    )


def account(client: HfApi | None = None) -> Account:
    """Who the token belongs to. Raises HubFailed: not_logged_in, token_invalid, …"""
    client = client or api()
    if not client.token:
        raise HubFailed("not_logged_in", f"you are not logged in to Hugging Face; {LOGIN}")
    with hub_errors("asking the Hub who you are"):
        # Once a client: the Hub allows but few of these, and a run that starts asks several times.
        answer = retrying(lambda: client.whoami(cache=True))
    token = (answer.get("auth") or {}).get("accessToken") or {}
    orgs = frozenset(str(org["name"]) for org in answer.get("orgs") or () if org.get("name"))
    pro = answer.get("isPro") is not False
    return Account(str(answer["name"]), str(token.get("role") or "oauth"), orgs, pro)


def writer(client: HfApi | None = None, *, doing: str) -> Account:
    """The account, when its token may write. Raises HubFailed: forbidden for one that only reads."""
    who = account(client)
    if not who.may_write:
        raise HubFailed(
            "forbidden",
            f"{doing}: the token of {who.name} may only read; make one with write access at "
            f"huggingface.co/settings/tokens, then {LOGIN}",
            status=403,
        )
    return who
