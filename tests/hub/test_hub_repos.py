"""The real huggingface_hub against the stand-in: repos, who may, commits, files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from hub.handle import Hub

BIG = bytes(range(256)) * 4 * 1024 * 11  # 11 MiB: too much for a commit itself
CARD = b"""---
license: apache-2.0
base_model: bundled/base
tags: [hf-recipes]
datasets: [ada/recipes]
---
# x
"""


@pytest.fixture
def ada(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=hub.token)


@pytest.fixture
def bob(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=hub.other_token)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder: a card, small text, a large file and an empty one."""
    made = tmp_path / "model"
    (made / "sub").mkdir(parents=True)
    (made / "README.md").write_bytes(CARD)
    (made / "sub" / "notes.txt").write_text("notes ✓")
    (made / "weights.bin").write_bytes(BIG)
    (made / "empty.txt").touch()
    return made


def status(call: Callable[[], Any]) -> int:
    with pytest.raises(HfHubHTTPError) as caught:
        call()
    return int(caught.value.response.status_code)


def test_whoami_tells_name_and_role(hub: Hub, ada: HfApi) -> None:
    assert ada.whoami()["name"] == "ada"
    assert ada.whoami()["auth"]["accessToken"]["role"] == "write"
    assert ada.whoami(token=hub.read_token)["auth"]["accessToken"]["role"] == "read"
    assert status(lambda: ada.whoami(token="hf" + "_" + "z" * 34)) == 401


@pytest.mark.parametrize("type", ["model", "dataset", "space"])
def test_a_repo_is_made_once_and_goes(ada: HfApi, hub: Hub, type: str) -> None:
    make: dict[str, Any] = {
        "repo_type": type,
        "private": True,
        **({"space_sdk": "docker"} if type == "space" else {}),
    }
    url = ada.create_repo("ada/x", **make)
    assert (url.repo_id, url.repo_type) == ("ada/x", type)
    assert status(lambda: ada.create_repo("ada/x", **make)) == 409
    assert ada.create_repo("x", exist_ok=True, **make).repo_id == "ada/x"
    assert ada.repo_info("ada/x", repo_type=type).private
    ada.update_repo_settings("ada/x", private=False, repo_type=type)
    assert not hub.repo(type, "ada/x").private
    assert ada.repo_exists("ada/x", repo_type=type) and ada.file_exists(
        "ada/x", ".gitattributes", repo_type=type
    )
    ada.delete_repo("ada/x", repo_type=type)
    assert not ada.repo_exists("ada/x", repo_type=type)
    ada.delete_repo("ada/x", repo_type=type, missing_ok=True)


def test_upload_folder_and_every_way_back(ada: HfApi, hub: Hub, folder: Path, tmp_path: Path) -> None:
    ada.create_repo("ada/x", private=True)
    commit = ada.upload_folder(repo_id="ada/x", folder_path=folder, commit_message="hf-recipes run r1")
    repo = hub.repo("model", "ada/x")
    assert repo.files["weights.bin"].lfs and not repo.files["sub/notes.txt"].lfs
    assert repo.commit().id == commit.oid and repo.commit().title == "hf-recipes run r1"
    assert hub.read("model", "ada/x", "weights.bin") == BIG

    places = {"endpoint": hub.endpoint, "token": hub.token, "cache_dir": tmp_path / "cache"}
    assert Path(hf_hub_download("ada/x", "sub/notes.txt", **places)).read_text() == "notes ✓"
    got = Path(snapshot_download("ada/x", **places))
    assert {str(each.relative_to(got)) for each in got.rglob("*") if each.is_file()} == set(repo.files)
    assert (got / "weights.bin").read_bytes() == BIG and got.name == commit.oid
    old = snapshot_download("ada/x", revision=repo.history()[-1].id, **places)
    assert [each.name for each in Path(old).iterdir()] == [".gitattributes"]

    info = ada.model_info("ada/x", files_metadata=True)
    sizes = {each.rfilename: each.size for each in info.siblings or ()}
    assert sizes["weights.bin"] == len(BIG) and sizes["empty.txt"] == 0
    assert info.card_data is not None and info.card_data.base_model == "bundled/base"
    assert {"hf-recipes", "license:apache-2.0", "base_model:bundled/base", "dataset:ada/recipes"} <= set(
        info.tags or ()
    )


def test_a_second_upload_of_the_same_sends_nothing_again(ada: HfApi, hub: Hub, folder: Path) -> None:
    ada.create_repo("ada/x")
    first = ada.upload_folder(repo_id="ada/x", folder_path=folder)
    before = len(hub.requests)
    assert ada.upload_folder(repo_id="ada/x", folder_path=folder).oid == first.oid
    assert not [each for each in hub.requests[before:] if each.method == "PUT"]


