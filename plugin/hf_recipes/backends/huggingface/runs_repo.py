"""The runs repo: `<account>/hf-recipes-runs`, a private dataset with one folder for each remote run.

A run's folder there holds the small files of the run's own folder. Until a container takes the run it is written from
here; from then on by the container alone, except handle.json, which says where the container is, and the end of a run
whose container has stopped without a word.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from hf_recipes.backends.huggingface.package import package
from hf_recipes.backends.huggingface.private_repo import commit, private_dataset
from hf_recipes.hub import account, clock
from hf_recipes.hub.blob import blob_id
from hf_recipes.hub.errors import HubFailed, hub_errors, retrying
from hf_recipes.record.create import write_files
from hf_recipes.record.job import load_job
from hf_recipes.runner.files import read_json, write_json
from hf_recipes.runner.redaction import Redactor

if TYPE_CHECKING:
    from huggingface_hub import HfApi, RepoFile

NAME = "hf-recipes-runs"
PUBLISHED = ("job.json", "recipe.yml", "state.json")
"""What a container needs of a run's folder."""
HANDLE = "handle.json"
WRITTEN_THERE = ("events.jsonl", "train.log", "report", "answers")
"""What the container writes and we bring back; state.json is judged first, so it is not among them."""
OVERTAKEN = 6
"""Tries at a file that is written while it is read."""
CARD = """\
---
viewer: false
tags: [hf-recipes]
---
Remote runs of hf-recipes, one folder each. The folder of a run that has ended may be removed.
"""


def runs_repo_of(name: str) -> str:
    """The runs repo of an account."""
    return f"{name}/{NAME}"


def publish_run(run: Path, handle: Mapping[str, object], *, client: HfApi | None = None) -> str:
    """Put a queued run and our package where a container finds them; returns the runs repo's id. Raises HubFailed.

    In one commit with what is known of its `handle`: nobody who looks up the run finds it without.
    """
    client = client or account.api()
    repo = runs_repo_of(account.writer(client, doing="publishing the run").name)
    private_dataset(client, repo)
    ours = package()
    wanted: dict[str, bytes | Path] = {ours.name: ours.data, "README.md": CARD.encode()}
    with hub_errors(f"reading {repo}"):
        there = retrying(lambda: client.get_paths_info(repo, list(wanted), repo_type="dataset"))
    for known in there:
        wanted.pop(known.path, None)
    environment = {**os.environ, "HF_TOKEN": str(client.token or "")}
    redact = Redactor(load_job(run).secrets, environment)
    for name in PUBLISHED:
        wanted[f"{run.name}/{name}"] = redact((run / name).read_text(encoding="utf-8")).encode()
    wanted[f"{run.name}/{HANDLE}"] = _handle(handle)
    commit(client, repo, wanted, f"run {run.name}")
    return repo


def publish_handle(
    run: Path, repo: str, handle: Mapping[str, object], *, client: HfApi | None = None
) -> None:
    """Publish where the run's container is, so that other machines can find it. Raises HubFailed."""
    path = f"{run.name}/{HANDLE}"
    commit(client or account.api(), repo, {path: _handle(handle)}, f"handle of {run.name}")


def publish_end(run: Path, repo: str, *, client: HfApi) -> None:
    """Write the end that is known here over what the container told last; its log and its events stay. Raises HubFailed."""
    redact = Redactor(load_job(run).secrets, os.environ)
    text = redact(json.dumps({**read_json(run / "state.json"), "handle": {}}, indent=1, ensure_ascii=False))
    commit(
        client, repo, {f"{run.name}/state.json": text.encode(errors="backslashreplace")}, f"end of {run.name}"
    )


def read_remote_state(
    run_id: str, *, repo: str | None = None, client: HfApi | None = None
) -> Mapping[str, Any] | None:
    """The state that was written last, or None where there is no such run. Raises HubFailed."""
    client = client or account.api()
    repo = repo or runs_repo_of(account.account(client).name)
    try:
        text = _text(client, repo, f"{run_id}/state.json")
    except HubFailed as error:
        if error.reason == "not_found":
            return None
        raise
    document: Mapping[str, Any] = json.loads(text)
    return document


def handle_age(run_id: str, *, repo: str, client: HfApi) -> float | None:
    """Seconds since the run's handle was written last, by the Hub's clock; None where it is gone. Raises HubFailed."""
    path = f"{run_id}/{HANDLE}"
    try:
        with hub_errors(f"looking for {path} in {repo}"):
            found = retrying(lambda: client.get_paths_info(repo, path, repo_type="dataset", expand=True))
    except HubFailed as error:
        if error.reason == "not_found":
            return None
        raise
    last = getattr(found[0], "last_commit", None) if found else None
    return clock.seconds_since(last.date, f"api/datasets/{repo}", client=client) if last else None


