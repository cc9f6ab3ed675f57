"""`hf-recipes report`: what the evaluation of a run found; of several runs, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hf_recipes.cli.arguments import RUN_HELP, json_option, runs_option
from hf_recipes.cli.browser import open_in_browser
from hf_recipes.cli.errors import CommandFailed
from hf_recipes.cli.output import document, say
from hf_recipes.runner.files import read_json

REPORT = Path("report") / "report.json"


@click.command("report", epilog=RUN_HELP)
@click.argument("names", metavar="RUN [RUN …]", nargs=-1, required=True)
@json_option
@click.option("--open", "open_browser", is_flag=True, help="Open report.html, with every test row, in a browser.")  # fmt: skip
@runs_option
def report_command(names: tuple[str, ...], as_json: bool, open_browser: bool, runs_dir: Path) -> None:
    """Print a run's evaluation: each method's numbers with intervals, and the verdict. Several runs are shown side by side."""
    from hf_recipes.api import lifecycle
    from hf_recipes.cli.status import refreshed

    folders = list(dict.fromkeys(lifecycle.find(name, runs_dir) for name in names))
    for folder in folders:
        if not (folder / REPORT).exists():
            refreshed(folder)
    reports = [_report(folder) for folder in folders]
    if len(folders) > 1:
        _several(folders, as_json)
    elif as_json:
        document(reports[0])
    else:
        _one(folders[0], reports[0])
    for folder, report in zip(folders, reports, strict=True):
        page = _page(folder, report)
        if not as_json:
            say(f"with every test row: {page}")
        if open_browser:
            open_in_browser(page.absolute().as_uri())


def _report(folder: Path) -> dict[str, Any]:
    path = folder / REPORT
    if not path.exists():
        raise CommandFailed(
            f"{folder.name} has no report: its recipe has no `evaluate:`, or it did not come that far"
        )
    report: dict[str, Any] | None
    try:
        report = read_json(path)
    except ValueError:
        report = None
    if report is None or not isinstance(report.get("methods"), dict):
        raise CommandFailed(f"{path} is damaged: it is no report; evaluate the run again")
    return report


def _one(folder: Path, report: dict[str, Any]) -> None:
    from hf_recipes.cli import report_text

    try:
        report_text.show_report(report)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        # It may come from another version or be damaged: its content is untrusted input.
        raise CommandFailed(
            f"{folder / REPORT} is no report of this version ({type(error).__name__}: {error}); "
            "evaluate the run again"
        ) from error


def _page(folder: Path, report: dict[str, Any]) -> Path:
    """The run's report.html; it is made where a run has none yet."""
    from hf_recipes.evaluation import page
    from hf_recipes.evaluation.answers import EvaluationFailed
    from hf_recipes.evaluation.write import replace

    file = folder / "report" / page.NAME
    if not file.exists():
        try:
            replace(file, page.of_run(folder, report))
        except EvaluationFailed as error:
            raise CommandFailed(f"{folder.name}: {error}") from None
    return file


def _several(folders: list[Path], as_json: bool) -> None:
    from hf_recipes.evaluation import side_by_side
    from hf_recipes.evaluation.answers import EvaluationFailed

    try:
        runs = [side_by_side.read_measured_run(folder) for folder in folders]
    except EvaluationFailed as error:
        raise CommandFailed(str(error)) from None
    if as_json:
        differing, apart = side_by_side.differing(runs), side_by_side.strangers(runs)
        document(
            [
                {
                    "id": run.run,
                    "run_dir": str(folder.absolute()),
                    "settings": {name: values[place] for name, values in differing.items()},
                    "comparable": run.run not in apart,
                    **({"why_not": apart[run.run]} if run.run in apart else {}),
                    "report": run.report,
                }
                for place, (folder, run) in enumerate(zip(folders, runs, strict=True))
            ]
        )
    else:
        from hf_recipes.cli.report_tables import show_side_by_side

        show_side_by_side(runs)
