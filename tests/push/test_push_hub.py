"""The real client against the stand-in Hub: one commit, once, and never over what another recipe made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from hf_recipes import record
from hf_recipes.hub.errors import HubFailed
from hf_recipes.hub.publish.push import Pushed, check_target, push
from hf_recipes.recipe.model import Compare
from hub.handle import Hub
from push.pushable import measured, safetensors, set_state, write

HF_RECIPES = Path(sys.executable).with_name("hf-recipes")


def do_push(run: Path, *, repo: str | None = None, private: bool = True, force: bool = False) -> Pushed:
    return push(run, repo=repo, private=private, force=force, say=lambda _: None)


def command(run: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(HF_RECIPES), "push", str(run), *arguments], capture_output=True, text=True, env={**os.environ}
    )


def commits(hub: Hub, repo: str) -> list[str]:
    """Titles, oldest first, without the Hub's own first one."""
    return [commit.title for commit in hub.repo("model", repo).commits.values()][1:]


def test_the_command_pushes_one_private_commit_and_then_nothing(
    finished: Callable[..., Path], logged_in: Hub
) -> None:
    run = finished()
    done = command(run, "--json")
    assert done.returncode == 0, done.stderr
    pushed = json.loads(done.stdout)
    assert (pushed["repo"], pushed["private"], pushed["new"]) == ("ada/tiny", True, True)
    assert commits(logged_in, "ada/tiny") == [f"hf-recipes run {run.name}"]
    assert logged_in.repo("model", "ada/tiny").private
    files = set(logged_in.repo("model", "ada/tiny").commit("main").files)
    assert files - {".gitattributes"} == {
        "adapter_model.safetensors",
        "adapter_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "recipe.yml",
        "report/report.json",
        "report/report.html",
        "README.md",
        "hf_recipes.json",
    }
    mark = json.loads(logged_in.read("model", "ada/tiny", "hf_recipes.json"))
    assert (mark["run"], mark["base_model"]) == (run.name, "HuggingFaceTB/SmolLM2-135M-Instruct")
    again = command(run)
    assert again.returncode == 0 and "all there" in again.stderr
    assert again.stdout.strip() == f"{logged_in.endpoint}/ada/tiny"
    assert len(commits(logged_in, "ada/tiny")) == 1
    assert logged_in.where(logged_in.token) == []


def local_base(finished: Callable[..., Path], folder: Path, values: int, **prepared: Any) -> Path:
    """A run whose base is a folder that calls itself someone/base."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(safetensors(values))
    write(folder / "config.json", {"_name_or_path": "someone/base"})
    run = finished(f"task: llm-sft\nbase_model: {folder}\n", base_model=str(folder))
    write(run / "model" / "adapter_config.json", {"base_model_name_or_path": str(folder), "r": 16})
    write(run / "work" / "prepared.json", {"base_model": str(folder), **prepared})
    return run


def named_base(hub: Hub) -> tuple[object, object, object]:
    """In the card, in the adapter's config and in our mark."""
    card = hub.read("model", "ada/tiny", "README.md").decode()
    config, mark = (
        json.loads(hub.read("model", "ada/tiny", name)) for name in ("adapter_config.json", "hf_recipes.json")
    )
    return ModelCard(card).data.get("base_model"), config["base_model_name_or_path"], mark["base_model"]


def test_a_local_base_bears_a_name_of_the_hub_only_where_its_weights_are_that_model_s(
    finished: Callable[..., Path], logged_in: Hub, tmp_path: Path
) -> None:
    logged_in.put("model", "someone/base", {"model.safetensors": safetensors(8), "config.json": b"{}"})
    folder = tmp_path / "bases" / "mine"
    do_push(local_base(finished, folder, 4))
    assert named_base(logged_in) == (None, "./mine", "./mine")
    assert logged_in.read("model", "ada/tiny", "recipe.yml") == b"task: llm-sft\nbase_model: ./mine\n"
    # The same size, other numbers.
    other = local_base(finished, folder, 8)
    (folder / "model.safetensors").write_bytes(safetensors(8)[:-1] + b"\2")
    do_push(other)
    assert named_base(logged_in) == (None, "./mine", "./mine")
    same = local_base(finished, folder, 8)
    do_push(same, force=True)
    assert named_base(logged_in) == ("someone/base", "someone/base", "someone/base")
    check_target(same)
    # Exchanged since it was trained from: what lies there now proves nothing.
    do_push(local_base(finished, folder, 8, base_fingerprint="0a" * 6), force=True)
    assert named_base(logged_in) == (None, "./mine", "./mine")


