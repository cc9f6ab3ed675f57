"""The judge: our client against a real server that speaks the chat completions interface."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.evaluation.answers import Answer, EvaluationFailed
from hf_recipes.evaluation.judge import RECORD, preferred_answer
from hf_recipes.evaluation.metrics import Setting, measure_metric

KEY = "sk-swordfish"
Decide = Callable[[str, str], str]


class Endpoint:
    """`decide(answer A, answer B)` → the reply."""

    def __init__(self, decide: Decide) -> None:
        self.decide, self.status = decide, 200
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.asked.append(asked)
                endpoint.keys.add(self.headers["Authorization"].removeprefix("Bearer "))
                first, second = re.findall(
                    r"<answer \w>\n(.*?)\n</answer", asked["messages"][1]["content"], re.S
                )
                said = {"role": "assistant", "content": endpoint.decide(first, second)}
                choice = {"index": 0, "finish_reason": "stop", "message": said}
                body = json.dumps(
                    {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
                )
                found = self.path == "/v1/chat/completions"
                self.send_response(endpoint.status if found else 404)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A judge that likes the longer answer."""
    one = Endpoint(lambda a, b: "SAME" if len(a) == len(b) else "A" if len(a) > len(b) else "B")
    yield one
    one.close()


def judged(endpoint: Endpoint, folder: Path, *pairs: tuple[str, str], **options: Any) -> list[float]:
    answers = [Answer(row, *pair, 1, 1, 0.1, "base:0") for row, pair in enumerate(pairs)]
    questions: Any = {row: [{"role": "user", "content": f"question {row}"}] for row in range(len(pairs))}
    given = {"base_url": endpoint.url, "model": "m", **options}
    found = measure_metric("judge", answers, Setting(folder, questions, given))
    assert found is not None
    return list(found.values)


def test_the_better_answer_wins_in_both_orders(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    pairs = [("much longer", "short"), ("short", "much longer"), ("same!", "equal"), ("equal ", "equal")]
    assert judged(endpoint, tmp_path, *pairs, api_key="MY_KEY", instructions="Longer is better.") == [
        1,
        0,
        0.5,
        0.5,
    ]
    assert len(endpoint.asked) == 6  # two orders each; what is the expected answer is not asked about
    assert endpoint.keys == {KEY}
    first = endpoint.asked[0]["messages"]
    assert "Longer is better." in first[0]["content"] and "question" in first[1]["content"]
    assert KEY not in (tmp_path / RECORD).read_text()


def test_a_judge_that_goes_by_the_order_finds_no_difference(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.decide = lambda a, b: "A"
    assert judged(endpoint, tmp_path, ("much longer", "short")) == [0.5]


def test_nothing_is_asked_twice(endpoint: Endpoint, tmp_path: Path) -> None:
    pairs = [("much longer", "short"), ("x", "much longer")]
    judged(endpoint, tmp_path, *pairs)
    record = tmp_path / RECORD
    record.write_text(record.read_text() + '{"key": "cut')  # as an interruption leaves it
    assert judged(endpoint, tmp_path, *pairs) == [1, 0]
    assert len(endpoint.asked) == 4
    judged(endpoint, tmp_path, *pairs, instructions="Otherwise.")
    assert len(endpoint.asked) == 8


def test_a_reply_with_reasons_is_read_by_its_last_word(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.decide = lambda a, b: "Answer B is short. So: " + ("**A**" if len(a) > len(b) else "**B**")
    assert judged(endpoint, tmp_path, ("much longer", "short")) == [1]


def test_a_judge_that_cannot_be_read_is_none(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.decide = lambda a, b: "I'd rather not say."
    with pytest.raises(EvaluationFailed, match="2 of 2 replies of m do not name one answer"):
        judged(endpoint, tmp_path, ("much longer", "short"))


def test_what_is_wrong_with_the_endpoint_is_one_sentence_without_the_key(
    endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EvaluationFailed, match="variable NO_KEY is not set"):
        judged(endpoint, tmp_path, ("a", "b"), api_key="NO_KEY")
    monkeypatch.setenv("MY_KEY", KEY)
    endpoint.status = 401
    with pytest.raises(EvaluationFailed, match=r"judge: \S+ refuses the key \(401\)") as failure:
        judged(endpoint, tmp_path, ("a", "b"), api_key="MY_KEY")
    assert KEY not in str(failure.value)
    monkeypatch.setattr("hf_recipes.endpoint.client.RETRIES", 0)
    with pytest.raises(EvaluationFailed, match="cannot be reached"):
        judged(endpoint, tmp_path, ("a", "b"), base_url="http://127.0.0.1:9/v1")


def test_a_question_that_was_not_recorded_is_said(endpoint: Endpoint, tmp_path: Path) -> None:
    answers = [Answer(7, "a", "b", 1, 1, 0.1, "base:0")]
    with pytest.raises(EvaluationFailed, match="the question of row 7 was not recorded"):
        measure_metric("judge", answers, Setting(tmp_path, {}, {"base_url": endpoint.url, "model": "m"}))


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        ("A", "A"),
        ("b", "B"),
        ("**B**", "B"),
        ("Answer: A.", "A"),
        ("Answer B", "B"),
        ("(A)", "A"),
        ("They are the same.", "SAME"),
        ("SAME", "SAME"),
        ("B, since it is a more complete answer.", "B"),
        ("Answer B is a better one", "B"),
        ("A. B leaves out the date.", "A"),
        ("A: wrong. B: right.\n\nVerdict: B", "B"),
        ("<think>A is short, B is a long one</think>B", "B"),
        ("A. The other says the same in more words.", "A"),
        ("A is better than B.", ""),
        ("A > B", ""),
        ('{"winner": "A"}', "A"),
        ("It is a tie, or is it?", ""),
        ("", ""),
    ],
)
def test_a_reply_is_read_by_the_word_that_it_chooses(reply: str, word: str) -> None:
    """An article is no choice, and who names both has to be read by a person."""
    assert preferred_answer(reply) == word


def test_a_judge_that_names_both_does_not_turn_the_verdict_round(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.decide = lambda a, b: f"{'AB'[len(b) > len(a)]} is better than {'BA'[len(b) > len(a)]}."
    with pytest.raises(EvaluationFailed, match="do not name one answer"):
        judged(endpoint, tmp_path, ("much longer", "short"))
