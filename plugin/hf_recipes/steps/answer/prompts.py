"""What each method asks: the conversation that a test row becomes, and what in it was looked up for this row."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hf_recipes.data.final_answer import without_end
from hf_recipes.data.messages import fill
from hf_recipes.engines.step import read_lines
from hf_recipes.record.job import Job
from hf_recipes.record.prepared import read_prepared
from hf_recipes.runner.causes import StepFailed
from hf_recipes.steps.answer.examples import Examples
from hf_recipes.steps.answer.retrieval import Embeddings, Passage, PassageIndex, Words, load_embedding_model
from hf_recipes.steps.answer.shots import Conversation, few_shot, fitting, other_system, with_passages
from hf_recipes.steps.row_file import RowFile

BASELINES = ("zero-shot", "few-shot", "retrieval")
REFERENCE = "reference"
FINE_TUNED = "fine-tuned"
PASSAGES = "passages.jsonl"
"""In work/: the passages that the prepare step made of `evaluate.documents`."""


@dataclass(frozen=True)
class Asked:
    messages: Conversation
    sources: tuple[str, ...] = ()
    """Ids of the passages or training rows that were chosen for this row, the most similar first."""


def asked_rows(rows: RowFile, limit: int | None, seed: int) -> RowFile:
    """The test rows that are answered: all, or `limit` of them drawn by seed, in their own order. Files are often sorted."""
    if limit is None or limit >= len(rows):
        return rows
    return rows.only(sorted(random.Random(f"test {seed}").sample(range(len(rows)), limit)))


class Asking:
    """Makes the prompts of a run's methods, for any of its rows at a time. What is looked up in is read once, when it
    is first needed."""

    def __init__(self, run: Path, job: Job, count: Callable[[Conversation], int], room: int | None) -> None:
        """`room`: the tokens that a prompt may have, for the model to answer in the positions it knows."""
        assert job.evaluate is not None
        self._run, self._job, self._evaluate = run, job, job.evaluate
        self._count, self._room = count, room

    def drawn_from(self, method: str) -> dict[str, Any] | None:
        """What a method's examples or passages are drawn from; None where its prompt is the question alone.

        `trained_on`: how many of the rows were trained on, where `data.limit` left some out.
        """
        if method == "retrieval" and self._evaluate.documents is not None:
            return {"kind": "passages", "count": len(self._documents[0])}
        if method not in ("few-shot", "retrieval"):
            return None
        prepared = read_prepared(self._run)
        if "pool" not in prepared:
            return None
        count, trained = prepared["pool"], prepared["rows"]["train"]
        some = {"trained_on": trained} if self._job.trains and trained < count else {}
        return {"kind": "training rows", "count": count, **some}

    def prompts(self, method: str, rows: Sequence[Mapping[str, Any]]) -> list[Asked]:
        """A prompt a row. Raises StepFailed."""
        ask = {"few-shot": self._few_shot, "retrieval": self._retrieval}.get(method, self._plain)
        if method == FINE_TUNED:
            return [ask(row["messages"]) for row in rows]
        return [ask(self._told(row["messages"])) for row in rows]

    def _told(self, conversation: Conversation) -> Conversation:
        return told_baseline(self._job, conversation)

    def _plain(self, question: Conversation) -> Asked:
        return Asked(question)

    def _few_shot(self, question: Conversation) -> Asked:
        if self._evaluate.shots_by == "similarity":
            return self._similar(question, self._evaluate.shots)
        if not self._shots:
            raise StepFailed("evaluation_failed", "few-shot wants examples, and evaluate.shots is 0")
        return Asked(fitting(self._shots, question, self._count, self._room))

    def _retrieval(self, question: Conversation) -> Asked:
        if self._evaluate.documents is None:
            return self._similar(question, self._evaluate.passages)
        passages, index = self._documents
        found = [passages[place] for place in index.nearest(searched(question), self._evaluate.passages)]
        while found:
            messages = with_passages([passage.text for passage in found], question)
            if self._fits(messages):
                return Asked(messages, tuple(passage.id for passage in found))
            found.pop()
        return Asked(question)

    def _similar(self, question: Conversation, k: int) -> Asked:
        """The most similar training examples as turns, the most similar one next to the question."""
        examples, index = self._examples
        places = index.nearest(searched(question), k)
        found = [(examples.id(place), examples[place]) for place in places]
        while found:
            shots = [self._told(without_ends(shot)) for _, shot in reversed(found)]
            messages = few_shot(shots, question)
            if self._fits(messages):
                return Asked(messages, tuple(name for name, _ in found))
            found.pop()
        return Asked(question)

    def _fits(self, messages: Conversation) -> bool:
        return self._room is None or self._count(messages) <= self._room

    @cached_property
    def _shots(self) -> list[Conversation]:
        shots = read_lines(self._run / "work" / "shots.jsonl")[: self._evaluate.shots]
        return [self._told(without_ends(shot["messages"])) for shot in shots]  # type: ignore[arg-type]

    @cached_property
    def _documents(self) -> tuple[list[Passage], PassageIndex]:
        found = [
            Passage(str(passage["id"]), str(passage["text"]))
            for passage in read_lines(self._run / "work" / PASSAGES)
        ]
        if not found:
            raise StepFailed("evaluation_failed", "retrieval: the prepare step has left no passages")
        return found, self._index([passage.text for passage in found])

    @cached_property
    def _examples(self) -> tuple[Examples, PassageIndex]:
        examples = Examples(self._run / "work")
        return examples, self._index([searched(conversation[:-1]) for conversation in examples])

    def _index(self, texts: Sequence[str]) -> PassageIndex:
        if self._evaluate.retrieve_by != "embeddings":
            return Words(texts)
        return Embeddings(texts, self._embedding_model)

    @cached_property
    def _embedding_model(self) -> Any:
        return load_embedding_model(
            str(self._evaluate.embedding_model), trust_remote_code=self._job.trust_remote_code
        )


def told_baseline(job: Job, conversation: Conversation) -> Conversation:
    """With the recipe's own system turn for models that were not trained, where it has one."""
    system = job.evaluate.baseline_system if job.evaluate else None
    return conversation if system is None else other_system(system, conversation, folded_system(job))


def folded_system(job: Job) -> str | None:
    """The text that the recipe puts in front of every first user turn, where `data.system` folds it in."""
    if job.data.system != "fold":
        return None
    first = next(iter(job.data.messages), None)
    return fill(first.content, {}) if first is not None and first.role == "system" else ""


def without_ends(conversation: Conversation) -> Conversation:
    """An example without the end token that people append to answers: the chat template writes one."""
    return [
        {**turn, "content": without_end(turn["content"])} if turn["role"] == "assistant" else turn
        for turn in conversation
    ]


def searched(question: Conversation) -> str:
    """What of a question is searched for, and what an example is found by: all that is said but the system's turn."""
    return "\n".join(turn["content"] for turn in question if turn["role"] != "system")
