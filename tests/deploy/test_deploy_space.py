"""`hf-recipes space`: what stands in the Space afterwards, who may read what, and what a second deploy changes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import environments
from hf_recipes.cli.errors import CommandFailed
from hf_recipes.cli.main import cli
from hf_recipes.hub.compare_space.read_token import only_reads

SPACE = "ada/hf-recipes-compare"
CARD = b"---\ntags:\n- hf-recipes\nbase_model: ada/base\n---\n"
MODEL = {"README.md": CARD, "adapter_config.json": b"{}"}


@pytest.fixture
def hub(logged_in: Any) -> Any:
    """The stand-in, which builds no Space: nothing is started here."""
    logged_in.builds_hang = True
    return logged_in


@pytest.fixture
def deploy(hub: Any, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """deploy(*arguments) → what `space deploy --json` prints."""

    def go(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        cli.main(args=["space", "deploy", "--json", "--no-wait", *arguments], standalone_mode=False)
        printed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return printed

    return go


def refused(deploy: Callable[..., Any], *arguments: str) -> str:
    with pytest.raises(CommandFailed) as error:
        deploy(*arguments)
    message = str(error.value)
    assert "\n" not in message
    return message


def uploads(hub: Any, space: str = SPACE) -> list[Any]:
    """The commits after the Hub's own first one, newest first."""
    return [one for one in hub.repo("space", space).history() if one.parent]


def contents(hub: Any, space: str = SPACE) -> dict[str, bytes]:
    return {path: hub.read("space", space, path) for path in hub.repo("space", space).files}


def card(hub: Any, space: str = SPACE) -> dict[str, Any]:
    import yaml

    head = hub.read("space", space, "README.md").decode().split("---\n")[1]
    found: dict[str, Any] = yaml.safe_load(head)
    return found


def test_all_pushed_models_go_online_in_one_commit_of_a_private_space(hub: Any, deploy: Any) -> None:
    hub.put("model", "ada/one", MODEL)
    hub.put("model", "ada/two", MODEL)
    hub.put("model", "ada/other", {"README.md": b"---\ntags: [something]\n---\n"})
    hub.put("model", "bob/theirs", MODEL)
    done = deploy()
    assert (done["space"], done["url"]) == (SPACE, f"{hub.endpoint}/spaces/{SPACE}")
    assert done["models"] == ["ada/one", "ada/two"] and done["private"] is True
    assert len(uploads(hub)) == 1
    assert json.loads(hub.read("space", SPACE, "compare.json"))["models"] == ["ada/one", "ada/two"]
    requirements = hub.read("space", SPACE, "requirements.txt").decode()
    shown = card(hub)
    assert f"gradio=={shown['sdk_version']}\n" in requirements
    assert (shown["sdk"], shown["app_file"], shown["models"]) == ("gradio", "app.py", ["ada/one", "ada/two"])
    assert {"hf-recipes", "hf-recipes-compare"} <= set(shown["tags"])
    pinned = [line for line in requirements.splitlines() if re.match(r"\w", line) and "filelock" not in line]
    assert len(pinned) > 8 and all("==" in line for line in pinned)
    assert hub.repo("space", SPACE).private
    assert hub.space(SPACE).secrets == {}
    # The token that deployed stays here.
    assert hub.where(hub.token) == []


def test_what_was_uploaded_runs_where_nothing_of_ours_is_installed(
    hub: Any, deploy: Any, tmp_path: Path
) -> None:
    hub.put("model", "ada/one", MODEL)
    deploy()
    for path, content in contents(hub).items():
        place = tmp_path / "space" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    # Every module, and whatever of ours stands in an import at any depth, inside functions too.
    program = """
import ast, importlib, importlib.util, pathlib, sys
sys.path.insert(0, ".")
for path in sorted(pathlib.Path(".").rglob("*.py")):
    parts = path.with_suffix("").parts
    importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    for node in ast.walk(ast.parse(path.read_text())):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.split(".")[0] != "hf_recipes" or importlib.util.find_spec(name), (path, name)
ours = [one for name, one in sys.modules.items() if name.split(".")[0] == "hf_recipes"]
assert ours and all(one.__file__.startswith(str(pathlib.Path.cwd())) for one in ours)
import settings
print(settings.read_settings(pathlib.Path("compare.json")).names)
"""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [str(environments.ensure("inference", say=print)), "-I", "-c", program],
        cwd=tmp_path / "space", env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "('ada/one',)"


