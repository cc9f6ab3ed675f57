"""`hf-recipes list`: the runs that are recorded here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from hf_recipes.cli.arguments import json_option, runs_option
from hf_recipes.cli.output import console, document, say


@click.command("list")
@click.option(
    "--remote",
    is_flag=True,
    help="Include runs of your account that were started elsewhere; they are downloaded.",
)
@json_option
@runs_option
def list_command(remote: bool, as_json: bool, runs_dir: Path) -> None:
    """List runs, newest first, with what those on Hugging Face cost by the hour while they run."""
    from hf_recipes import record
    from hf_recipes.api import lifecycle
    from hf_recipes.cli.status import refreshed

    if remote:
        lifecycle.bring_all(runs_dir)
    runs = record.list_runs(runs_dir)
    for run in runs:
        away = refreshed(run)
        if getattr(away, "reason", None) == "unreachable":  # each more would wait as long
            say("all other runs on Hugging Face, too")
            break
    documents = [_document(run) for run in runs]
    if as_json:
        document(documents)
    elif not documents:
        say(f"no runs in {runs_dir} yet; start one with: hf-recipes run RECIPE")
        if not remote:
            say("runs of your account that were started elsewhere: hf-recipes list --remote")
    else:
        _table(documents)


def _document(run: Path) -> Mapping[str, object]:
    """For a run with damaged files, that fact: the others are still listed."""
    from hf_recipes.api import lifecycle

    try:
        return lifecycle.run_as_json(run)
    except Exception as error:
        said = f"its files are damaged ({type(error).__name__})"
        return {
            **dict.fromkeys(("stage", "reason", "model_dir")),
            "id": run.name,
            "state": "failed",
            "message": said,
            "run_dir": str(run),
            "backend": "",
            "metrics": {},
        }


def _table(documents: Sequence[Mapping[str, object]]) -> None:
    from rich.table import Table

    from hf_recipes.evaluation.findings import warning_sentences

    table = Table(box=None, pad_edge=False)
    # Whole, also in a narrow window: it is what the other commands take.
    table.add_column("id", no_wrap=True, min_width=max(len(str(each["id"])) for each in documents))
    for name in ("state", "stage", "backend", "cost", "message"):
        table.add_column(name)
    for each in documents:
        words = [str(each[key] or "") for key in ("id", "state", "stage", "backend")]
        warned = [f"warning: {said}" for said in warning_sentences(each)]
        table.add_row(*words, _cost(each), "; ".join(filter(None, [*warned, str(each["message"] or "")])))
    console(stderr=False).print(table)
    running = [each.get("per_hour") for each in documents]
    total = sum(price for price in running if isinstance(price, (int, float)))
    if total:
        say(f"${total:.2f} an hour while they run; stop one with: hf-recipes cancel RUN")


def _cost(run: Mapping[str, object]) -> str:
    """Dollars by the hour of what runs now; of what has ended there are none."""
    if "hardware" not in run or run["state"] in ("succeeded", "failed", "cancelled"):
        return ""
    price = run.get("per_hour")
    return f"${price:.2f}/h" if isinstance(price, (int, float)) else "unknown"
