"""The layout of the page and what its buttons do."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

import rendering
from catalog import Catalog
from hub_words import Unusable
from models import Models, both, explain
from settings import PROMPT_LIMIT, PairSettings, Settings
from turns import Turns

WAITING = {"base": "The base answers here.", "fine-tuned": "The fine-tuned model answers here."}
NOT_NOW = "This model cannot be asked now."
VISITORS = 24
"""Who asks at the same time and is told so; more wait without a word."""
SECONDS_TO_END = 60
TITLE = "Base and fine-tuned, side by side"


@dataclass(frozen=True)
class Asked:
    """A question that is being answered, or is in the line for it."""

    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)


class Page:
    def __init__(self, settings: Settings, catalog: Catalog, models: Models) -> None:
        self._settings = settings
        self._catalog = catalog
        self._models = models
        self._turns = Turns()
        self._asked: dict[str, Asked] = {}

    def build(self) -> gr.Blocks:
        names = self._catalog.names
        here = self._catalog.here(names[0])
        # What a pushed model says of itself is read when somebody opens the page.
        first = here or PairSettings.unread(names[0])
        with gr.Blocks(title=self._settings.title or TITLE, analytics_enabled=False) as blocks:
            head = gr.HTML(rendering.header(self._title(first), first))
            chosen = gr.Dropdown(
                list(names),
                value=first.name,
                label="Models" if self._settings.pairs else "Model",
                visible=len(names) > 1,
                elem_id="pair",
            )
            with gr.Tabs(elem_id="tabs"):
                with gr.Tab("Try it", id="try"):
                    with gr.Column(elem_id="ask"):
                        prompt = gr.Textbox(
                            label=_label(first),
                            placeholder=_placeholder(first),
                            lines=1,
                            max_lines=8,
                            elem_id="prompt",
                            autofocus=True,
                        )
                        with gr.Row(elem_id="buttons"):
                            run = gr.Button(
                                "Compare", variant="primary", elem_id="run", scale=0, min_width=140
                            )
                            halt = gr.Button(
                                "Stop", variant="secondary", elem_id="stop", scale=0, min_width=90
                            )
                        examples = gr.Dataset(
                            components=[gr.Textbox(visible=False)],
                            samples=[[one] for one in first.examples],
                            label="Examples",
                            samples_per_page=20,
                            elem_id="examples",
                            visible=bool(first.examples),
                        )
                        with gr.Accordion("System prompt", open=False, elem_id="system-box"):
                            system = gr.Textbox(
                                first.system,
                                show_label=False,
                                lines=2,
                                max_lines=10,
                                elem_id="system",
                                container=False,
                                placeholder="None",
                            )
                    problem = gr.HTML(elem_id="problem")
                    with gr.Row(elem_id="panes", equal_height=True):
                        base = gr.HTML(_empty("base", first), elem_id="pane-base", min_width=300)
                        tuned = gr.HTML(_empty("fine-tuned", first), elem_id="pane-fine-tuned", min_width=300)
                    concluded = gr.HTML(rendering.summary(first.report), elem_id="concluded")
                with gr.Tab("Evaluation", id="measured"):
                    report = gr.HTML(rendering.evaluation(first.report, first.rows), elem_id="evaluation")

            shown = [problem, base, tuned]
            once = {"show_progress": "hidden", "api_visibility": "private"}
            # Everybody is let in, to be told who is before them; who is answered is the affair of Turns.
            asking = {
                **once,
                "trigger_mode": "multiple",
                "concurrency_limit": VISITORS,
                "concurrency_id": "models",
            }
            gr.on([run.click, prompt.submit], self.answer, [chosen, prompt, system], shown, **asking)
            # An example fills the box, then asks.
            examples.click(lambda sample: sample[0], examples, prompt, queue=False, **once).then(
                self.answer, [chosen, prompt, system], shown, **asking
            )
            halt.click(self.stop, None, None, queue=False, **once)
            everything = [head, prompt, examples, system, *shown, concluded, report]
            chosen.change(self.end, None, None, queue=False, **once).then(
                self.choose, chosen, everything, **once
            )
            if here is None:
                blocks.load(self.open, chosen, everything, **once)
            blocks.unload(self.leave)
        return blocks

    def answer(
        self, name: str, typed: str, system: str, request: gr.Request
    ) -> Iterator[tuple[str, str, str]]:
        """Both panes, as the answers grow. What this visitor asked before ends."""
        self.end(request)
        try:
            pair = self._catalog.pair(name)
        except Unusable as error:
            pair = PairSettings.unread(self._settings.listed(name))
            yield (
                rendering.error(str(error)),
                _empty("base", pair, NOT_NOW),
                _empty("fine-tuned", pair, NOT_NOW),
            )
            return
        trouble = _refusal(typed, system)
        if trouble:
            yield rendering.error(trouble), _empty("base", pair), _empty("fine-tuned", pair)
            return
        asked = self._asked[_session(request)] = Asked()
        place = self._turns.join()
        try:
            while (before := self._turns.before(place)) and not asked.stop.is_set():
                yield "", *_notes(pair, _in_line(before), busy=True)
            yield from self._answer(pair, typed, system, asked.stop)
        except Exception as error:
            yield rendering.error(explain(error)), _empty("base", pair), _empty("fine-tuned", pair)
        finally:
            self._turns.leave(place)
            if self._asked.get(_session(request)) is asked:
                del self._asked[_session(request)]
            asked.ended.set()

    def _answer(
        self, settings: PairSettings, typed: str, system: str, stop: threading.Event
    ) -> Iterator[tuple[str, str, str]]:
        if not stop.is_set() and self._models.loaded(settings):
            yield "", *_notes(settings, "Reading the prompt …")
        pair = None if stop.is_set() else (yield from self._loading(settings, stop))
        if pair is None:
            yield "", _empty("base", settings), _empty("fine-tuned", settings)
            return
        messages = settings.messages(typed.strip(), system)
        tokens = pair.count(messages)
        for deltas in both(pair, messages, settings.max_new_tokens, stop):
            yield (
                "",
                _pane("base", settings, deltas, tokens),
                _pane("fine-tuned", settings, deltas, tokens),
            )

    def _loading(
        self, settings: PairSettings, stop: threading.Event
    ) -> Generator[tuple[str, str, str], None, Any]:
        waiting = self._models.waiting(settings, stop)
        while True:
            try:
                note = next(waiting)
            except StopIteration as end:
                return end.value
            yield "", *_notes(settings, note, busy=True)

    def stop(self, request: gr.Request) -> None:
        """End this visitor's answer; what was said so far stays."""
        if asked := self._asked.get(_session(request)):
            asked.stop.set()

    def end(self, request: gr.Request) -> None:
        """The same, and wait until it has ended: nothing of it may come to stand below another prompt or another model's name."""
        if asked := self._asked.get(_session(request)):
            asked.stop.set()
            asked.ended.wait(SECONDS_TO_END)

    def leave(self, request: gr.Request) -> None:
        """A closed tab wants no answer."""
        self.stop(request)

    def choose(self, name: str) -> tuple[Any, ...]:
        """Everything that belongs to another pair, whose prompt is yet to be typed."""
        head, prompt, *rest = self.open(name)
        return head, {**prompt, "value": ""}, *rest

    def open(self, name: str) -> tuple[Any, ...]:
        """Everything that belongs to a pair. What somebody has typed already, while the page was read, stays."""
        trouble, note = "", None
        try:
            pair = self._catalog.pair(name)
        except Exception as error:
            pair, trouble, note = PairSettings.unread(self._settings.listed(name)), explain(error), NOT_NOW
        return (
            rendering.header(self._title(pair), pair),
            gr.update(label=_label(pair), placeholder=_placeholder(pair)),
            gr.update(samples=[[one] for one in pair.examples], visible=bool(pair.examples)),
            pair.system,
            rendering.error(trouble),
            _empty("base", pair, note),
            _empty("fine-tuned", pair, note),
            "" if trouble else rendering.summary(pair.report),
            "" if trouble else rendering.evaluation(pair.report, pair.rows),
        )

    def _title(self, pair: PairSettings) -> str:
        """The page's own title; without one and with one model, what that model's recipe calls it."""
        alone = pair.title if len(self._catalog.names) == 1 else ""
        return self._settings.title or alone or TITLE