def test_the_same_again_changes_nothing_and_another_list_is_one_more_commit(hub: Any, deploy: Any) -> None:
    hub.put("model", "ada/one", MODEL)
    hub.put("model", "ada/two", MODEL)
    first = deploy("--models", "ada/one", "--title", "Our models")
    again = deploy("--models", "ada/one")
    assert (again["changed"], again["commit"]) == (False, first["commit"])
    assert len(uploads(hub)) == 1

    # A file that an older version uploaded goes; one that a person put there stays.
    listed = json.loads(hub.read("space", SPACE, "compare.json"))
    listed["files"] += ["old_module.py", "../outside", 3]
    hub.put("space", SPACE, {
        "compare.json": json.dumps(listed).encode(), "old_module.py": b"old", "notes.md": b"mine",
    })  # fmt: skip
    second = deploy("--models", "ada/one", "ada/two", "--models", "ada/one")
    assert second["changed"] and second["models"] == ["ada/one", "ada/two"]
    assert len(uploads(hub)) == 3
    paths = set(hub.repo("space", SPACE).files)
    assert "old_module.py" not in paths and "notes.md" in paths
    assert card(hub)["title"] == "Our models" and card(hub)["models"] == ["ada/one", "ada/two"]


def test_public_is_asked_for_and_hardware_that_costs_sleeps(hub: Any, deploy: Any) -> None:
    hub.put("model", "ada/one", MODEL)
    deploy("--public", "--hardware", "t4-small")
    space = hub.space(SPACE)
    assert not hub.repo("space", SPACE).private
    assert (space.requested, space.sleep_time) == ("t4-small", 3600)
    # Without the options both stay as they are; with them they change.
    assert deploy()["private"] is False and space.requested == "t4-small"
    assert deploy("--private", "--hardware", "cpu-basic")["private"] is True
    assert hub.repo("space", SPACE).private and space.requested == "cpu-basic"
    deploy("--hardware", "zero-a10g")
    assert space.requested == "zero-a10g"


