"""The compare Spaces of an account: which there are, what one holds, removing one. Never another's Space."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes.hub.account import account, api, writer
from hf_recipes.hub.compare_space.files import LIST, TAG
from hf_recipes.hub.errors import HubFailed, hub_errors, retrying

if TYPE_CHECKING:
    from huggingface_hub import HfApi

NAME = "hf-recipes-compare"


@dataclass(frozen=True)
class Existing:
    private: bool
    listed: Mapping[str, Any]
    """Its compare.json; empty for a Space that has just been made."""
    ids: Mapping[str, str]
    """Path → git's id of the content."""
    commit: str
    secrets: frozenset[str]
    """Their names; the values cannot be read back."""

    @property
    def title(self) -> str | None:
        return self.listed.get("title")


def space_id(repo: str | None, owner: str) -> str:
    space = repo or NAME
    space = space if "/" in space else f"{owner}/{space}"
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", space):
        raise HubFailed("refused", f"{space} is no name of a Space; it is user/name")
    return space


def existing(space: str, client: HfApi) -> Existing | None:
    """The Space as it is; None where there is none. Raises HubFailed for one that we did not make."""
    from huggingface_hub.errors import RepositoryNotFoundError

    with hub_errors(f"looking at the Space {space}"):
        try:
            info = retrying(lambda: client.space_info(space, files_metadata=True))
        except RepositoryNotFoundError:
            return None
        ids = {sibling.rfilename: str(sibling.blob_id) for sibling in info.siblings or ()}
        listed = _list_of(space, str(info.sha), client) if LIST in ids else {}
    if "models" not in listed and not set(ids) <= {".gitattributes", "README.md"}:
        raise HubFailed(
            "not_ours", f"{space} is a Space that hf-recipes did not make; name another with --repo user/name"
        )
    with hub_errors(f"looking at the settings of the Space {space}"):
        secrets = frozenset(retrying(lambda: client.get_space_secrets(space)))
    return Existing(bool(info.private), listed, ids, str(info.sha), secrets)


def pages(client: HfApi | None = None) -> list[dict[str, Any]]:
    """The compare Spaces of the account: space, url, stage, hardware, private, models. Raises HubFailed."""
    client = client or api()
    owner = account(client).name
    with hub_errors(f"looking for the Spaces of {owner}"):
        found = retrying(lambda: sorted(space.id for space in client.list_spaces(author=owner, filter=TAG)))
    return [_page(space, client) for space in found]


def _page(space: str, client: HfApi) -> dict[str, Any]:
    with hub_errors(f"looking at the Space {space}"):
        info = retrying(lambda: client.space_info(space))
        runtime = retrying(lambda: client.get_space_runtime(space))
        names = [sibling.rfilename for sibling in info.siblings or ()]
        listed = _list_of(space, str(info.sha), client) if LIST in names else {}
    return {
        "space": space,
        "url": f"{client.endpoint}/spaces/{space}",
        "stage": str(getattr(runtime.stage, "value", runtime.stage)),
        "hardware": runtime.hardware,
        "private": bool(info.private),
        "models": list(listed.get("models") or ()),
    }


def delete_compare_space(repo: str) -> str:
    """Delete a compare Space; nothing else. Returns its name. Raises HubFailed."""
    client = api()
    space = space_id(repo, writer(client, doing="deleting a Space").name)
    found = existing(space, client)
    if found is None or "models" not in found.listed:
        raise HubFailed("not_found", f"{space} is no compare Space of hf-recipes; see: hf-recipes space list")
    with hub_errors(f"deleting the Space {space}"):
        client.delete_repo(space, repo_type="space")
    return space


def _list_of(space: str, revision: str, client: HfApi) -> Mapping[str, Any]:
    path = retrying(lambda: client.hf_hub_download(space, LIST, repo_type="space", revision=revision))
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