def test_a_large_commit_lists_in_pages(ada: HfApi, hub: Hub) -> None:
    ada.create_repo("ada/d", repo_type="dataset")
    operations = [CommitOperationAdd(f"part/{index:04}.txt", f"{index}".encode()) for index in range(1200)]
    ada.create_commit("ada/d", operations, commit_message="many", repo_type="dataset")
    tree = list(ada.list_repo_tree("ada/d", recursive=True, repo_type="dataset"))
    assert len(tree) == 1202  # and .gitattributes, and the folder
    assert [each.path for each in ada.list_repo_tree("ada/d", repo_type="dataset")] == [
        ".gitattributes",
        "part",
    ]
    found = ada.get_paths_info(
        "ada/d", ["part/0007.txt", "part", "nothing"], expand=True, repo_type="dataset"
    )
    assert [each.path for each in found] == ["part/0007.txt", "part"]
    assert found[0].last_commit is not None and found[0].last_commit.title == "many"


def test_commits_delete_and_mind_their_parent(ada: HfApi, hub: Hub) -> None:
    hub.put("model", "ada/x", {"a/1.txt": b"1", "a/2.txt": b"2", "b.txt": b"b"})
    parent = hub.repo("model", "ada/x").commit().id
    gone = [CommitOperationDelete("a/"), CommitOperationAdd("c.txt", b"c")]
    commit = ada.create_commit("ada/x", gone, commit_message="tidy", parent_commit=parent)
    assert sorted(hub.repo("model", "ada/x").files) == [".gitattributes", "b.txt", "c.txt"]
    add = [CommitOperationAdd("d.txt", b"d")]
    assert status(lambda: ada.create_commit("ada/x", add, commit_message="late", parent_commit=parent)) == 412
    assert [each.title for each in ada.list_repo_commits("ada/x")] == ["tidy", "seed", "initial commit"]
    with pytest.raises(EntryNotFoundError):
        ada.delete_file("nothing.txt", "ada/x")
    ada.create_tag("ada/x", tag="v1")
    ada.create_branch("ada/x", branch="next", revision="v1")
    ada.upload_file(path_or_fileobj=b"n", path_in_repo="n.txt", repo_id="ada/x", revision="next")
    refs = ada.list_repo_refs("ada/x")
    assert [each.target_commit for each in refs.tags] == [commit.oid]
    assert {each.name for each in refs.branches} == {"main", "next"}
    assert "n.txt" not in hub.repo("model", "ada/x").files
    with pytest.raises(RevisionNotFoundError):
        ada.model_info("ada/x", revision="nowhere")


def test_a_card_that_the_hub_would_refuse_is_refused(ada: HfApi) -> None:
    ada.create_repo("ada/x")
    upload: dict[str, Any] = {"path_in_repo": "README.md", "repo_id": "ada/x"}
    for wrong in (b"---\nlicense: mine\n---\n", b"---\na: [\n---\n", b"---\nmodel-index: [{name: x}]\n---\n"):
        with pytest.raises((ValueError, BadRequestError), match="Invalid metadata"):
            ada.upload_file(path_or_fileobj=wrong, **upload)
    ada.upload_file(path_or_fileobj=CARD, **upload)


def test_a_read_token_reads_and_never_writes(hub: Hub) -> None:
    hub.put("model", "ada/x", {"a.txt": b"a"}, private=True)
    reader = HfApi(endpoint=hub.endpoint, token=hub.read_token)
    assert reader.file_exists("ada/x", "a.txt")
    writes: list[Callable[[], Any]] = [
        lambda: reader.create_repo("ada/y"),
        lambda: reader.delete_repo("ada/x"),
        lambda: reader.update_repo_settings("ada/x", private=False),
        lambda: reader.upload_file(path_or_fileobj=b"b", path_in_repo="b.txt", repo_id="ada/x"),
        lambda: reader.upload_file(path_or_fileobj=BIG, path_in_repo="b.bin", repo_id="ada/x"),
        lambda: reader.create_tag("ada/x", tag="v1"),
        lambda: reader.create_discussion("ada/x", title="hello"),
    ]
    assert [status(write) for write in writes] == [403] * len(writes)
    assert hub.repo("model", "ada/x").private and len(hub.repo("model", "ada/x").commits) == 2


