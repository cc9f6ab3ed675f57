"""Private dataset repos of the account: made when missing, refused when anyone may read them, written in one commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hf_recipes.hub.errors import HubFailed, hub_errors, retrying

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CONFLICTS = 6
"""Several runs write to one repo: the Hub refuses a commit that another one overtook."""


def private_dataset(client: HfApi, repo: str) -> None:
    """Let there be a private dataset repo of this name. Raises HubFailed: public, or what the Hub says."""
    with hub_errors(f"creating the private dataset {repo}"):
        if retrying(lambda: client.repo_exists(repo, repo_type="dataset")):
            found = retrying(lambda: client.repo_info(repo, repo_type="dataset"))
            if not found.private:
                raise HubFailed(
                    "public",
                    f"the dataset {repo} is public, and what goes there is private; make it private in its settings, or remove it",
                )
            return
        retrying(lambda: client.create_repo(repo, repo_type="dataset", private=True, exist_ok=True))


def commit(
    client: HfApi,
    repo: str,
    files: Mapping[str, bytes | Path],
    message: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Write files to a dataset repo in one commit; returns its id. May be repeated. Raises HubFailed."""
    for attempt in range(CONFLICTS):
        try:
            with hub_errors(f"writing to {repo}"):
                return retrying(lambda: commit_once(client, repo, files, message), sleep=sleep)
        except HubFailed as error:
            if error.reason != "conflict" or attempt == CONFLICTS - 1:
                raise
        sleep(0.5 * 2**attempt)
    raise AssertionError("unreachable")


def commit_once(client: HfApi, repo: str, files: Mapping[str, bytes | Path], message: str) -> str:
    """One try. Raises what the Hub's client raises."""
    from huggingface_hub import CommitOperationAdd

    # New ones each time: the client marks those that it has sent.
    operations = [CommitOperationAdd(path, content) for path, content in sorted(files.items())]
    done = client.create_commit(repo, operations, commit_message=message, repo_type="dataset")
    return str(done.oid)