def test_the_next_run_of_the_recipe_updates_the_repo_and_leaves_nothing_behind(
    finished: Callable[..., Path], logged_in: Hub
) -> None:
    do_push(finished())
    second = finished("task: llm-sft\n# tuned\n")
    model = second / "model"
    (model / "adapter_config.json").unlink()
    (model / "adapter_model.safetensors").rename(model / "model.safetensors")
    assert do_push(second).new
    files = logged_in.repo("model", "ada/tiny").commit("main").files
    assert "model.safetensors" in files and "adapter_model.safetensors" not in files
    assert "adapter_config.json" not in files
    assert len(commits(logged_in, "ada/tiny")) == 2


def test_a_repo_that_another_recipe_made_is_kept_unless_forced(
    finished: Callable[..., Path], logged_in: Hub
) -> None:
    seeded = {"config.json": b"{}", "pytorch_model.bin": b"old", "notes.md": b"mine"}
    logged_in.put("model", "ada/tiny", seeded)
    run = finished()
    refused = command(run)
    assert refused.returncode == 1 and "--force" in refused.stderr and "Traceback" not in refused.stderr
    with pytest.raises(HubFailed, match="no recipe made"):
        check_target(run)
    assert len(commits(logged_in, "ada/tiny")) == 1
    assert command(run, "--force").returncode == 0
    files = set(logged_in.repo("model", "ada/tiny").commit("main").files)
    # What would be loaded in the place of the new weights is gone; what is somebody's own stays.
    assert "notes.md" in files and not {"pytorch_model.bin", "config.json"} & files


@pytest.mark.parametrize(
    "other", [{"project_name": "other"}, {"base_model": "someone/base"}, {"task": "seq2seq"}]
)
def test_another_recipes_model_is_recognised_by_its_mark(
    finished: Callable[..., Path], logged_in: Hub, other: dict[str, str]
) -> None:
    do_push(finished(**other), repo="ada/shared")
    with pytest.raises(HubFailed) as refused:
        do_push(finished(), repo="shared")
    assert refused.value.reason == "other_recipe" and next(iter(other)) in str(refused.value)


def test_a_repo_that_exists_keeps_its_privacy(finished: Callable[..., Path], logged_in: Hub) -> None:
    run = finished()
    assert not do_push(run, private=False).private
    said: list[str] = []
    kept = push(run, repo=None, private=True, force=False, say=said.append)
    assert not kept.private and not logged_in.repo("model", "ada/tiny").private
    assert any("stays public" in line for line in said)


def test_an_empty_repo_is_filled(finished: Callable[..., Path], logged_in: Hub) -> None:
    """As an interrupted push leaves it, or a person who made it on the site."""
    logged_in.state.create("model", "ada/tiny", private=True)
    assert check_target(finished()) == "ada/tiny"
    assert do_push(finished()).new


def test_a_gate_that_is_not_met_takes_force(finished: Callable[..., Path], logged_in: Hub) -> None:
    run = finished()
    gate = [{"metric": "exact_match", "bound": "at least 0.95", "value": 0.9, "met": False}]
    write(run / "report" / "report.json", measured(run / "model", gate=gate))
    refused = command(run)
    assert refused.returncode == 1 and "at least 0.95" in refused.stderr and "--force" in refused.stderr
    assert command(run, "--force").returncode == 0
    assert b"gate was not met" in logged_in.read("model", "ada/tiny", "README.md")


