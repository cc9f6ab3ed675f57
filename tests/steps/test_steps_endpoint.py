"""Models behind an endpoint: what is asked of them, and what they say when they refuse."""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path

import pytest

from hf_recipes.steps.answer.endpoint import EndpointFailed, ReferenceEndpoint

SPEC = importlib.util.spec_from_file_location("endpoints", Path(__file__).with_name("endpoints.py"))
assert SPEC and SPEC.loader
endpoints = importlib.util.module_from_spec(SPEC)
sys.modules["endpoints"] = endpoints
SPEC.loader.exec_module(endpoints)

KEY = "sk-" + "q7" * 12
QUESTIONS = [[{"role": "user", "content": f"question {number}"}] for number in range(20)]


@pytest.fixture
def serve():
    started = []

    def start(**behaviour):
        server = endpoints.Server(endpoints.Behaviour(**behaviour))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def ask(server, *, model="big", api_key=None, questions=QUESTIONS[:2]):
    endpoint = ReferenceEndpoint("evaluate.reference", server.url, model, api_key)
    try:
        return endpoint.chat(questions, weights=f"reference:{model}", max_new_tokens=7)
    finally:
        endpoint.close()


def refused(server, **call) -> str:
    with pytest.raises(EndpointFailed) as failed:
        ask(server, **call)
    assert "\n" not in str(failed.value) and str(failed.value).startswith("evaluate.reference: ")
    return str(failed.value)


def test_an_answer_that_the_server_cut_is_one_that_ended_at_the_limit(serve):
    assert [one.cut for one in ask(serve(ended="length"))] == [True, True]
    assert [one.cut for one in ask(serve())] == [False, False]
    endpoint = ReferenceEndpoint(
        "evaluate.reference", serve().url, "big"
    )  # its answers have 3 tokens, whatever it says of them
    assert [one.cut for one in endpoint.chat(QUESTIONS[:1], weights="reference:big", max_new_tokens=3)] == [
        True
    ]
    endpoint.close()


def test_answers_come_in_order_with_the_tokens_that_the_server_counted(serve):
    server = serve(seconds=0.02)
    answers = ask(server, questions=QUESTIONS)
    assert [one.text for one in answers] == [f"big: question {number}" for number in range(20)]
    assert {(one.prompt_tokens, one.completion_tokens, one.weights) for one in answers} == {
        (2, 3, "reference:big")
    }
    assert 1 < server.behaviour.most <= 8
    # Seconds are the wall time's share of a row, as for a batch that is generated here.
    assert 0 < sum(one.seconds for one in answers) < 20 * 0.02 + 2
    sent = server.behaviour.seen[0]
    assert (sent["temperature"], sent["max_tokens"]) == (0, 7)


def test_the_key_of_another_server_is_not_sent(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = serve()
    ask(server)
    assert {one["auth"] for one in server.behaviour.seen} == {"Bearer none"}


def test_the_named_key_is_sent_and_stands_in_no_message(serve, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    assert ask(serve(key=KEY), api_key="MY_KEY")
    said = refused(serve(key="another"), api_key="MY_KEY")
    assert "refuses the key (401)" in said and KEY not in said
    said = refused(serve(refuse=[(400, {}, f"your key {KEY} is odd")] * 2), api_key="MY_KEY")
    assert "your key *** is odd" in said
    monkeypatch.delenv("MY_KEY")
    assert "MY_KEY is not set" in refused(serve(), api_key="MY_KEY")


def test_a_busy_server_is_asked_again_when_it_says(serve):
    server = serve(refuse=[(429, {"Retry-After": "1"}, "slow down"), (503, {}, "loading")])
    assert len(ask(server)) == 2
    assert len(server.behaviour.seen) == 4


def test_newer_models_take_other_names_for_the_settings(serve):
    server = serve(newer=True)
    assert len(ask(server, questions=QUESTIONS[:4])) == 4
    assert server.behaviour.seen[-1].get("max_completion_tokens") == 7


def test_what_refuses_says_why_in_one_sentence(serve, monkeypatch):
    assert "knows no model 'small' (404)" in refused(serve(), model="small")
    assert "how many tokens it read and wrote" in refused(serve(usage=False))
    server = serve()
    server.shutdown()
    server.server_close()
    monkeypatch.setattr("hf_recipes.endpoint.client.RETRIES", 0)
    assert "cannot be reached (" in refused(server)


def test_the_reasoning_in_a_reply_is_no_part_of_the_answer(serve):
    model = "<think>Ice.</think>"
    first, _ = ask(serve(models=(model,)), model=model)
    assert (first.text, first.reasoning) == (": question 0", model)


def test_the_server_s_chat_template_is_told_the_options_where_it_takes_them(serve):
    server = serve()
    refusing = serve(
        refuse=[(400, {}, "Unrecognized request argument supplied: chat_template_kwargs")], seconds=0.0
    )
    for one in (server, refusing):
        endpoint = ReferenceEndpoint("evaluate.server", one.url, "big")
        try:
            answers = endpoint.chat(
                QUESTIONS[:1],
                weights="base:big",
                max_new_tokens=7,
                template_options={"enable_thinking": False},
            )
        finally:
            endpoint.close()
        assert [answer.text for answer in answers] == ["big: question 0"]
    told = [one.get("chat_template_kwargs") for one in (*server.behaviour.seen, *refusing.behaviour.seen)]
    assert told == [{"enable_thinking": False}, {"enable_thinking": False}, None]
