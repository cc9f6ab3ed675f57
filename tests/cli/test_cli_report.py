"""`hf-recipes report`: one run with its page, several side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evaluation.reported import JOB, full, row, write_run
from hf_recipes import record
from hf_recipes.cli import report as command
from hf_recipes.cli.run import _print_outcome
from hf_recipes.record.state import State


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name, lr, right in (("first-run", 0.002, 0.95), ("second-run", 0.001, 0.5)):
        report = full()
        report["methods"]["fine-tuned"]["metrics"]["exact_match"]["value"] = right
        run = write_run(tmp_path / name, report, [row(0, "question", "expected", fine_tuned=("answer", 0.0))])
        (run / "job.json").write_text(json.dumps({**JOB, "project_name": "tiny", "params": {"lr": lr}}))
    return tmp_path


def call(runs: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command.report_command, [*arguments, "--runs-dir", str(runs)])


def test_one_run_is_printed_and_its_page_named_and_made(runs: Path) -> None:
    done = call(runs, "first-run")
    assert done.exit_code == 0
    assert "fine-tuned 95.0% 92.0% to 96.9% 38.0 22.0 0 of 300 0.150" in words(done)
    page = runs / "first-run" / "report" / "report.html"
    assert str(page) in done.stderr and "question" in page.read_text()
    page.write_text("as the run left it")
    assert call(runs, "first-run").exit_code == 0
    assert page.read_text() == "as the run left it"


def test_what_is_printed_is_text_and_no_markdown(runs: Path) -> None:
    file = runs / "first-run/report/report.json"
    report = json.loads(file.read_text())
    report["misses"] = [{"row": 3, "answer": "a [b] *c*\x1b[2J\nd", "reference": "e_f " * 30}]
    report["notes"] = {"judge": "no [endpoint]"}
    file.write_text(json.dumps(report))
    done = call(runs, "first-run")
    lines = words(done)
    assert "exact_match retrieval +54.0 +48.0 to +60.0 165 rows 3 rows < 0.001 exact McNemar" in lines
    assert "Verdict: fine-tuned. Right on 165 rows that retrieval got wrong." in lines
    assert "exact_match at least 0.9 95.0% yes" in lines
    assert "Not measured: judge. no [endpoint]." in lines
    assert f"3 a [b] *c* [2J d {('e_f ' * 30)[:59]}…" in lines
    assert "\\" not in done.stdout and "**" not in done.stdout and "|" not in done.stdout


def words(done: Result) -> list[str]:
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_json_of_one_run_is_its_report(runs: Path) -> None:
    done = call(runs, "first-run", "--json")
    assert json.loads(done.stdout) == json.loads((runs / "first-run/report/report.json").read_text())


def test_open_opens_the_file(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(command.click, "launch", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")
    assert call(runs, "first-run", "--open").exit_code == 0
    assert opened == [(runs / "first-run/report/report.html").as_uri()]


def test_open_on_a_machine_without_a_screen_names_the_file_alone(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(command.click, "launch", opened.append)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    done = call(runs, "first-run", "--open")
    assert done.exit_code == 0 and opened == [] and "report.html" in done.stderr


def test_several_runs_stand_side_by_side_with_what_differs(runs: Path) -> None:
    done = call(runs, "first-run", "second-run")
    assert done.exit_code == 0, done.output
    lines = words(done)
    assert "[1] fine-tuned 95.0% 92.0% to 96.9% 38.0 22.0 0 of 300 0.150" in lines
    assert "[2] fine-tuned 50.0% 92.0% to 96.9% 38.0 22.0 0 of 300 0.150" in lines
    assert "params.lr 0.002 0.001" in lines
    assert any("second-run can't be compared with the first" in line for line in lines)


def test_json_of_several_runs_is_a_list(runs: Path) -> None:
    found: list[dict[str, Any]] = json.loads(call(runs, "first-run", "second-run", "--json").stdout)
    assert [(one["id"], one["settings"]) for one in found] == [
        ("first-run", {"params.lr": 0.002}),
        ("second-run", {"params.lr": 0.001}),
    ]
    assert [one["comparable"] for one in found] == [True, False] and "answers" in found[1]["why_not"]
    assert found[1]["report"]["methods"]["fine-tuned"]["metrics"]["exact_match"]["value"] == 0.5


@pytest.mark.parametrize(("damage", "says"), [("", "first-run has no report"), ("{", "is damaged")])
def test_no_report_and_a_broken_one_are_said_in_a_line(runs: Path, damage: str, says: str) -> None:
    file = runs / "first-run" / "report" / "report.json"
    file.write_text(damage) if damage else file.unlink()
    for names in (("first-run",), ("second-run", "first-run")):
        done = call(runs, *names)
        assert done.exit_code != 0 and done.stdout == "" and says in done.stderr


def test_a_bound_on_what_was_not_measured_is_told_as_such(
    make_job: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record.create(make_job(), "", tmp_path / "runs")
    job = (run / "job.json").read_text()
    write_run(run, {**full(), "gate": [{"metric": "likelihood", "bound": "at least 0.5", "met": False}]})
    (run / "job.json").write_text(job)
    record.end(run, State.SUCCEEDED, None, "")
    _print_outcome(run)
    assert "gate not met: likelihood is not measured, required: at least 0.5" in capsys.readouterr().err
