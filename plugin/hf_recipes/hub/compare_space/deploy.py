"""The compare Space: a page on the Hub where anyone tries pushed models beside their bases. Deployed, updated, listed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from hf_recipes.catalog.hardware import FREE_SPACE
from hf_recipes.hub.account import api, writer
from hf_recipes.hub.blob import blob_id
from hf_recipes.hub.compare_space import read_token, space_hardware
from hf_recipes.hub.compare_space.files import LIST, files
from hf_recipes.hub.compare_space.pages import Existing, existing, space_id
from hf_recipes.hub.errors import HubFailed, hub_errors, retrying

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, SpaceHardware

Say = Callable[[str], None]

MODEL_TAG = "hf-recipes"
SECRET = "HF_TOKEN"
VARIABLES = {"HF_RECIPES_COMPARE": LIST}
"""Where the page finds its list of models."""
SLEEP = 3600
"""Seconds without a visitor after which paid hardware is given back; the Hub's own default is never."""


@dataclass(frozen=True)
class Wish:
    """What a person asks for. None: as it is, and for a new Space private on free hardware."""

    models: tuple[str, ...] = ()
    """Empty: all of the account that carry our tag."""
    repo: str | None = None
    title: str | None = None
    hardware: str | None = None
    public: bool | None = None
    show_private: bool = False
    """Whether private models may stand on a public page."""
    token_variable: str = read_token.VARIABLE


@dataclass(frozen=True)
class Deployed:
    space: str
    url: str
    models: tuple[str, ...]
    private: bool
    commit: str
    changed: bool
    """Whether there was anything to commit."""


def deploy(wish: Wish, *, say: Say) -> Deployed:
    """Make the Space or bring it up to date, in one commit. Raises HubFailed."""
    client = api()
    who = writer(client, doing="deploying a compare Space")
    owner = who.name
    models = _checked(wish.models, client) if wish.models else _tagged(owner, client)
    space = space_id(wish.repo, owner)
    before = existing(space, client)
    private = before.private if before and wish.public is None else not wish.public
    closed = tuple(name for name, needs in models.items() if needs)
    hidden = tuple(name for name, needs in models.items() if needs == "private")
    if hidden and not private and not wish.show_private:
        raise HubFailed(
            "private_models",
            f"{_listed(hidden)} {'is' if len(hidden) == 1 else 'are'} private, and the page of {space} is public: anyone"
            " could ask them; leave --public away, or say --yes",
        )
    token = _token(closed, hidden, wish, before, say)
    content = files(tuple(models), wish.title if wish.title is not None else before.title if before else None)
    if before is None:
        hardware = space_hardware.chosen(wish.hardware, space, who, say)
        if wish.hardware is None:
            space_hardware.say_asked(models, hardware, client, say)
        _create(space, private, hardware, token, client, say)
    else:
        _settle(space, private, before, wish.hardware, token, bool(closed), client, say)
    commit, changed = _upload(space, content, before, client, say)
    url = f"{client.endpoint}/spaces/{space}"
    return Deployed(space, url, tuple(models), private, commit, changed)


def _checked(names: Sequence[str], client: HfApi) -> dict[str, str]:
    """Model → "private", "gated" or "". Raises HubFailed for a name that is none."""
    found = {}
    for name in dict.fromkeys(names):
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
            raise HubFailed("refused", f"{name} is no model of the Hub; a model's name is user/name")
        with hub_errors(f"looking at the model {name}"):
            info = retrying(lambda name=name: client.model_info(name))  # type: ignore[misc]
        found[name] = "private" if info.private else "gated" if info.gated else ""
    return found


def _tagged(owner: str, client: HfApi) -> dict[str, str]:
    with hub_errors(f"looking for the models of {owner}"):
        names = retrying(
            lambda: sorted(model.id for model in client.list_models(author=owner, filter=MODEL_TAG))
        )
    if not names:
        raise HubFailed(
            "no_models",
            f"{owner} has no model with the tag {MODEL_TAG} yet; push one with hf-recipes push RUN, or name models: --models user/a",
        )
    return _checked(names, client)


