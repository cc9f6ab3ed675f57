"""Who answers for base and fine-tuned model: the pair loaded here, vLLM on this machine, or a server of a person's own.

Each is an Answerer; the reference beside them is one too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.engines.step import Progress
from hf_recipes.inference.answerer import Counting, GeneratedAnswer
from hf_recipes.inference.sides import Conversation, Which, encode
from hf_recipes.record.job import Job
from hf_recipes.record.prepared import read_prepared
from hf_recipes.runner.causes import StepFailed
from hf_recipes.steps.answer.endpoint import EndpointFailed, ReferenceEndpoint

if TYPE_CHECKING:
    from hf_recipes.inference.pair import Pair
    from hf_recipes.steps.answer.served import Served
    from hf_recipes.steps.answer.vllm import Vllm


def load(job: Job, base: str, run: Path) -> Pair:
    """Base and fine-tuned model as a Pair, or the base alone where nothing is trained; answers are kept between runs.

    Raises StepFailed.
    """
    from hf_recipes import environments
    from hf_recipes.inference.answer_cache import AnswerCache
    from hf_recipes.inference.pair import load_base, load_pair

    code, reasoning = job.trust_remote_code, reasoning_of(run)
    try:
        if job.trains:
            pair = load_pair(base, run / "model", trust_remote_code=code, reasoning=reasoning)
        else:
            pair = load_base(base, trust_remote_code=code, reasoning=reasoning)
    except OSError as error:
        raise StepFailed("evaluation_failed", f"the models cannot be loaded: {error}") from None
    try:
        pair.cache = AnswerCache(environments.cache_dir())
    except environments.EnvironmentFailed:  # no home folder: then nothing is kept
        pair.cache = AnswerCache(None)
    return pair


def reasoning_of(run: Path) -> tuple[str, str] | None:
    """What opens and closes the reasoning that the answers of the run's data begin with, as the prepare step found it."""
    found = read_prepared(run).get("reasoning")
    return (str(found[0]), str(found[1])) if found else None


@contextmanager
def answering(job: Job, base: str, run: Path, progress: Progress) -> Iterator[Counting]:
    """The answerer that the recipe asks for, ended when it is left. Raises StepFailed, also for what refuses meanwhile."""
    evaluate = job.evaluate
    assert evaluate is not None
    made: Served | Vllm | None = None
    try:
        if evaluate.server is not None:
            from hf_recipes.steps.answer.served import Served

            tokenizer, frame = _asked_by(job, base, run)
            made = Served(
                evaluate.server,
                lambda messages: len(encode(tokenizer, messages, frame)),
                lambda: load(job, base, run),
                frame.options,
            )
        elif evaluate.runtime == "vllm":
            from hf_recipes.steps.answer.vllm import Vllm

            made = Vllm(
                base,
                run / "model",
                run / "work" / "vllm.log",
                trust_remote_code=job.trust_remote_code,
                say=lambda text: progress(0, 1, unit="", what=text),
                reasoning=reasoning_of(run),
            )
        if made is None:
            yield load(job, base, run)
        else:
            yield made
    except EndpointFailed as failure:
        raise StepFailed("evaluation_failed", str(failure)) from None
    finally:
        if made is not None:
            made.close()


class Reference:
    """The model of `evaluate.reference`, which stands beside the others and answers as they do."""

    def __init__(self, endpoint: ReferenceEndpoint) -> None:
        self._endpoint = endpoint
        self.weights = f"reference:{endpoint.model}"

    def answer(
        self,
        conversations: Sequence[Conversation],
        *,
        model: Which,
        max_new_tokens: int,
        batch_size: int = 64,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[GeneratedAnswer]:
        """Whatever `model` says, this one answers. Raises EndpointFailed."""
        return self._endpoint.chat(
            conversations, weights=self.weights, max_new_tokens=max_new_tokens, progress=progress
        )


@contextmanager
def reference(job: Job) -> Iterator[Reference]:
    """Raises EndpointFailed; the caller decides what follows."""
    assert job.evaluate is not None and job.evaluate.reference is not None
    asked = job.evaluate.reference
    endpoint = ReferenceEndpoint("evaluate.reference", asked.base_url, asked.model, asked.api_key)
    try:
        yield Reference(endpoint)
    finally:
        endpoint.close()


def _asked_by(job: Job, base: str, run: Path) -> tuple[Any, AnswerFrame]:
    """The base's tokenizer, which prompts are counted by without its weights, and what its chat template writes around answers."""
    from hf_recipes.inference.chat_template import frame_of
    from hf_recipes.inference.loading import load_tokenizer

    try:
        tokenizer = load_tokenizer(base, job.trust_remote_code)
    except OSError as error:
        raise StepFailed("evaluation_failed", str(error)) from None
    return tokenizer, frame_of(tokenizer, reasoning_of(run))