def bring(run: Path, *, repo: str | None = None, client: HfApi | None = None) -> None:
    """Bring what the container has written into the run's folder here, as far as it has changed. Raises HubFailed."""
    client = client or account.api()
    repo = repo or runs_repo_of(account.account(client).name)
    for file, inner in _files(client, repo, run.name):
        if inner.parts[0] in WRITTEN_THERE and not _same(run / inner, file):
            _save(client, repo, file, run / inner)


def restore(run_id: str, runs_dir: Path, *, repo: str | None = None, client: HfApi | None = None) -> Path:
    """Make the folder of a run that was started elsewhere; returns it. Raises HubFailed: not_found.

    Its state is what the container wrote last, its handle where the container was: ask the backend what became of it.
    """
    client = client or account.api()
    repo = repo or runs_repo_of(account.account(client).name)
    run = runs_dir.resolve() / run_id
    if (run / "job.json").is_file():
        return run
    take(run_id, run, repo=repo, client=client)
    bring(run, repo=repo, client=client)
    return run


def take(run_id: str, folder: Path, *, repo: str, client: HfApi) -> None:
    """Make the folder of a run as `record.create` had made it. Raises HubFailed: not_found."""
    texts = {name: _text(client, repo, f"{run_id}/{name}") for name in PUBLISHED}
    try:
        handle = json.loads(_text(client, repo, f"{run_id}/{HANDLE}"))
    except HubFailed as error:
        if error.reason != "not_found":
            raise
        handle = {}
    (folder / "work").mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yml").write_text(texts["recipe.yml"], encoding="utf-8")
    write_files(folder, json.loads(texts["job.json"]).get("files") or {})
    (folder / "lock").touch()
    write_json(folder / "state.json", {**json.loads(texts["state.json"]), "handle": handle})
    # Last: it is what makes a folder a run.
    write_json(folder / "job.json", json.loads(texts["job.json"]))


def list_remote(*, client: HfApi | None = None) -> list[str]:
    """The ids of the runs in the account's runs repo, by name. Raises HubFailed."""
    client = client or account.api()
    repo = runs_repo_of(account.account(client).name)
    with hub_errors(f"listing {repo}"):
        if not retrying(lambda: client.repo_exists(repo, repo_type="dataset")):
            return []
        entries = retrying(lambda: list(client.list_repo_tree(repo, repo_type="dataset")))
    from huggingface_hub import RepoFolder

    return sorted(each.path for each in entries if isinstance(each, RepoFolder) and each.path != "packages")


def _handle(handle: Mapping[str, object]) -> bytes:
    return json.dumps(dict(handle), indent=1).encode()


def _files(client: HfApi, repo: str, run_id: str) -> Iterator[tuple[RepoFile, PurePosixPath]]:
    """(file, path inside the run's folder) of all that lies in the run's folder of the repo."""
    from huggingface_hub import RepoFile

    with hub_errors(f"listing the run {run_id} in {repo}"):
        entries = retrying(
            lambda: list(client.list_repo_tree(repo, run_id, recursive=True, repo_type="dataset"))
        )
    for entry in entries:
        inner = PurePosixPath(entry.path).relative_to(run_id)
        if isinstance(entry, RepoFile) and ".." not in inner.parts:
            yield entry, inner


def _same(path: Path, file: RepoFile) -> bool:
    """Whether the file here is the one there, as git or LFS tell files apart."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    data = path.read_bytes()
    if file.lfs is not None:
        return hashlib.sha256(data).hexdigest() == file.lfs.sha256
    return blob_id(data) == file.blob_id


def _save(client: HfApi, repo: str, file: RepoFile, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".bring-") as folder:
        _download(client, repo, file.path, Path(folder)).replace(path)


def _text(client: HfApi, repo: str, path: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return _download(client, repo, path, Path(folder)).read_text(encoding="utf-8")


def _download(client: HfApi, repo: str, path: str, folder: Path) -> Path:
    """Into a folder of its own: the cache would keep every state that there ever was."""
    for _ in range(OVERTAKEN):
        try:
            with hub_errors(f"reading {path} of {repo}"):
                return Path(
                    retrying(
                        lambda: client.hf_hub_download(repo, path, repo_type="dataset", local_dir=folder)
                    )
                )
        except OSError as error:
            # The client asks for the size first and then for the bytes: the container may write in between.
            if "Consistency check" not in str(error):
                raise
    raise HubFailed("hub_failed", f"reading {path} of {repo}: it keeps changing; try again")
