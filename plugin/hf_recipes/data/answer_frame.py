"""What a chat template writes around an answer that is trained on, beside what its generation prompt says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class AnswerFrame:
    """How a model is asked so that what it has yet to write is the answer alone, as in training.

    The prompt is the template's own with its generation prompt, rendered with `options`, without `dropped` at its end
    and with `added` behind it. Training renders with the same `options`.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    """Such as {"enable_thinking": False}, where the template knows it."""
    dropped: str = ""
    """The part of the generation prompt that does not precede answers in training, such as `<think>`."""
    added: str = ""
    """What stands there besides, such as a closed reasoning block."""
    after: str = ""
    """What the template writes behind an answer before its end token, such as `</answer>`."""
    before: str = ""
    """For people: what stands before an answer, whether an option or `added` puts it there."""

    def of(self, prompt: str) -> str:
        """The text of a prompt, as the template renders it with its generation prompt."""
        return prompt.removesuffix(self.dropped) + self.added

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def told(self) -> Iterator[str]:
        """A sentence for each thing that a template does to answers."""
        options = ", ".join(f"{name}={value}" for name, value in self.options.items())
        if self.before:
            told = f", by {options}" if options else ""
            yield f"the chat template writes {self.before!r} before an answer: it belongs to the prompt{told}, and is no part of an answer"
        elif options:
            yield f"the chat template is rendered with {options}, in training and for every model that is asked: the answers hold no reasoning"
        if self.dropped.strip():
            yield f"the chat template's generation prompt ends with {self.dropped!r}, and no answer that is trained on follows it: models are asked without it"
        if self.after:
            yield f"the chat template writes {self.after!r} behind an answer: it is no part of an answer"


def answer_frame(found: object) -> AnswerFrame:
    """Out of JSON of ours; a plain one where it is none."""
    if not isinstance(found, Mapping):
        return AnswerFrame()
    options = found.get("options")
    texts = {name: str(found.get(name) or "") for name in ("dropped", "added", "after", "before")}
    return AnswerFrame(dict(options) if isinstance(options, Mapping) else {}, **texts)