def test_what_is_private_is_not_there_for_others(hub: Hub, bob: HfApi, tmp_path: Path) -> None:
    hub.put("dataset", "ada/secret", {"a.txt": b"a"}, private=True)
    hub.put("dataset", "ada/open", {"a.txt": b"a"})
    nobody = HfApi(endpoint=hub.endpoint, token=False)
    for api in (bob, nobody):
        with pytest.raises(RepositoryNotFoundError):
            api.dataset_info("ada/secret")
        with pytest.raises(RepositoryNotFoundError):
            api.hf_hub_download("ada/secret", "a.txt", repo_type="dataset", cache_dir=tmp_path)
        assert [each.id for each in api.list_datasets()] == ["ada/open"]
    assert status(lambda: bob.dataset_info("ada/secret")) == 404
    add = [CommitOperationAdd("b.txt", b"b")]
    assert status(lambda: bob.create_commit("ada/open", add, commit_message="m", repo_type="dataset")) == 403
    assert status(lambda: bob.create_repo("ada/theirs")) == 403
    wrong = HfApi(endpoint=hub.endpoint, token="hf" + "_" + "z" * 34)
    assert status(lambda: wrong.dataset_info("ada/open")) == 401


def test_a_gated_repo_shows_itself_but_not_its_files(
    hub: Hub, ada: HfApi, bob: HfApi, tmp_path: Path
) -> None:
    hub.put("model", "ada/gated", {"config.json": b"{}"}, gated="manual")
    assert bob.model_info("ada/gated").gated == "manual"
    with pytest.raises(GatedRepoError) as caught:
        bob.hf_hub_download("ada/gated", "config.json", cache_dir=tmp_path)
    assert caught.value.response.status_code == 403
    with pytest.raises(GatedRepoError):
        bob.auth_check("ada/gated")
    hub.repo("model", "ada/gated").granted.add("bob")
    assert Path(bob.hf_hub_download("ada/gated", "config.json", cache_dir=tmp_path)).read_bytes() == b"{}"
    ada.update_repo_settings("ada/gated", gated=False)
    assert bob.model_info("ada/gated").gated is False


def test_lists_are_filtered_and_paged(hub: Hub, ada: HfApi) -> None:
    for index in range(7):
        hub.put("model", f"ada/m{index}", {"README.md": CARD if index % 2 else b"# none"}, private=index > 4)
    hub.put("model", "bob/m", {"README.md": CARD})
    tagged = [each.id for each in ada.list_models(author="ada", filter="hf-recipes", sort="created_at")]
    assert tagged == ["ada/m5", "ada/m3", "ada/m1"]
    assert [each.id for each in ada.list_models(search="M0")] == ["ada/m0"]
    assert len(list(ada.list_models(limit=3))) == 3
    assert len(list(ada.list_models(author="ada", token=hub.other_token))) == 5
    cards = list(ada.list_models(filter=["hf-recipes", "base_model:bundled/base"], cardData=True, full=True))
    assert len(cards) == 4 and all(each.card_data and each.siblings for each in cards)
    assert next(each.tags for each in ada.list_models(search="bob", expand=["tags"]))[0] == "hf-recipes"
    hub.put("space", "ada/page", {"README.md": b"---\nsdk: gradio\ntags: [hf-recipes]\n---\n"})
    assert [each.id for each in ada.list_spaces(filter="hf-recipes", author="ada")] == ["ada/page"]


def test_discussions_are_opened_and_read(hub: Hub, ada: HfApi, bob: HfApi) -> None:
    hub.put("space", "ada/page", {"app.py": b""})
    opened = bob.create_discussion("ada/page", title="[FAIL] x", description="why", repo_type="space")
    assert (opened.num, opened.author, opened.status) == (1, "bob", "open")
    assert [each.title for each in ada.get_repo_discussions("ada/page", repo_type="space")] == ["[FAIL] x"]
    ada.comment_discussion("ada/page", 1, comment="seen", repo_type="space")
    ada.change_discussion_status("ada/page", 1, new_status="closed", repo_type="space")
    told = ada.get_discussion_details("ada/page", 1, repo_type="space")
    assert [each.type for each in told.events] == ["comment", "comment", "status-change"]
    assert told.status == "closed"
    pull = bob.create_commit(
        "ada/page", [CommitOperationAdd("b.txt", b"b")], commit_message="b", repo_type="space", create_pr=True
    )
    assert pull.pr_num == 2 and "b.txt" not in hub.repo("space", "ada/page").files
    assert ada.file_exists("ada/page", "b.txt", repo_type="space", revision="refs/pr/2")


def test_the_server_runs_by_hand() -> None:
    command = [sys.executable, str(Path(__file__).with_name("serve.py")), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            facts = json.loads(server.stdout.readline())
            api = HfApi(endpoint=facts["endpoint"], token=facts["tokens"]["bob"])
            assert api.create_repo("x", repo_type="dataset").repo_id == "bob/x"
        finally:
            server.terminate()
    assert server.returncode == 0
