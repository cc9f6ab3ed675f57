"""`hf-recipes eval`: measure a run again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from hf_recipes.cli.arguments import RUN_HELP, json_option, run_argument, runs_option
from hf_recipes.cli.errors import FAILED, CommandFailed
from hf_recipes.cli.output import document, say


@click.command("eval", epilog=RUN_HELP)
@run_argument
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="evaluate.KEY=VALUE",
    help="Change how it is measured, such as evaluate.metrics=[exact_match,chrf]. Repeatable.",
)
@click.option("--anew", is_flag=True, help="Do not reuse earlier answers: ask every row again.")
@json_option
@runs_option
@click.pass_context
def eval_command(
    context: click.Context, run: str, settings: tuple[str, ...], anew: bool, as_json: bool, runs_dir: Path
) -> None:
    """Measure RUN again: its test rows are answered by the baselines and the fine-tuned model, and the report is written.

    Answers that the same weights gave before cost nothing; interrupted, it goes on where it stopped. Exits 1 where a
    bound of evaluate.require is not met; the state of the run stays as it is.
    """
    from hf_recipes.api import lifecycle
    from hf_recipes.api.evaluate import CannotEvaluate
    from hf_recipes.cli.progress import show_progress
    from hf_recipes.evaluation.findings import unmet
    from hf_recipes.runner.files import read_json

    folder = lifecycle.find(run, runs_dir)
    try:
        with closing(lifecycle.evaluate(folder, settings, anew=anew, say=say)) as looks:
            show_progress(looks)
    except CannotEvaluate as error:
        raise CommandFailed(str(error)) from None
    report = read_json(folder / "report" / "report.json")
    if as_json:
        document(report)
    else:
        from hf_recipes.cli import report_text

        report_text.show_report(report)
    gates = lifecycle.gate_unmet(folder)
    for gate in gates:
        say(f"gate not met: {unmet(gate)}")
    context.exit(FAILED if gates else 0)