def _refusal(typed: str, system: str) -> str:
    if not typed.strip():
        return "The prompt is empty: type one."
    # The boxes have no limit of their own: they would cut what is pasted without a word.
    for name, text in (("prompt", typed), ("system prompt", system)):
        if len(text) > PROMPT_LIMIT:
            return (
                f"The {name} has {len(text):,} characters, and this page takes {PROMPT_LIMIT:,}: shorten it."
            )
    return ""


def _in_line(before: int) -> str:
    """What somebody reads who is not answered yet."""
    if before == 1:
        return "Somebody else is being answered; you are next …"
    return f"{before} others are answered before you …"


def _session(request: gr.Request) -> str:
    return str(request.session_hash)


def _label(pair: PairSettings) -> str:
    return pair.field.replace("_", " ").strip().capitalize() or "Prompt"


def _placeholder(pair: PairSettings) -> str:
    return "Type here, or take an example below" if pair.examples else "Type here"


def _name(which: str, pair: PairSettings) -> str:
    return pair.base_name if which == "base" else pair.short_name


def _empty(which: str, pair: PairSettings, note: str | None = None) -> str:
    return rendering.pane(which, _name(which, pair), note=WAITING[which] if note is None else note)


def _notes(pair: PairSettings, note: str, *, busy: bool = False) -> tuple[str, str]:
    """Both panes, saying the same while there is no answer yet."""
    base, tuned = (
        rendering.pane(which, _name(which, pair), note=note, busy=busy) for which in ("base", "fine-tuned")
    )
    return base, tuned


def _pane(which: str, pair: PairSettings, deltas: dict[str, Any], tokens: int) -> str:
    return rendering.pane(
        which, _name(which, pair), deltas.get(which), prompt_tokens=tokens, limit=pair.max_new_tokens
    )