def test_hardware_that_costs_says_its_price_before_it_is_rented(
    hub: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.put("model", "ada/one", MODEL)
    for hardware, price in (("t4-small", "$0.40"), ("a10g-large", "$1.50")):
        cli.main(args=["space", "deploy", "--no-wait", "--hardware", hardware], standalone_mode=False)
        lines = capsys.readouterr().err.splitlines()
        said = f"{hardware} costs {price} an hour while it runs; it sleeps after an hour without visitors"
        assert said in lines
        made = [at for at, line in enumerate(lines) if line.startswith("making")]
        assert not made or lines.index(said) < made[0]


def test_hardware_that_the_hub_does_not_have_or_that_cannot_be_paid_makes_no_page(
    hub: Any, deploy: Any
) -> None:
    hub.put("model", "ada/one", MODEL)
    assert "t5-small: the Hub refuses it (400): Invalid hardware" in refused(deploy, "--hardware", "t5-small")
    hub.state.accounts["ada"] = replace(hub.state.accounts["ada"], can_pay=False)
    assert "no credit for it" in refused(deploy, "--hardware", "t4-small")
    assert ("space", SPACE) not in hub.state.repos


def said_by_deploy(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The one line about hardware that was chosen."""
    capsys.readouterr()
    cli.main(args=["space", "deploy", "--no-wait", *arguments], standalone_mode=False)
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("hardware: ")]


def test_an_account_without_pro_gets_zerogpu_and_is_told_why(
    hub: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.put("model", "ada/one", MODEL)
    hub.state.accounts["ada"] = replace(hub.state.accounts["ada"], pro=False, can_pay=False)
    [line] = said_by_deploy(capsys)
    assert "zero-a10g" in line and "no PRO plan" in line and "costs nothing" in line
    space = hub.space(SPACE)
    assert (space.requested, space.sleep_time) == ("zero-a10g", None)
    # It is there now, and stays what it is.
    assert said_by_deploy(capsys, "--title", "Again") == [] and space.requested == "zero-a10g"


def test_an_account_with_pro_gets_what_it_got_and_zerogpu_when_it_asks(
    hub: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.put("model", "ada/one", MODEL)
    [line] = said_by_deploy(capsys)
    assert "cpu-basic" in line and hub.space(SPACE).requested == "cpu-basic"
    [line] = said_by_deploy(capsys, "--hardware", "zero-a10g", "--repo", "ada/other")
    assert "as asked for" in line and hub.space("ada/other").requested == "zero-a10g"


@pytest.mark.parametrize("hardware", ["cpu-basic", "t4-small"])
def test_hardware_that_takes_pro_names_the_way_without(hub: Any, deploy: Any, hardware: str) -> None:
    hub.put("model", "ada/one", MODEL)
    hub.state.accounts["ada"] = replace(hub.state.accounts["ada"], pro=False)
    message = refused(deploy, "--hardware", hardware)
    assert "requires a PRO subscription" in message and "without --hardware" in message


def test_a_page_in_an_organization_is_the_affair_of_its_own_plan(hub: Any, deploy: Any) -> None:
    hub.put("model", "ada/one", MODEL)
    hub.state.accounts["ada"] = replace(hub.state.accounts["ada"], pro=False, orgs=("team",))
    message = refused(deploy, "--repo", "team/page")
    assert "cpu-basic" in message and "zero-a10g" not in message and "hf-recipes compare RUN" in message


@pytest.mark.parametrize("why", ["maximum of 2 ZeroGPU Spaces", "accounts in good standing"])
def test_an_account_that_the_hub_makes_no_page_for_is_told_what_it_can_do(
    hub: Any, deploy: Any, why: str
) -> None:
    hub.put("model", "ada/one", MODEL)
    hub.state.accounts["ada"] = replace(hub.state.accounts["ada"], pro=False)
    if "maximum" in why:
        deploy("--repo", "ada/first")
        deploy("--repo", "ada/second")
    else:
        hub.state.accounts["ada"] = replace(hub.state.accounts["ada"], good_standing=False)
    message = refused(deploy)
    assert f"{SPACE} on zero-a10g: the Hub refuses it (403): " in message and why in message
    assert "hf-recipes compare RUN" in message and "write access" not in message, "no other token helps"
    assert ("space", SPACE) not in hub.state.repos


def test_a_token_that_may_not_make_spaces_is_told_so_on_zerogpu_too(hub: Any, deploy: Any) -> None:
    hub.put("model", "ada/one", MODEL)
    words = "You don't have the rights to create a space under the namespace"
    hub.fail("POST", "/api/repos/create", 403, message=words)
    message = refused(deploy, "--hardware", "zero-a10g")
    assert words in message and "write access" in message


def test_a_page_that_is_there_says_why_it_may_not_move_to_zerogpu(hub: Any, deploy: Any) -> None:
    hub.put("model", "ada/one", MODEL)
    deploy()
    hub.state.accounts["ada"] = replace(hub.state.accounts["ada"], pro=False, good_standing=False)
    message = refused(deploy, "--hardware", "zero-a10g")
    assert f"putting the Space {SPACE} on zero-a10g" in message and "good standing" in message
    assert "hf-recipes compare RUN" in message and hub.space(SPACE).requested == "cpu-basic"


def test_the_page_gets_a_torch_for_the_drivers_of_rented_gpus(hub: Any, deploy: Any) -> None:
    hub.put("model", "ada/one", MODEL)
    deploy()
    first, *rest = hub.read("space", SPACE, "requirements.txt").decode().splitlines()
    assert first == "--extra-index-url https://download.pytorch.org/whl/cu129"
    assert any(line.startswith("torch==") for line in rest), "of the release that is pinned"


def test_the_page_is_of_versions_that_zerogpu_takes(hub: Any, deploy: Any) -> None:
    """Others are a configuration error there. The lists: docs/hub/spaces-zerogpu.md of the Hub, in September 2026."""
    hub.put("model", "ada/one", MODEL)
    deploy()
    torch = re.search(r"^torch==(\S+)", hub.read("space", SPACE, "requirements.txt").decode(), re.MULTILINE)
    assert torch and torch[1] in ("2.8.0", "2.9.1", "2.10.0", "2.11.0", "2.12.1", "2.13.0")
    assert card(hub)["python_version"] in ("3.10", "3.12")
    # Its own `spaces` is the one that fits it: a pinned one would take its place.
    assert not re.search(r"^spaces\b", hub.read("space", SPACE, "requirements.txt").decode(), re.MULTILINE)


@pytest.fixture
def private_model(hub: Any) -> Any:
    hub.put("model", "ada/secret", MODEL, private=True)
    return hub


def test_the_hardware_that_a_recipe_asks_for_is_said_and_not_taken_unasked(
    hub: Any, deploy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.put("model", "ada/one", {**MODEL, "recipe.yml": b"compare: {hardware: a10g-large}\n"})
    hub.put("model", "ada/two", {**MODEL, "recipe.yml": b"compare: [not, a, mapping"})
    cli.main(args=["space", "deploy", "--no-wait"], standalone_mode=False)
    said = capsys.readouterr().err
    assert "the recipe of ada/one asks for a10g-large" in said and "--hardware a10g-large" in said
    assert "ada/two asks" not in said and hub.space(SPACE).requested == "cpu-basic"
    cli.main(args=["space", "deploy", "--no-wait", "--hardware", "a10g-large"], standalone_mode=False)
    assert hub.space(SPACE).requested == "a10g-large"
    assert "asks for" not in capsys.readouterr().err


def test_a_private_model_needs_a_token_that_only_reads(
    private_model: Any, deploy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = private_model
    message = refused(deploy)
    assert "ada/secret is private" in message and "huggingface.co/settings/tokens" in message
    assert "HF_RECIPES_SPACE_TOKEN" in message
    assert ("space", SPACE) not in hub.state.repos

    monkeypatch.setenv("HF_RECIPES_SPACE_TOKEN", hub.token)
    message = refused(deploy)
    assert "may write" in message and hub.token not in message
    assert ("space", SPACE) not in hub.state.repos

    monkeypatch.setenv("HF_RECIPES_SPACE_TOKEN", "hf" + "_" + "x" * 34)
    assert "HF_RECIPES_SPACE_TOKEN" in refused(deploy)
    monkeypatch.delenv("HF_RECIPES_SPACE_TOKEN")

    monkeypatch.setenv("MY_READER", hub.read_token)
    deploy("--read-token-env", "MY_READER")
    assert hub.space(SPACE).secrets["HF_TOKEN"]["value"] == hub.read_token
    assert hub.repo("space", SPACE).private
    # It travelled as a secret and nowhere else: not in a file, a variable or a message.
    sent = hub.where(hub.read_token)
    assert sent and all("/repos/create" in one for one in sent), sent
    assert hub.read_token not in json.dumps(hub.space(SPACE).variables)

    # The Space keeps its secret when it is updated without one, and loses it when no model needs it.
    monkeypatch.delenv("MY_READER")
    deploy("--title", "Again")
    assert "HF_TOKEN" in hub.space(SPACE).secrets
    hub.put("model", "ada/open", MODEL)
    deploy("--models", "ada/open")
    assert hub.space(SPACE).secrets == {}


def test_a_token_that_cannot_read_the_model_is_told(
    private_model: Any, deploy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_RECIPES_SPACE_TOKEN", private_model.state.add_token("bob", "read"))
    assert "reading ada/secret with the token in HF_RECIPES_SPACE_TOKEN" in refused(deploy)


def test_private_models_are_not_shown_to_everyone_by_mistake(
    private_model: Any, deploy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_RECIPES_SPACE_TOKEN", private_model.read_token)
    assert "ada/secret is private" in refused(deploy, "--public")
    assert deploy("--public", "--yes")["private"] is False
    assert "ada/secret is private" in refused(deploy)  # the Space that is there is public
    assert deploy("--private")["private"] is True


def test_models_that_are_not_there_are_told_before_anything_is_made(hub: Any, deploy: Any) -> None:
    message = refused(deploy)
    assert "no model with the tag hf-recipes" in message and "hf-recipes push" in message
    assert "looking at the model ada/nothing" in refused(deploy, "--models", "ada/nothing")
    assert "user/name" in refused(deploy, "--models", "nothing")
    assert not any(kind == "space" for kind, _ in hub.state.repos)


def test_a_space_that_somebody_else_made_is_left_alone(
    hub: Any, deploy: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.put("model", "ada/one", MODEL)
    hub.put("space", "ada/game", {"app.py": b"game", "README.md": b"---\nsdk: gradio\n---\n"}, sdk="gradio")
    assert "--repo" in refused(deploy, "--repo", "ada/game")
    with pytest.raises(CommandFailed, match="did not make"):
        cli.main(args=["space", "delete", "ada/game", "--yes"], standalone_mode=False)
    assert len(uploads(hub, "ada/game")) == 1

    deploy("--repo", "ada/page")
    cli.main(args=["space", "list", "--json"], standalone_mode=False)
    [listed] = json.loads(capsys.readouterr().out)
    assert (listed["space"], listed["models"], listed["private"]) == ("ada/page", ["ada/one"], True)
    cli.main(args=["space", "delete", "ada/page", "--yes"], standalone_mode=False)
    assert ("space", "ada/page") not in hub.state.repos and ("space", "ada/game") in hub.state.repos


def run_deploy() -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).parent / "hf-recipes"), "space", "deploy"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said_until(process: subprocess.Popen[str], word: str) -> str:
    """What the command says, up to the line with this word."""
    assert process.stderr is not None
    text = ""
    for line in process.stderr:
        text += line
        if word in line:
            return text
    raise AssertionError(f"it never said {word!r}: {text}")


def test_it_waits_until_the_page_runs_and_prints_the_address(hub: Any) -> None:
    hub.put("model", "ada/one", MODEL)
    process = run_deploy()
    said_until(process, "building")
    hub.space(SPACE).steer("APP_STARTING")
    said_until(process, "starting")
    hub.space(SPACE).steer("RUNNING")
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, f"{hub.endpoint}/spaces/{SPACE}\n")


@pytest.mark.parametrize(
    "slow",
    [r"/api/repos/create", r"/api/spaces/.*/commit/", r"/api/models/ada/one$"],
    ids=["making", "uploading", "looking"],
)
def test_ctrl_c_leaves_what_the_next_deploy_finishes(hub: Any, slow: str) -> None:
    hub.put("model", "ada/one", MODEL)
    fault = hub.fail("GET" if slow.endswith("$") else "POST", slow, delay=3.0)
    process = run_deploy()
    wait_for(lambda: fault.times == 0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.strip().splitlines()[-1] == "interrupted", err
    wait_for(lambda: all(one.status is not None for one in hub.requests))
    cli.main(args=["space", "deploy", "--no-wait"], standalone_mode=False)
    assert json.loads(contents(hub)["compare.json"])["models"] == ["ada/one"]
    assert hub.space(SPACE).variables["HF_RECIPES_COMPARE"]["value"] == "compare.json"


def test_ctrl_c_while_it_waits_leaves_the_page_to_be_built(hub: Any) -> None:
    hub.put("model", "ada/one", MODEL)
    process = run_deploy()
    said_until(process, "building")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert hub.space(SPACE).stage == "BUILDING" and len(uploads(hub)) == 1


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 429, "headers": {"Retry-After": "1"}}, {"lost": True}], ids=str
)
def test_a_creation_that_fails_in_passing_makes_one_page(
    hub: Any, deploy: Any, fault: dict[str, Any]
) -> None:
    hub.put("model", "ada/one", MODEL)
    met = hub.fail("POST", r"/api/repos/create", **fault)
    assert deploy()["changed"] and met.times == 0
    assert len(uploads(hub)) == 1


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def test_a_page_that_does_not_build_says_why_and_one_that_was_paused_wakes(hub: Any) -> None:
    hub.put("model", "ada/one", MODEL)
    process = run_deploy()
    said_until(process, "building")
    threading.Timer(0.1, lambda: hub.space(SPACE).steer("BUILD_ERROR", "no matching torch")).start()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "build error: no matching torch" in err.splitlines()[-1]

    hub.space(SPACE).steer("PAUSED")
    process = run_deploy()
    assert "up to date" in said_until(process, "building")
    hub.space(SPACE).steer("RUNNING")
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("token", "reads"),
    [
        ({"role": "read"}, True),
        ({"role": "write"}, False),
        ({}, False),
        ({"role": "fineGrained", "fineGrained": {"global": [], "scoped": []}}, True),
        (
            {
                "role": "fineGrained",
                "fineGrained": {"scoped": [{"permissions": ["repo.content.read", "repo.access.read"]}]},
            },
            True,
        ),
        (
            {
                "role": "fineGrained",
                "fineGrained": {"scoped": [{"permissions": ["repo.content.read", "repo.write"]}]},
            },
            False,
        ),
        ({"role": "fineGrained", "fineGrained": {"global": ["discussion.write"]}}, False),
    ],
)
def test_what_a_token_may_do_decides(token: dict[str, Any], reads: bool) -> None:
    assert only_reads({"auth": {"accessToken": token}}) is reads
