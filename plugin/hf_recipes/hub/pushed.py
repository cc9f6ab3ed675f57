"""Whether the model of a run has arrived on the Hub: a commit that names the run and holds weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hf_recipes.hub.errors import HubFailed, hub_errors, retrying

if TYPE_CHECKING:
    from huggingface_hub import HfApi


def pushed(client: HfApi, model: str, run_id: str) -> bool:
    """Times do not count, since clocks differ: the commit names the run. Raises HubFailed."""
    try:
        with hub_errors(f"looking into the model repo {model}"):
            commits = retrying(lambda: client.list_repo_commits(model))
            mine = [commit.commit_id for commit in commits if commit.title == commit_title(run_id)]
            if not mine:
                return False
            files = retrying(lambda: client.list_repo_files(model, revision=mine[0]))
    except HubFailed as error:
        if error.reason == "not_found":
            return False
        raise
    return any(file.endswith(".safetensors") for file in files)


def commit_title(run_id: str) -> str:
    """The message of the commit that pushes a run's model."""
    return f"hf-recipes run {run_id}"
