"""The layout of the page and what its buttons do."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

import history
import panes
import rendering
from catalog import Catalog
from hub_errors import UnusableModel
from models import Models, both, visitor_sentence
from settings import PROMPT_LIMIT, PageSettings, PairSettings
from waiting_line import Turns

NOT_NOW = "This model cannot be asked now."
FIELDS = 8
"""Columns of a recipe's prompt beside the one that is asked; more stay empty."""
VISITORS = 24
"""Who asks at the same time and is told so; more wait without a word."""
SECONDS_TO_END = 60
TITLE = "Base and fine-tuned, side by side"
HINT = (
    '<span class="hr-hint"><kbd>Enter</kbd> asks, <kbd>Shift</kbd>+<kbd>Enter</kbd> begins a new line</span>'
)
# The address leads to the model that is looked at; on the Hub it is that of the page around this one.
LINK = """(name) => {
  const address = new URL(location.href);
  address.searchParams.set("model", name);
  history.replaceState(history.state, "", address);
  if (parent !== window)
    parent.postMessage({ queryString: String(new URLSearchParams({ model: name })), hash: "" }, "https://huggingface.co");
}"""

Shown = tuple[str, str, str, Any]
"""A problem, both panes, and what was asked before."""


@dataclass(frozen=True)
class PendingQuestion:
    """A question that is being answered, or is in the line for it."""

    stop: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)


