"""`hf-recipes decide`: is fine-tuning worth trying? Four questions, each with its numbers, and an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hf_recipes.cli.arguments import json_option, recipe_argument, runs_option, settings_option
from hf_recipes.cli.errors import INTERRUPTED
from hf_recipes.cli.output import console, document, say

if TYPE_CHECKING:
    from rich.console import Console

GIB = 1024**3
CHEAPEST = 8
"""Hardware that is named; --json has all of it."""


@click.command("decide")
@recipe_argument
@settings_option
@json_option
@runs_option
@click.pass_context
def decide_command(
    context: click.Context, recipe: Path, settings: tuple[str, ...], as_json: bool, runs_dir: Path
) -> None:
    """Measure RECIPE's base model on its test rows, without training: fine-tune it, or keep prompting?

    The base answers plainly, with examples in the prompt and with retrieved passages, on this machine and as a run of its own.
    """
    from hf_recipes.api import decide, lifecycle
    from hf_recipes.api.recipes import load_recipe
    from hf_recipes.cli.run import follow_run

    checked = decide.check_measurable(load_recipe(recipe, settings=settings))
    run = lifecycle.measure(checked, runs_dir=runs_dir, say=say)
    say(f"run {run.name}: the base is measured here, nothing is trained")
    code = follow_run(run, tell_rows=False)
    if code == INTERRUPTED:
        context.exit(code)
    found = decide.decision_document(checked, run)
    decide.write_decision(run, found)
    if as_json:
        document(found)
    else:
        show_decision(found, console(stderr=False, markup=True))
    context.exit(code)


def show_decision(found: Mapping[str, Any], out: Console) -> None:
    """`out`: a console that reads rich's markup."""
    from rich.markup import escape

    from hf_recipes.cli.tunable import reason_lines
    from hf_recipes.evaluation.findings import warning_sentences

    out.print(f"[bold]Should {escape(found['base_model'])} be fine-tuned?[/]")
    sections: tuple[tuple[str, Iterator[tuple[str, str]]], ...] = (
        ("Is it needed?", _needed(found["needed"])),
        ("What would training cost? (estimates, cheapest first)", _training(found["cost"])),
        ("What does it cost to serve 1,000 requests?", _serving(found["cost"])),
        ("Can it be tuned?", reason_lines(found["tunable"])),
        ("Is there enough data?", _data(found["data"])),
    )
    for title, rows in sections:
        out.print(f"\n[bold]{title}[/]")
        for name, text in rows:
            out.print(f"  {escape(name):<16}{escape(text)}")
    for said in warning_sentences(found):
        out.print(f"\n[bold]Warning:[/] {escape(said)}")
    made = found["decision"]
    out.print(f"\n[bold]{made['decision']}[/]: {escape(made['sentence'])}")
    out.print("[dim]The rules: " + escape("; ".join(found["rules"])) + ".[/]")


def _needed(needed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from hf_recipes.evaluation.rounding import bound_share, interval_in_words, share

    target = needed["target"]
    written = share if "rival" in target else bound_share
    value = f"{written(target['value'])} {target['metric']}, " if "value" in target else ""
    yield "target", f"{value}{target['basis']}"
    for method, result in needed.get("methods", {}).items():
        beside = "  (shown beside, decides nothing)" if method == "reference" else ""
        cut = needed.get("cut", {}).get(method)
        ended = f"; {cut} of {needed['n']} answers cut at {needed['cut_at']} tokens" if cut else ""
        yield method, f"{share(result['value']):>6}  ({interval_in_words(result)}){ended}{beside}"
    for method, why in needed.get("notes", {}).items():
        yield method, f"not measured: {why}"
    if "n" in needed:
        yield "test rows", str(needed["n"])


def _training(cost: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "training_unknown" in cost:
        yield "not known", cost["training_unknown"]
    fitting = [offer for offer in cost["training"] if offer["fits"]]
    for offer in fitting[:CHEAPEST]:
        yield offer["hardware"], _offer(offer)
    if more := fitting[CHEAPEST:]:
        yield "…", f"{len(more)} more that fit; --json lists them"
    refused: dict[str, list[str]] = {}
    for offer in cost["training"]:
        if not offer["fits"]:
            refused.setdefault(_short(offer["why_not"], offer["hardware"]), []).append(offer["hardware"])
    for why, hardware in refused.items():
        yield "ruled out", f"{', '.join(hardware)}: {why}"
    yield "basis", cost["training_basis"]


def _offer(offer: Mapping[str, Any]) -> str:
    size = (
        f"{offer['needed'] / GIB:5.1f} of {offer['available'] / GIB:.0f} GiB"
        if "needed" in offer
        else "memory not known"
    )
    hours = f"about {_hours(offer['hours'])}" if "hours" in offer else "time not known"
    dollars = f"${offer['dollars']:.2f}" if "dollars" in offer else "cost not known"
    return f"{offer['device']:<17}{size:<20}{hours:<15}{dollars}"


def _hours(hours: float) -> str:
    if hours < 1 / 30:
        return f"{hours * 3600:.0f} s"
    if hours < 2:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} days"


def _short(why: str, hardware: str) -> str:
    """The same reason is told once for all hardware that it holds for."""
    for backend in (f"jobs-{hardware}", f"spaces-{hardware}"):
        why = why.partition(f", and {backend}")[0].removesuffix(f" on {backend}")
    return why


def _serving(cost: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for method, cost_of_1000 in cost["serving_per_1000"].items():
        kept = ", some answers kept from before" if "cached_share" in cost_of_1000 else ""
        yield (
            method,
            f"{cost_of_1000['prompt_tokens']:>11,.0f} prompt + {cost_of_1000['completion_tokens']:,.0f} answer tokens, {cost_of_1000['seconds']:,.0f} s{kept}",
        )
    yield "basis", cost["serving_basis"] if cost["serving_per_1000"] else "not measured"


def _data(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "train_rows" in data:
        used = f" (data.limit leaves {data['used_train_rows']:,})" if "used_train_rows" in data else ""
        yield (
            "answer",
            f"{'yes' if data['enough'] else 'no'}: {data['train_rows']:,} training rows{used}, {data['test_rows']:,} test rows",
        )
    else:
        yield "answer", "the rows were not counted"
    yield "basis", data["basis"]
    from hf_recipes.data.tally import in_lines

    for line in in_lines(data.get("warnings", ()), data.get("totals", {})):
        yield "warning", line