def _token(
    closed: Sequence[str], hidden: Sequence[str], wish: Wish, before: Existing | None, say: Say
) -> str | None:
    """The token for the Space: only where a model needs one, and only one that reads. Raises HubFailed."""
    if not closed:
        return None
    token = os.environ.get(wish.token_variable, "").strip()
    if token:
        read_token.check_read_token(token, closed, wish.token_variable)
        return token
    if before is not None and SECRET in before.secrets:
        return None
    if hidden:
        raise HubFailed(
            "needs_read_token",
            f"{_listed(hidden)} {'is' if len(hidden) == 1 else 'are'} private, so the Space needs a token that only reads;"
            f" {read_token.HOW}, put it into {wish.token_variable} and deploy again",
        )
    say(
        f"{_listed(closed)}: gated. Without a read token in {wish.token_variable} the page cannot load"
        f" {'it' if len(closed) == 1 else 'them'}."
    )
    return None


def _create(
    space: str, private: bool, hardware: str | None, token: str | None, client: HfApi, say: Say
) -> None:
    space_hardware.tell_price(hardware, client, say)
    say(f"making the {'private' if private else 'public'} Space {space}")
    secrets = [{"key": SECRET, "value": token}] if token else None
    variables = [{"key": key, "value": value} for key, value in VARIABLES.items()]
    with space_hardware.refusals(f"making the Space {space} on {hardware or FREE_SPACE}", hardware):
        retrying(
            lambda: client.create_repo(
                space,
                repo_type="space",
                exist_ok=True,  # it was not there: a try whose answer was lost has made it
                space_sdk="gradio",
                private=private,
                # The client's type is an enum that may lag behind the Hub; names will do.
                space_hardware=cast("SpaceHardware | None", hardware),
                space_sleep_time=SLEEP if space_hardware.is_paid(hardware) else None,
                space_secrets=secrets,
                space_variables=variables,
            )
        )


def _settle(
    space: str,
    private: bool,
    before: Existing,
    hardware: str | None,
    token: str | None,
    needs_token: bool,
    client: HfApi,
    say: Say,
) -> None:
    """The settings of a Space that is there already; only what differs is touched, for each change restarts it."""
    with hub_errors(f"changing the settings of the Space {space}"):
        if private != before.private:
            say(f"{space} becomes {'private' if private else 'public'}")
            retrying(lambda: client.update_repo_settings(space, repo_type="space", private=private))
        if token:
            retrying(lambda: client.add_space_secret(space, SECRET, token))
        elif not needs_token and SECRET in before.secrets:
            retrying(lambda: client.delete_space_secret(space, SECRET))
        set_now = retrying(lambda: client.get_space_variables(space))
        for key, value in VARIABLES.items():
            if key not in set_now or set_now[key].value != value:
                retrying(lambda key=key, value=value: client.add_space_variable(space, key, value))  # type: ignore[misc]
        if not hardware or retrying(lambda: client.get_space_runtime(space)).requested_hardware == hardware:
            return
    sleep = SLEEP if space_hardware.is_paid(hardware) else None
    flavor = cast("SpaceHardware", hardware)
    space_hardware.tell_price(hardware, client, say)
    with space_hardware.refusals(f"putting the Space {space} on {hardware}", hardware):
        retrying(lambda: client.request_space_hardware(space, flavor, sleep_time=sleep))


def _upload(
    space: str, content: Mapping[str, bytes], before: Existing | None, client: HfApi, say: Say
) -> tuple[str, bool]:
    """One commit of what differs: (its id, True); without a difference (the id of the last one, False)."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    ids = before.ids if before else {}
    gone = [
        path
        for path in (before.listed.get("files") or () if before else ())
        if path in ids and path not in content
    ]
    changed = {path: data for path, data in content.items() if ids.get(path) != blob_id(data)}
    if before and not changed and not gone:
        say(f"{space} is up to date")
        return before.commit, False
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationAdd(path, data) for path, data in changed.items()),
        *(CommitOperationDelete(path) for path in gone),
    ]
    say(f"uploading {len(changed)} files" + (f", removing {len(gone)}" if gone else ""))
    with hub_errors(f"uploading the page to {space}"):
        done = retrying(
            lambda: client.create_commit(
                space, operations, commit_message="hf-recipes compare page", repo_type="space"
            )
        )
    return str(done.oid), True


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
