"""`hf-recipes plan`: what a recipe would run, before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hf_recipes.cli.arguments import json_option, recipe_argument, settings_option
from hf_recipes.cli.output import console, document, say
from hf_recipes.data.answer_room import answer_lengths_sentence

if TYPE_CHECKING:
    from rich.console import Console

    from hf_recipes.api.plan import Plan

GIB = 1024**3
LEARNED = "⟦{}⟧"
"""Around the part of an example that the trainer learns, where it is not all of it."""
APART = ("kept", "examples", "trims", "answer_share", "trained_share")
"""Keys of the counted tokens that are printed as words."""


@click.command("plan")
@recipe_argument
@settings_option
@click.option(
    "--show-examples",
    type=click.IntRange(0, 100),
    default=0,
    metavar="N",
    help="Print N examples as the model will see them.",
)
@json_option
def plan_command(recipe: Path, settings: tuple[str, ...], show_examples: int, as_json: bool) -> None:
    """Show what RECIPE would run: parameters and where they came from, data, size, estimated memory and time."""
    from hf_recipes.api import batch, lifecycle
    from hf_recipes.api.plan import plan_as_json as plan_document

    made = batch.recipes([recipe], settings)
    if made[0].matrix:
        from hf_recipes.cli.plan_matrix import print_matrix

        print_matrix(made, lifecycle.plans(made, say=say), as_json=as_json)
        return
    plan = lifecycle.plan(made[0], examples=show_examples, say=say)
    if as_json:
        document(plan_document(plan))
    else:
        _print(plan, console(stderr=False, markup=True))


def _print(plan: Plan, out: Console) -> None:
    from rich.markup import escape

    from hf_recipes.api.plan import estimate_section

    job = plan.job
    out.print(f"[bold]{escape(job.project_name)}[/]: {job.task} with {job.engine} on {job.backend}")
    out.print(f"base model  {escape(job.base_model)}")
    out.print(f"steps       {' → '.join(step.name for step in job.steps)}")
    _print_parameters(plan, out)
    sections = (
        ("Data", _data(plan.data)),
        ("Estimate", _estimate(estimate_section(plan))),
        ("Can it be tuned?", _tunable(plan.tunable)),
    )
    for title, rows in sections:
        lines = list(rows)
        if lines:
            out.print(f"\n[bold]{title}[/]")
            for name, text in lines:
                out.print(f"  {name:<12}{escape(text)}")
    _print_examples(plan.data.get("examples"), out)


def _print_parameters(plan: Plan, out: Console) -> None:
    """Ours with the reasons; the recipe's; the engine's defaults, as one paragraph."""
    from rich.markup import escape

    def values(source: str) -> list[tuple[str, str]]:
        names = sorted(name for name, found in plan.sources.items() if found == source)
        return [(name, _short(_value(plan, name))) for name in names]

    width = max((len(name) for name in plan.sources), default=0) + 2
    out.print("\n[bold]Chosen by us[/]")
    for name, value in values("chosen by us"):
        out.print(f"  {name:<{width}}{escape(value)}  [dim]{escape(plan.job.overrides[name].why)}[/]")
    out.print("\n[bold]From the recipe[/]")
    for name, value in values("recipe"):
        out.print(f"  {name:<{width}}{escape(value)}")
    for defaults in sorted(set(plan.sources.values()) - {"chosen by us", "recipe"}):
        out.print(f"\n[bold]{escape(defaults.removesuffix(' default'))}'s defaults[/]")
        out.print(
            "  [dim]" + escape(", ".join(f"{name}={value}" for name, value in values(defaults))) + "[/]"
        )


def _tunable(found: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    from hf_recipes.cli.tunable import reason_lines

    return reason_lines(found)


def _value(plan: Plan, name: str) -> object:
    override = plan.job.overrides.get(name)
    return override.value if override else plan.job.params[name]


def _data(data: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for what in ("rows", "tokens"):
        counts = data.get(what)
        if isinstance(counts, Mapping) and counts:
            numbers = {
                name: value for name, value in counts.items() if name not in APART and value is not None
            }
            yield what, ", ".join(f"{_number(value)} {_words(name)}" for name, value in numbers.items())
    yield from _trained(data.get("tokens"))
    answers = data.get("answers")
    if isinstance(answers, Mapping) and answers:
        yield "answers", answer_lengths_sentence(answers)
    columns = data.get("columns")
    if isinstance(columns, (list, tuple)) and columns:
        yield "columns", ", ".join(map(str, columns))
    notes = data.get("notes")
    for note in notes if isinstance(notes, (list, tuple)) else ():
        yield "note", str(note)
    warnings, totals = data.get("warnings"), data.get("totals")
    if isinstance(warnings, (list, tuple)) and isinstance(totals, Mapping):
        from hf_recipes.data.tally import in_lines

        for line in in_lines(warnings, totals):
            yield "warning", line
    unread = data.get("unread")
    for what, why in unread.items() if isinstance(unread, Mapping) else ():
        yield "not read", f"{_words(what)}: {why}"


def _trained(tokens: object) -> Iterator[tuple[str, str]]:
    """What of the tokens is trained on, and what the trainer trims away."""
    if not isinstance(tokens, Mapping):
        return
    learned = tokens.get("trained_share")
    if isinstance(learned, float):
        yield "loss", f"{learned:.0%} of the tokens are learned: those that the model itself is to write"
    share = tokens.get("answer_share")
    if isinstance(share, float):
        said = f"{share:.0%} of the trained tokens are of answers; the trainer learns the others, too: prompts, template, end tokens"
        yield "loss", said
    for trim in tokens.get("trims") or ():
        yield (
            "warning",
            f"{trim['key']}: {trim['rows']:,} training rows {trim['what']}: {trim['limit']:,} tokens are the limit",
        )


def _estimate(estimate: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, label in (("parameters", "model"), ("trainable_parameters", "trained")):
        count = estimate.get(name)
        if isinstance(count, Mapping):
            yield label, f"{_number(count['value'])} parameters ({count['basis']})"
    made = estimate.get("updates")
    if isinstance(made, Mapping):
        yield "updates", f"{made['value']:,} of the weights ({made['basis']})"
        if "warning" in made:
            yield "warning", str(made["warning"])
    memory = estimate.get("memory_bytes")
    if isinstance(memory, Mapping):
        parts = [f"{memory[name] / GIB:.1f} GiB {name}" for name in ("total", "available") if name in memory]
        yield "memory", f"{', '.join(parts) or 'activations unknown'} ({memory['basis']})"
    time = estimate.get("time")
    if isinstance(time, Mapping):
        yield "time", f"{_duration(time['seconds'])} for {_number(time['tokens'])} tokens ({time['basis']})"
    cost = estimate.get("cost")
    if isinstance(cost, Mapping):
        yield "cost", f"{_price(cost)} on {cost['hardware']} ({cost['basis']})"
    limit = estimate.get("timeout")
    if isinstance(limit, Mapping):
        yield "time limit", f"{limit['seconds'] / 3600:g} h, then the run is stopped ({limit['basis']})"


def _price(cost: Mapping[str, object]) -> str:
    if "per_hour" not in cost:
        return "not known"
    parts = [f"${cost['per_hour']:.2f} an hour"]
    if "hours" in cost:
        parts.append(f"about {cost['hours']:.1f} hours")
    if "dollars" in cost:
        parts.append(f"an estimated ${cost['dollars']:.2f}")
    return ", ".join(parts)


def _print_examples(examples: object, out: Console) -> None:
    from rich.markup import escape

    for number, example in enumerate(examples if isinstance(examples, (list, tuple)) else (), start=1):
        tokens, cut, parts = example.get("tokens"), example.get("cut"), example.get("parts")
        size = f", {tokens} tokens" if tokens is not None else ""
        learned = f", {LEARNED.format('what is learned')}" if parts else ""
        out.print(f"\n[bold]Example {number}[/]{size}{', cut' if cut else ''}{learned}")
        if parts:
            text = "".join(LEARNED.format(part) if is_learned else part for part, is_learned in parts)
        else:
            text = str(example.get("text", ""))
        out.print(escape(text))


def _short(value: object) -> str:
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _words(name: object) -> str:
    return str(name).replace("_", " ")


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"about {seconds} s"
    if seconds < 7200:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"
