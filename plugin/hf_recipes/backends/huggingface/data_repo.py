"""Data repos: `<account>/hf-recipes-data-<12 hex of its content>`, private datasets that hold a recipe's local data."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hf_recipes.backends.huggingface.private_repo import commit, private_dataset
from hf_recipes.hub import account
from hf_recipes.hub.errors import HubFailed, hub_errors, retrying

if TYPE_CHECKING:
    from huggingface_hub import HfApi

PREFIX = "hf-recipes-data-"
MARK = "hf_recipes_data.json"
"""Written in the same commit as the data: where it is, the data is whole."""


@dataclass(frozen=True)
class DataRepo:
    repo: str
    revision: str
    """The commit that holds the data: later ones change nothing for a run."""


def publish_data(folder: Path, sha: str, *, client: HfApi | None = None) -> DataRepo:
    """Put a folder of data online under the hash of its content; the repo that has it already is used again.

    Raises HubFailed, also where a repo of this name is public.
    """
    client = client or account.api()
    repo = f"{account.writer(client, doing='publishing the data').name}/{PREFIX}{sha[:12]}"
    private_dataset(client, repo)
    revision = _published(client, repo, sha)
    if revision is None:
        files: dict[str, bytes | Path] = {
            path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()
        }
        files[MARK] = json.dumps({"schema": 1, "sha256": sha}).encode()
        revision = commit(client, repo, files, f"data {sha}")
    return DataRepo(repo, revision)


def fetch_data(repo: str, revision: str, folder: Path, *, client: HfApi | None = None) -> None:
    """Make a folder of the files of a data repo, as of one commit. Raises HubFailed."""
    from huggingface_hub import RepoFile

    client = client or account.api()
    with hub_errors(f"reading the data from {repo}"):
        tree = retrying(
            lambda: list(client.list_repo_tree(repo, recursive=True, revision=revision, repo_type="dataset"))
        )
        retrying(
            lambda: client.snapshot_download(repo, repo_type="dataset", revision=revision, local_dir=folder)
        )
    # Where the Hub is gone for a moment, the client takes what an earlier try has left for the whole.
    for file in tree:
        if isinstance(file, RepoFile) and not _whole(folder / file.path, file.size):
            raise HubFailed("hub_failed", f"reading the data from {repo}: {file.path} is missing; try again")


def _whole(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _published(client: HfApi, repo: str, sha: str) -> str | None:
    """The newest commit of a repo that holds this data."""
    with hub_errors(f"reading {repo}"):
        if not retrying(lambda: client.file_exists(repo, MARK, repo_type="dataset")):
            return None
        revision = str(retrying(lambda: client.repo_info(repo, repo_type="dataset")).sha)
        with tempfile.TemporaryDirectory() as folder:
            mark = retrying(
                lambda: client.hf_hub_download(
                    repo, MARK, repo_type="dataset", revision=revision, local_dir=folder
                )
            )
            found = json.loads(Path(mark).read_text(encoding="utf-8"))
    return revision if found.get("sha256") == sha else None
