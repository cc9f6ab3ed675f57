"""Local data for a machine that does not have it: published privately once, prepared there exactly as here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.backends.huggingface.data_repo import fetch_data, publish_data
from hf_recipes.backends.huggingface.remote_data import for_remote
from hf_recipes.hub.errors import HubFailed
from hf_recipes.recipe.model import Data
from hf_recipes.record.job import Job
from hub.handle import Hub

SHA = "0123456789ab" + "0" * 52


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "train-00000-of-00001.parquet").write_bytes(b"PAR1 rows PAR1")
    (folder / "README.md").write_text("---\ntags: [hf-recipes]\n---\nrows\n")
    return folder


def test_data_goes_up_once_in_one_commit_and_is_private(logged_in: Hub, folder: Path) -> None:
    first = publish_data(folder, SHA)
    repo = logged_in.repo("dataset", "ada/hf-recipes-data-0123456789ab")
    assert first.repo == repo.id and repo.private
    assert first.revision == repo.commit().id  # type: ignore[union-attr]
    commits, sent = len(repo.history()), len(logged_in.requests)
    assert publish_data(folder, SHA) == first
    assert len(repo.history()) == commits
    assert all(one.method in ("GET", "HEAD") for one in logged_in.requests[sent:])


def test_a_run_reads_the_commit_it_was_made_for(logged_in: Hub, folder: Path, tmp_path: Path) -> None:
    published = publish_data(folder, SHA)
    logged_in.put("dataset", published.repo, {"data/train-00000-of-00001.parquet": b"other rows"})
    fetch_data(published.repo, published.revision, tmp_path / "source")
    assert (tmp_path / "source" / "data" / "train-00000-of-00001.parquet").read_bytes() == b"PAR1 rows PAR1"


def test_a_public_repo_of_that_name_is_refused(logged_in: Hub, folder: Path) -> None:
    logged_in.put("dataset", "ada/hf-recipes-data-0123456789ab", {"README.md": b"hello"}, private=False)
    with pytest.raises(HubFailed, match="is public") as failed:
        publish_data(folder, SHA)
    assert failed.value.reason == "public"
    assert logged_in.where("PAR1 rows") == []


def test_an_upload_that_broke_off_is_made_whole(logged_in: Hub, folder: Path) -> None:
    logged_in.fail("POST", "/commit/", 403, times=1)
    with pytest.raises(HubFailed):
        publish_data(folder, SHA)
    published = publish_data(folder, SHA)
    assert "hf_recipes_data.json" in logged_in.repo("dataset", published.repo).files


def test_the_job_brings_its_data_first_and_names_no_path_of_this_machine(
    make_job: Callable[..., Job], make_step: Callable[..., Any]
) -> None:
    data = Data(path="/home/me/rows", local=True, train_split="rows", valid_split=None, test_split=0.2)
    job = make_job(make_step("prepare", ""), data=data, params={"data_path": "/home/me/rows", "lr": 1})
    remote = for_remote(job, "ada/hf-recipes-data-1", "c0ffee", {"train": "train", "validation": None, "test": None})  # fmt: skip
    assert [step.name for step in remote.steps] == ["fetch", "prepare"]
    assert remote.steps[0].argv[-2:] == ("ada/hf-recipes-data-1", "c0ffee")
    assert "/home/me" not in json.dumps(asdict(remote))
    assert (remote.data.train_split, remote.data.valid_split, remote.data.test_split) == ("train", None, 0.2)
    assert replace(remote, data=data, params=job.params, steps=job.steps) == job


def test_an_upload_that_is_cut_in_the_middle_is_sent_again_whole(logged_in: Hub, folder: Path) -> None:
    file = folder / "data" / "train-00000-of-00001.parquet"
    file.write_bytes(b"PAR1" + bytes(range(256)) * 40_000 + b"PAR1")
    cut = logged_in.fail("PUT", ".*", after_bytes=1_000_000)
    lost = logged_in.fail("POST", "/api/datasets/ada/hf-recipes-data-0123456789ab/commit/", 502)
    made = publish_data(folder, SHA)
    assert cut.times == lost.times == 0
    assert logged_in.read("dataset", made.repo, "data/train-00000-of-00001.parquet") == file.read_bytes()
    assert logged_in.repo("dataset", made.repo).private
