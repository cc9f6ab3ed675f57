"""What is put into a prompt for a row: the most similar training examples or passages, and never a test row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_recipes.data.findings import DataError
from hf_recipes.runner.causes import StepFailed
from hf_recipes.steps.answer.documents import LONGEST, passages
from hf_recipes.steps.answer.prompts import Asking
from hf_recipes.steps.answer.retrieval import Words, best, load_embedding_model, plain_words, told_language
from hf_recipes.steps.job_of_run import job_of_run

SYSTEM = {"role": "system", "content": "Answer."}


def chat(question: str, answer: str | None = None) -> list[dict[str, str]]:
    turns = [SYSTEM, {"role": "user", "content": question}]
    return [*turns, {"role": "assistant", "content": answer}] if answer else turns


def words(messages) -> int:
    return sum(len(turn["content"].split()) for turn in messages)


@pytest.fixture
def asking(make_run):
    """Makes the Asking of a run with these training examples."""

    def make(examples: list[tuple[str, str]], *, room: int | None = None, **evaluate) -> Asking:
        run = make_run(
            task="lm_training",
            base_model="x",
            data={"path": "x", "local": True, "train_split": "train"},
            params={},
            evaluate=evaluate,
        )
        data = run / "work" / "data"
        data.mkdir()
        rows = [json.dumps({"text": chat(*one)}) + "\n" for one in examples]
        (data / "train.jsonl").write_text("".join(rows))
        return Asking(run, job_of_run(run), words, room)

    return make


BANK = [
    ("Why was my card declined at the shop?", "declined_payment"),
    ("How do I order a new card?", "order_card"),
    ("My cards were declining at several shops", "declined_payment"),
    ("What is the exchange rate for euros?", "exchange_rate"),
    ("Can I top up with cash?", "top_up"),
]


def test_similar_examples_stand_as_turns_the_nearest_one_last(asking):
    [asked] = asking(BANK, passages=2).prompts(
        "retrieval", [{"messages": chat("The shop declined my cards")}]
    )
    assert set(asked.sources) == {"train#1", "train#3"}  # "cards were declining", since words are stemmed
    assert [turn["role"] for turn in asked.messages] == [
        "system",
        *(["user", "assistant"] * 2),
        "user",
    ]
    nearest = BANK[int(asked.sources[0].removeprefix("train#")) - 1]
    assert [turn["content"] for turn in asked.messages[-3:-1]] == list(nearest)
    assert asked.messages[-1]["content"] == "The shop declined my cards"


def test_few_shot_by_similarity_differs_from_row_to_row_and_by_seed_does_not(asking):
    rows = [{"messages": chat("exchange rate of the euro")}, {"messages": chat("a new card, please")}]
    made = asking(BANK, shots=1, shots_by="similarity")
    assert [one.sources for one in made.prompts("few-shot", rows)] == [("train#4",), ("train#2",)]
    again = made.prompts("few-shot", rows)
    assert made.prompts("few-shot", rows) == again


def test_only_baselines_are_told_what_an_untrained_model_must_know(asking):
    made = asking(BANK, baseline_system="One of: top_up, order_card.", shots_by="similarity", shots=1)
    rows = [{"messages": chat("a new card, please")}]
    for method in ("zero-shot", "few-shot", "retrieval"):
        [asked] = made.prompts(method, rows)
        systems = [turn["content"] for turn in asked.messages if turn["role"] == "system"]
        assert systems == ["One of: top_up, order_card."]
    assert made.prompts("fine-tuned", rows)[0].messages == rows[0]["messages"]


@pytest.mark.parametrize(("room", "kept"), [(1000, 3), (22, 1), (5, 0)])
def test_examples_that_do_not_fit_are_left_out_the_least_similar_first(asking, room, kept):
    row = {"messages": chat("Why was my card declined at the shop, please?")}
    [asked] = asking(BANK, passages=3, room=room).prompts("retrieval", [row])
    assert len(asked.sources) == kept
    assert asked.sources[:1] == ("train#1",)[:kept]
    assert asked.messages[-1] == row["messages"][-1]
    assert words(asked.messages) <= room or not kept


def test_a_question_like_nothing_is_asked_plainly(asking):
    [asked] = asking(BANK).prompts("retrieval", [{"messages": chat("zebra")}])
    assert (asked.messages, asked.sources) == (chat("zebra"), ())


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the exchange rate for the euro and how do I get it?", "english"),
        ("Wie ist der Kurs für den Euro und wo kann ich ihn sehen?", "german"),
        ("quel est le taux de change de l'euro et où le trouver", "french"),
        ("SELECT name, age", None),
        ("3 tsp. rolled oats", None),
        ("", None),
    ],
)
def test_a_language_is_told_by_its_commonest_words_or_not_at_all(text, language):
    assert told_language([text]) == language


def test_scripts_without_spaces_are_searched_by_letter():
    assert plain_words("東京の天気 today") == [*"東京の天気", "today"]
    index = Words(["大阪の地図", "東京の天気", "京都の寺"])
    assert index.nearest("東京の天気は", 1) == [1]


def test_ties_go_to_the_first_and_nothing_alike_is_nothing():
    import numpy

    assert best(numpy.array([1.0, 3.0, 3.0, 2.0, 3.0]), 2) == [1, 2]
    assert best(numpy.array([1.0]), 4) == [0]
    index = Words(["red apple", "green pear", "red apple"])
    assert index.nearest("apple", 3) == [0, 2]
    assert index.nearest("", 2) == [] == Words([""]).nearest("apple", 1)


def test_documents_become_passages_that_keep_words_and_sentences_whole(tmp_path):
    (tmp_path / "faq.md").write_text("# Fees\n\nNone.\n\n# Cards\n\nOrder one in the app.\n")
    (tmp_path / "long.txt").write_text("This is a sentence of eight words, no more. " * 60)
    (tmp_path / "rows.csv").write_text("question,answer\nHow much?,Nothing\n")
    (tmp_path / "rows.jsonl").write_text('{"text": "As it stands."}\n{"a": 1, "b": "two", "c": null}\n')
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden.md").write_text("not this")
    found = {passage.id: passage.text for passage in passages(tmp_path)}
    assert found["faq.md#1"] == "# Fees\n\nNone."
    assert found["faq.md#2"] == "# Cards\n\nOrder one in the app."
    assert found["rows.csv#1"] == "question: How much?\nanswer: Nothing"
    assert (found["rows.jsonl#1"], found["rows.jsonl#2"]) == ("As it stands.", "a: 1\nb: two")
    long = [text for name, text in found.items() if name.startswith("long.txt")]
    assert len(long) == 3 and all(len(text) <= LONGEST and text.endswith("more.") for text in long)
    assert len(found) == 2 + 3 + 1 + 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"fine\n\xff\n", "a.txt:2:1: not UTF-8: byte 0xff; save the file as UTF-8"),
        ("a.txt", b"\n \n", "holds no text to retrieve passages from"),
        ("a.csv", b"a,b\n1\n", "a.csv:2:1: 1 columns where the header has 2"),
        ("a.jsonl", b"{", "not JSON"),
    ],
)
def test_a_broken_document_stops_the_prepare_step_in_one_line(
    tmp_path, make_run, tiny_llama, step, name, content, said
):
    documents = tmp_path / name
    documents.write_bytes(content)
    data = tmp_path / "train.jsonl"
    data.write_text("".join(json.dumps({"q": str(n), "a": "x"}) + "\n" for n in range(9)))
    run = make_run(
        task="lm_training",
        base_model=str(tiny_llama),
        data={
            "path": str(data),
            "local": True,
            "train_split": "train",
            "test_split": 0.3,
            "messages": [{"role": "user", "content": "{q}"}, {"role": "assistant", "content": "{a}"}],
        },
        params={"trainer": "sft", "text_column": "text", "chat_template": "tokenizer", "block_size": 16},
        evaluate={"baselines": ["retrieval"], "documents": str(documents)},
    )
    done, failure = step("prepare", run)
    assert done.returncode == 1
    assert failure["reason"] == "data_invalid" and said in failure["message"], failure
    assert "Traceback" not in done.stderr


def test_passages_stand_before_the_question(asking):
    made = asking([("unused", "unused")], passages=1, documents="faq.md")
    (made._run / "work" / "passages.jsonl").write_text(
        json.dumps({"id": "faq.md#1", "text": "Cards cost 5 euros."})
        + "\n"
        + json.dumps({"id": "faq.md#2", "text": "Top up with cash."})
    )
    [asked] = made.prompts("retrieval", [{"messages": chat("What does a card cost?")}])
    assert asked.sources == ("faq.md#1",)
    assert asked.messages[0] == SYSTEM
    assert asked.messages[-1]["content"].endswith("What does a card cost?")
    assert "Cards cost 5 euros." in asked.messages[-1]["content"]
    assert "cash" not in asked.messages[-1]["content"]


def test_100_000_examples_are_searched_in_little_memory_and_time(asking, tmp_path):
    import random
    import time

    import psutil

    draw = random.Random(0)
    vocabulary = [f"word{number}" for number in range(5000)]
    examples = [(" ".join(draw.choices(vocabulary, k=12)), str(number)) for number in range(100_000)]
    made = asking(examples, passages=4)
    process = psutil.Process()
    before = process.memory_info().rss
    started = time.perf_counter()
    rows = [{"messages": chat(examples[place][0])} for place in range(0, 100_000, 1000)]
    asked = made.prompts("retrieval", rows)
    assert [one.sources[0] for one in asked] == [f"train#{place + 1}" for place in range(0, 100_000, 1000)]
    assert process.memory_info().rss - before < 600e6
    assert time.perf_counter() - started < 60


@pytest.fixture(scope="session")
def tiny_embeddings(tiny_bert, tmp_path_factory) -> Path:
    """A sentence-transformers model with mean pooling; random weights, so that equal texts are all that is sure."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    words = Transformer(str(tiny_bert))
    folder = tmp_path_factory.mktemp("tiny-embeddings")
    SentenceTransformer(modules=[words, Pooling(words.get_embedding_dimension())]).save(str(folder))
    return folder


def test_embeddings_find_the_same_text_and_ties_go_to_the_first(asking, tiny_embeddings):
    examples = [("good film", "1"), ("the bad films", "2"), ("good film", "3"), ("a very bad film", "4")]
    made = asking(examples, passages=2, retrieve_by="embeddings", embedding_model=str(tiny_embeddings))
    [one, two] = made.prompts(
        "retrieval", [{"messages": chat("good film")}, {"messages": chat("the bad films")}]
    )
    assert one.sources == ("train#1", "train#3")
    assert two.sources[0] == "train#2"


def test_an_embedding_model_that_is_none_is_one_sentence(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(StepFailed, match=r"embedding_model: .* cannot be loaded") as failed:
        load_embedding_model(str(tmp_path))
    assert "\n" not in failed.value.message


def test_a_missing_document_is_a_problem_of_its_own(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        list(passages(tmp_path / "none.md"))