class ComparePage:
    def __init__(self, settings: PageSettings, catalog: Catalog, models: Models) -> None:
        self._settings = settings
        self._catalog = catalog
        self._models = models
        self._turns = Turns()
        self._asked: dict[str, PendingQuestion] = {}
        self._history: dict[str, list[history.Answered]] = {}

    def build(self) -> gr.Blocks:
        names = self._catalog.names
        here = self._catalog.here(names[0])
        # What a pushed model says about itself is read when the page is opened.
        first = here or PairSettings.unread(names[0])
        with gr.Blocks(title=self._settings.title or TITLE, analytics_enabled=False) as blocks:
            head = gr.HTML(rendering.pane_header(self._title(first), first))
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
                        fields = [
                            gr.Textbox(
                                label=label,
                                visible=bool(label),
                                lines=1,
                                max_lines=8,
                                elem_classes="hr-field",
                                elem_id=f"field-{number}",
                            )
                            for number, label in enumerate(_others(first))
                        ]
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
                            gr.HTML(HINT, elem_id="hint")
                        examples = gr.Dataset(
                            components=[gr.Textbox(visible=False)],
                            samples=[[example] for example in first.examples],
                            label="Examples",
                            samples_per_page=20,
                            elem_id="examples",
                            visible=bool(first.examples),
                        )
                        with gr.Accordion("System prompt", open=False, elem_id="system-box"):
                            system = gr.Textbox(
                                first.form.system,
                                show_label=False,
                                lines=2,
                                max_lines=10,
                                elem_id="system",
                                container=False,
                                placeholder="None",
                            )
                    problem = gr.HTML(elem_id="problem")
                    gr.HTML(rendering.lost(), elem_id="lost")
                    with gr.Row(elem_id="panes", equal_height=True):
                        nothing = panes.empty(first)
                        base = gr.HTML(nothing[0], elem_id="pane-base", min_width=300)
                        tuned = gr.HTML(nothing[1], elem_id="pane-fine-tuned", min_width=300)
                    before = gr.HTML(elem_id="earlier")
                    concluded = gr.HTML(rendering.report_summary(first.report), elem_id="concluded")
                with gr.Tab("Evaluation", id="measured"):
                    report = gr.HTML(rendering.evaluation(first.report, first.rows), elem_id="evaluation")

            shown = [problem, base, tuned, before]
            once = {"show_progress": "hidden", "api_visibility": "private"}
            # Every visitor is let in and told how many wait before them; Turns decides whose turn it is.
            asking = {
                **once,
                "trigger_mode": "multiple",
                "concurrency_limit": VISITORS,
                "concurrency_id": "models",
            }
            given = [chosen, prompt, system, *fields]
            gr.on([run.click, prompt.submit], self.answer, given, shown, **asking)
            # An example fills the box, then asks.
            examples.click(lambda sample: sample[0], examples, prompt, queue=False, **once).then(
                self.answer, given, shown, **asking
            )
            halt.click(self.stop, None, None, queue=False, **once)
            everything = [head, prompt, examples, system, *shown, concluded, report, *fields]
            chosen.input(self.end, None, None, queue=False, **once).then(
                self.open, chosen, everything, **once
            )
            chosen.input(None, chosen, None, js=LINK, **once)
            if here is None or len(names) > 1:
                blocks.load(self.arrive, None, [chosen, *everything], **once)
            blocks.unload(self.leave)
        return blocks

    def answer(
        self, name: str, typed: str, system: str, request: gr.Request, *others: str
    ) -> Iterator[Shown]:
        """Both panes, as the answers grow. What this visitor asked before ends, and stands below. `others`: what stands in
        the fields beside the prompt."""
        self.end(request)
        before = self._history.setdefault(_session(request), [])
        try:
            pair = self._catalog.pair(name)
        except UnusableModel as error:
            pair = PairSettings.unread(self._settings.listed(name))
            yield rendering.error(str(error)), *panes.empty(pair, NOT_NOW), history.shown(before)
            return
        values = {**dict(zip(pair.form.others, others, strict=False)), pair.form.field: typed.strip()}
        trouble = _refusal(values, typed, system)
        if trouble:
            yield rendering.error(trouble), *panes.empty(pair), history.shown(before)
            return
        asked = self._asked[_session(request)] = PendingQuestion()
        place = self._turns.join()
        try:
            yield "", *panes.empty(pair), history.shown(before)
            while (ahead := self._turns.before(place)) and not asked.stop.is_set():
                yield "", *panes.busy(pair, _in_line(ahead), "waiting"), gr.skip()
            deltas: dict[str, Any] = {}
            for *shown, how_far in self._answer(pair, values, system, asked.stop):
                deltas = how_far
                yield "", *shown, gr.skip()
            if any(delta.tokens for delta in deltas.values()):
                before[:] = [*before, history.Answered(pair, _told(values), deltas)][-history.KEPT :]
        except Exception as error:
            yield rendering.error(visitor_sentence(error)), *panes.empty(pair), gr.skip()
        finally:
            self._turns.leave(place)
            if self._asked.get(_session(request)) is asked:
                del self._asked[_session(request)]
            asked.ended.set()

    def _answer(
        self, settings: PairSettings, values: Mapping[str, str], system: str, stop: threading.Event
    ) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Both panes, and how far each model is."""
        if not stop.is_set() and self._models.loaded(settings):
            yield *panes.busy(settings, "Reading the prompt …", "reading"), {}
        pair = None if stop.is_set() else (yield from self._loading(settings, stop))
        if pair is None:
            yield *panes.empty(settings), {}
            return
        messages = settings.form.messages(values, system)
        tokens = pair.count(messages)
        for deltas in both(pair, messages, settings.max_new_tokens, stop):
            yield *panes.answers(settings, deltas, tokens), deltas

    def _loading(
        self, settings: PairSettings, stop: threading.Event
    ) -> Generator[tuple[str, str, dict[str, Any]], None, Any]:
        waiting = self._models.waiting(settings, stop)
        while True:
            try:
                note = next(waiting)
            except StopIteration as end:
                return end.value
            yield *panes.busy(settings, note, "loading"), {}

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
        self._history.pop(_session(request), None)

    def arrive(self, request: gr.Request) -> Any:
        """The model that the address names, where it is on the list; else the first."""
        name = self._settings.listed(request.query_params.get("model"))
        if name == self._catalog.names[0] and self._catalog.here(name):
            return gr.skip()
        return name, *self.open(name, request)

    def open(self, name: str, request: gr.Request) -> tuple[Any, ...]:
        """Everything that belongs to a pair. What a visitor has typed stays, so that several models can be asked the same."""
        trouble, note = "", None
        try:
            pair = self._catalog.pair(name)
        except Exception as error:
            pair, trouble, note = (
                PairSettings.unread(self._settings.listed(name)),
                visitor_sentence(error),
                NOT_NOW,
            )
        return (
            rendering.pane_header(self._title(pair), pair),
            gr.update(label=_label(pair), placeholder=_placeholder(pair)),
            gr.update(samples=[[example] for example in pair.examples], visible=bool(pair.examples)),
            pair.form.system,
            rendering.error(trouble),
            *panes.empty(pair, note),
            history.shown(self._history.get(_session(request), ())),
            "" if trouble else rendering.report_summary(pair.report),
            "" if trouble else rendering.evaluation(pair.report, pair.rows),
            *(gr.update(label=label, visible=bool(label)) for label in _others(pair)),
        )

    def _title(self, pair: PairSettings) -> str:
        """The page's own title; without one and with one model, what that model's recipe calls it."""
        alone = pair.title if len(self._catalog.names) == 1 else ""
        return self._settings.title or alone or TITLE


def _refusal(values: Mapping[str, str], typed: str, system: str) -> str:
    if not typed.strip():
        return "The prompt is empty: type one."
    # The boxes have no limit of their own: they would cut what is pasted without a word.
    others = [(_words(name), text) for name, text in list(values.items())[:-1]]
    for name, text in (("prompt", typed), ("system prompt", system), *others):
        if len(text) > PROMPT_LIMIT:
            return (
                f"The {name} has {len(text):,} characters, and this page takes {PROMPT_LIMIT:,}: shorten it."
            )
    return ""


def _in_line(before: int) -> str:
    """What a waiting visitor reads."""
    if before == 1:
        return "Somebody else is being answered; you are next …"
    return f"{before} others are answered before you …"


def _session(request: gr.Request) -> str:
    return str(request.session_hash)


def _label(pair: PairSettings) -> str:
    return _words(pair.form.field)


def _words(column: str) -> str:
    return column.replace("_", " ").strip().capitalize() or "Prompt"


def _others(pair: PairSettings) -> list[str]:
    """The label of each field beside the prompt; empty for those that this pair does not need."""
    labels = [_words(name) for name in pair.form.others[:FIELDS]]
    return labels + [""] * (FIELDS - len(labels))


def _told(values: Mapping[str, str]) -> str:
    """What was asked, in one text: the values of all fields, the prompt last."""
    return "\n".join(text for text in values.values() if text)


def _placeholder(pair: PairSettings) -> str:
    return "Type here, or take an example below" if pair.examples else "Type here"