@pytest.mark.parametrize(
    "state",
    [
        {"state": "failed", "reason": "trainer_failed", "message": "it crashed"},
        {"state": "cancelled", "reason": "cancelled"},
    ],
)
def test_only_the_model_of_a_run_that_succeeded_goes_up(
    finished: Callable[..., Path], logged_in: Hub, state: dict[str, Any]
) -> None:
    run = finished()
    set_state(run, **state)
    refused = command(run)
    assert refused.returncode == 1 and state["state"] in refused.stderr
    assert not logged_in.requests


def test_a_push_that_is_made_up_for_ends_the_run_well(finished: Callable[..., Path], logged_in: Hub) -> None:
    run = finished()
    set_state(run, state="failed", stage="push", reason="push_failed", message="the Hub cannot be reached")
    do_push(run)
    state = record.read_state(run)
    assert (state.state.value, state.reason) == ("succeeded", None) and "ada/tiny" in state.message
    assert json.loads((run / "push.json").read_text())["repo"] == "ada/tiny"


def test_the_license_is_the_one_of_the_base(finished: Callable[..., Path], logged_in: Hub) -> None:
    def license_of(base: str) -> str:
        run = finished(base_model=base, compare=Compare())
        do_push(run, repo="ada/" + base.replace("/", "-"))
        return logged_in.read("model", "ada/" + base.replace("/", "-"), "README.md").decode()

    logged_in.put("model", "bob/known", {"README.md": b"---\nlicense: mit\n---\n# known\n"})
    named = b"---\nlicense: other\nlicense_name: own\nlicense_link: https://example.com\n---\n"
    logged_in.put("model", "bob/other", {"README.md": named})
    assert "license: mit\n" in license_of("bob/known")
    assert "license_name: own\n" in license_of("bob/other")
    assert "license:" not in license_of("bob/gone") and "license is not known" in license_of("bob/gone")


def test_the_recipes_own_token_is_the_one_that_counts(
    finished: Callable[..., Path], logged_in: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", logged_in.other_token)
    assert do_push(finished()).repo == "bob/tiny"


@pytest.mark.leaks
def test_nothing_private_travels(
    finished: Callable[..., Path], logged_in: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", logged_in.token)
    run = finished()
    do_push(run)
    for text in (logged_in.token, str(tmp_path), "/home/someone"):
        assert logged_in.where(text) == []
    (run / "recipe.yml").write_text(f"# {logged_in.token}\n")
    before = len(commits(logged_in, "ada/tiny"))
    refused = command(run)
    assert refused.returncode == 1 and "recipe.yml:1" in refused.stderr
    assert logged_in.token not in refused.stderr + refused.stdout
    assert len(commits(logged_in, "ada/tiny")) == before


def test_a_license_in_the_bases_own_repo_is_linked_there(
    finished: Callable[..., Path], logged_in: Hub
) -> None:
    named = b"---\nlicense: other\nlicense_name: own\nlicense_link: LICENSE\n---\n"
    logged_in.put("model", "bob/other", {"README.md": named, "LICENSE": b"Be kind."})
    do_push(finished(base_model="bob/other", compare=Compare()))
    card = logged_in.read("model", "ada/tiny", "README.md").decode()
    assert "license_link: https://huggingface.co/bob/other/blob/main/LICENSE\n" in card


def test_a_model_goes_to_an_organization_of_its_members(
    finished: Callable[..., Path], logged_in: Hub
) -> None:
    logged_in.state.accounts["ada"] = replace(logged_in.state.accounts["ada"], orgs=("acme",))
    assert check_target(finished(), repo="acme/tiny") == "acme/tiny"
    assert do_push(finished(), repo="acme/tiny").repo == "acme/tiny"
    assert check_target(finished(), repo="acme/tiny") == "acme/tiny"


def test_a_target_that_cannot_be_written_is_found_before_hours_are_spent(
    finished: Callable[..., Path], logged_in: Hub
) -> None:
    with pytest.raises(HubFailed, match="ada is no member of acme"):
        check_target(finished(), repo="acme/tiny")
    logged_in.state.create("model", "bob/open")
    with pytest.raises(HubFailed, match="asking whether bob/open may be written") as refused:
        check_target(finished(), repo="bob/open")
    assert refused.value.reason == "forbidden"
