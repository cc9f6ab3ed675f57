"""What goes wrong with the Hub, each with the sentence that a person reads and what is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.hub.account import account, api, writer
from hf_recipes.hub.errors import HubFailed, explain_hub_error, hub_errors, retrying
from hf_recipes.hub.publish.push import Pushed, push
from hub.handle import Hub

HF_RECIPES = Path(sys.executable).with_name("hf-recipes")


def do_push(run: Path, **more: Any) -> Pushed:
    return push(run, **{"repo": None, "private": True, "force": False, "say": lambda _: None, **more})


def commits(hub: Hub) -> int:
    return len(hub.repo("model", "ada/tiny").commits) - 1


@pytest.mark.parametrize(
    ("status", "headers", "reason", "said"),
    [
        (401, {}, "token_invalid", "hf auth login"),
        (402, {}, "no_credit", "huggingface.co/settings/billing"),
        (403, {}, "forbidden", "write access"),
        (403, {"X-Error-Code": "GatedRepo"}, "gated", "ask for it"),
        (404, {}, "not_found", "nothing of that name"),
        (409, {}, "conflict", "someone else"),
        (400, {}, "refused", "the stand-in Hub was told to fail"),
    ],
)
def test_a_refusal_is_one_sentence_that_says_what_to_do(
    finished: Callable[..., Path],
    logged_in: Hub,
    status: int,
    headers: dict[str, str],
    reason: str,
    said: str,
) -> None:
    run = finished()
    logged_in.fail("POST", r"/api/models/ada/tiny/commit", status, headers=headers)
    with pytest.raises(HubFailed) as refused:
        do_push(run)
    assert (refused.value.reason, refused.value.status) == (reason, status)
    sentence = str(refused.value)
    assert sentence.startswith("pushing to ada/tiny: ") and said in sentence and "\n" not in sentence
    assert commits(logged_in) == 0
    # Nothing is in the way of the next try.
    assert do_push(run).new and commits(logged_in) == 1


def test_a_card_that_the_hub_finds_wrong_is_said(finished: Callable[..., Path], logged_in: Hub) -> None:
    logged_in.fail("POST", r"/api/validate-yaml", 400)
    with pytest.raises(HubFailed, match="Invalid metadata") as refused:
        do_push(finished())
    assert refused.value.reason == "refused" and commits(logged_in) == 0


def test_the_command_says_it_in_one_line(finished: Callable[..., Path], logged_in: Hub) -> None:
    logged_in.fail("POST", r"/api/repos/create", 402)
    done = subprocess.run(
        [str(HF_RECIPES), "push", str(finished())], capture_output=True, text=True, env={**os.environ}
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith("error: creating ada/tiny: your account has no credit")
    )
    assert "Traceback" not in done.stderr and logged_in.token not in done.stderr


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        (r"/api/models/ada/tiny$", 500, {}),
        (r"/api/models/ada/tiny/commit", 503, {}),
        (r"/api/models/ada/tiny/commit", 429, {"Retry-After": "1"}),
        (r"/api/repos/create", 502, {}),
        (r"/api/validate-yaml", 500, {}),
    ],
)
def test_what_passes_by_itself_is_waited_for(
    finished: Callable[..., Path], logged_in: Hub, path: str, status: int, headers: dict[str, str]
) -> None:
    fault = logged_in.fail("GET" if path.endswith("$") else "POST", path, status, headers=headers)
    assert do_push(finished()).new and commits(logged_in) == 1
    assert fault.times == 0, "the fault was never met"


@pytest.mark.parametrize("after_bytes", [0, 30])
def test_a_connection_cut_in_the_middle_of_an_upload_is_repeated(
    finished: Callable[..., Path], logged_in: Hub, after_bytes: int
) -> None:
    fault = logged_in.fail("PUT", r".*", after_bytes=after_bytes)
    run = finished()
    assert do_push(run).new and commits(logged_in) == 1
    assert fault.times == 0, "the fault was never met"
    weights = (run / "model" / "adapter_model.safetensors").read_bytes()
    assert logged_in.read("model", "ada/tiny", "adapter_model.safetensors") == weights


def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    finished: Callable[..., Path], logged_in: Hub
) -> None:
    fault = logged_in.fail("POST", r"/api/models/ada/tiny/commit", lost=True)
    pushed = do_push(finished())
    assert commits(logged_in) == 1 and fault.times == 0
    assert pushed.commit == logged_in.repo("model", "ada/tiny").commit("main").id


def test_what_someone_else_pushes_meanwhile_is_looked_at_first(
    finished: Callable[..., Path], logged_in: Hub
) -> None:
    run = finished()
    do_push(run)
    (run / "recipe.yml").write_text("task: llm-sft\n# changed\n")
    logged_in.fail("POST", r"/api/models/ada/tiny/commit", 412)
    assert do_push(run).new and commits(logged_in) == 2


def test_an_account_is_asked_for(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    assert (account(api(hub.token)).name, account(api(hub.token)).may_write) == ("ada", True)
    assert not account(api(hub.read_token)).may_write
    with pytest.raises(HubFailed, match="may only read") as refused:
        writer(api(hub.read_token), doing="pushing the model")
    assert refused.value.reason == "forbidden"
    with pytest.raises(HubFailed) as invalid:
        account(api("hf_" + "nobodys" * 5))
    assert invalid.value.reason == "token_invalid" and "nobodys" not in str(invalid.value)


def test_no_login_is_one_line_that_says_what_to_type(
    finished: Callable[..., Path], hub: Hub, tmp_path: Path
) -> None:
    environment = {name: value for name, value in os.environ.items() if "TOKEN" not in name}
    environment |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "empty")}
    done = subprocess.run(
        [str(HF_RECIPES), "push", str(finished())], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "error: you are not logged in to Hugging Face; type: hf auth login"


def test_no_hub_at_all_is_said(logged_in: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    waits: list[float] = []

    def ask() -> object:
        with hub_errors("asking"):
            return api().whoami()

    with pytest.raises(HubFailed) as failed:
        retrying(ask, sleep=waits.append)
    assert failed.value.reason == "unreachable" and "HF_ENDPOINT" in str(failed.value)
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_waiting_is_as_long_as_the_hub_asks_and_bounded(logged_in: Hub) -> None:
    def waits(retry_after: str, times: int) -> list[float]:
        slept: list[float] = []
        logged_in.state.faults.clear()
        logged_in.fail("GET", "/api/whoami-v2", 429, times=times, headers={"Retry-After": retry_after})
        try:
            retrying(api().whoami, sleep=slept.append)
        except Exception as error:
            slept.append(-1)
            assert "try again in" in str(explain_hub_error(error, "asking"))
        return slept

    assert waits("7", 2) == [7.0, 7.0]
    assert waits("50", 9) == [50.0, 50.0, -1]
    assert waits("3600", 1) == [-1]


def test_only_what_the_hub_did_is_laid_at_its_door() -> None:
    with pytest.raises(KeyError), hub_errors("pushing"):
        raise KeyError("ours")
    with pytest.raises(FileNotFoundError), hub_errors("pushing"):
        Path("/nowhere/at/all").read_text()
    calls: list[int] = []

    def ours() -> None:
        calls.append(1)
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        retrying(ours, sleep=lambda _: None)
    assert calls == [1]


@pytest.mark.parametrize(
    ("status", "words", "reason", "said"),
    [
        (402, "hosting Gradio and Docker Spaces on free cpu-basic requires a PRO subscription", "no_plan", "plan does not allow it: hosting"),
        (402, "Pre-paid credit balance is insufficient", "no_credit", "add some at huggingface.co/settings/billing (the Hub says: Pre-paid"),
        (403, "You must add a payment method to your account to upgrade your space's hardware.", "no_credit", "settings/billing"),
        (403, "Private repository storage limit reached, please upgrade your plan", "no_room", "no room for it in your account: Private"),
        (403, "Please enable access to public gated repositories in your fine-grained token settings to view this repository.", "forbidden", "turn that on for it at huggingface.co/settings/tokens"),
        (403, "You don't have the rights to create a model under the namespace acme", "forbidden", "make one with write access"),
    ],
)  # fmt: skip
def test_a_refusal_that_no_other_token_would_change_asks_for_no_other_token(
    logged_in: Hub, status: int, words: str, reason: str, said: str
) -> None:
    """In the words of the Hub itself, as people have met them."""
    logged_in.fail("GET", "/api/models/ada/x$", status, message=words)
    with pytest.raises(HubFailed) as failure, hub_errors("creating it"):
        api().model_info("ada/x")
    assert failure.value.reason == reason and said in str(failure.value)
    assert (reason == "forbidden" and "gated" not in words) == (
        "make one with write access" in str(failure.value)
    )


def test_a_login_in_the_browser_is_an_account_that_may_write(
    finished: Callable[..., Path], logged_in: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `hf auth login` leaves it: the Hub names no role for such a token."""
    monkeypatch.setenv("HF_TOKEN", logged_in.oauth_token)
    assert account().may_write and do_push(finished()).repo == "ada/tiny"


def test_who_somebody_is_is_asked_once_a_client(logged_in: Hub) -> None:
    client = api()
    for _ in range(4):
        assert account(client).name == "ada"
    assert len([one for one in logged_in.requests if one.path == "/api/whoami-v2"]) == 1
