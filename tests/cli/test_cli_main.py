"""The command as a person types it: help, mistakes, exit codes, and what goes to which stream."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import __version__, record
from hf_recipes.cli.main import COMMANDS
from hf_recipes.cli.progress import show_progress
from hf_recipes.record.state import Reason, RunState, State

HF_RECIPES = Path(sys.executable).with_name("hf-recipes")


def call(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(HF_RECIPES), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_help_names_every_command_with_a_sentence(tmp_path: Path) -> None:
    done = call("--help", cwd=tmp_path)
    assert done.returncode == 0
    for name, (_, sentence) in COMMANDS.items():
        assert name in done.stdout and sentence.split(":")[0][:30] in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_takes_no_unknown_option(name: str, tmp_path: Path) -> None:
    assert call(name, "--help", cwd=tmp_path).returncode == 0
    wrong = call(name, "--no-such-option", cwd=tmp_path)
    assert wrong.returncode == 2 and "no such option" in wrong.stderr.lower() and not wrong.stdout


def test_a_misspelt_command_is_answered_with_the_nearest(tmp_path: Path) -> None:
    done = call("valdiate", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'validate'?" in done.stderr


def test_version(tmp_path: Path) -> None:
    assert __version__ in call("--version", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    "arguments", [("status", "nothing"), ("logs", "nothing"), ("cancel", "nothing"), ("report", "last")]
)
def test_a_run_that_is_not_there_is_a_wrong_call_in_one_line(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and "Traceback" not in done.stderr


def test_an_empty_list_says_how_to_begin_and_is_an_empty_json_list(tmp_path: Path) -> None:
    said = call("list", cwd=tmp_path).stderr
    assert "hf-recipes run RECIPE" in said and "hf-recipes list --remote" in said
    assert json.loads(call("list", "--json", cwd=tmp_path).stdout) == []


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    for command in ("run", "plan", "validate"):
        done = call(command, "missing.yml", cwd=tmp_path)
        assert (
            done.returncode == 2
            and "missing.yml" in done.stdout + done.stderr
            and "Traceback" not in done.stderr
        )


def test_our_own_bug_is_exit_3_with_the_traceback_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "breaks.py").write_text(
        "import sys\n"
        "import hf_recipes.record\n"
        "def broken(*_): raise ZeroDivisionError('as if')\n"
        "hf_recipes.record.list_runs = broken\n"
        "from hf_recipes.cli.main import main\n"
        "sys.argv = ['hf-recipes', 'list']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "breaks.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    named = next(word for word in done.stderr.split() if word.endswith(".txt"))
    assert "ZeroDivisionError" in Path(named).read_text()
    Path(named).unlink()


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (("plan", "missing.yml"), 2, "unreadable"),
        (("run", "missing.yml"), 2, "unreadable"),
        (("run", "wrong.yml", "also.yml"), 2, "not-a-mapping"),
        (("plan",), 2, "wrong-call"),
        (("run", "wrong.yml", "--no-such-option"), 2, "wrong-call"),
        (("status", "nothing"), 2, "no-run"),
        (("logs", "last"), 2, "no-run"),
        (("cancel", "nothing"), 2, "no-run"),
        (("schema", "--field", "params.nothing"), 2, "wrong-call"),
        (("env", "make", "nothing"), 2, "wrong-call"),
    ],
)
def test_with_json_a_mistake_is_one_document_in_the_form_of_validate(
    arguments: tuple[str, ...], exit_code: int, code: str, tmp_path: Path
) -> None:
    for name in ("wrong.yml", "also.yml"):
        (tmp_path / name).write_text("just text\n")
    done = call(*arguments, "--json", cwd=tmp_path)
    assert done.returncode == exit_code
    first, *_ = json.loads(done.stdout)
    assert set(first) == {"file", "line", "column", "code", "message", "hint"}
    assert first["code"] == code and first["message"] in done.stderr


def test_a_bug_is_a_document_too(tmp_path: Path) -> None:
    (tmp_path / "breaks.py").write_text(
        "import sys\n"
        "import hf_recipes.record\n"
        "def broken(*_): raise ZeroDivisionError('as if')\n"
        "hf_recipes.record.list_runs = broken\n"
        "from hf_recipes.cli.main import main\n"
        "sys.argv = ['hf-recipes', 'list', '--json', '--debug']\n"
        "main()\n"
    )
    folder = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "breaks.py"], cwd=tmp_path, capture_output=True, text=True, env=folder
    )
    assert done.returncode == 3
    (problem,) = json.loads(done.stdout)
    assert problem["code"] == "bug" and "as if" not in problem["message"]
    assert "ZeroDivisionError: as if" in done.stderr  # --debug, at the end of the line


def test_a_full_disk_is_told_and_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "full.py").write_text(
        "import errno, sys\n"
        "import hf_recipes.record\n"
        "def full(*_): raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "hf_recipes.record.list_runs = full\n"
        "from hf_recipes.cli.main import main\n"
        "sys.argv = ['hf-recipes', 'list']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "full.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "error: the disk is full\n")


def test_a_command_without_its_word_shows_what_there_is(tmp_path: Path) -> None:
    for arguments in ((), ("env",)):
        done = call(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        text = done.stdout + done.stderr
        assert text.startswith("Usage: ") and "Commands:" in text and "error" not in text.lower().split()


def test_tables_are_not_folded_in_a_pipe(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    done = call(
        "env", "list", cwd=tmp_path, HF_RECIPES_HOME=str(deep), HF_RECIPES_INFERENCE_PYTHON=f"{deep}/python"
    )
    assert all(
        line.split()[0].startswith(("name", "inference", "autotrain", "trl"))
        for line in done.stdout.splitlines()
    )


def test_a_damaged_report_is_said_and_no_bug(make_run: Callable[..., Path]) -> None:
    run = make_run()
    (run / "report").mkdir()
    (run / "report" / "report.json").write_text("{")
    done = call("report", run.name, "--json", cwd=run.parent.parent)
    assert done.returncode == 1 and "is damaged" in done.stderr
    assert json.loads(done.stdout)[0]["code"] == "failed"


def test_what_a_trainer_said_is_shown_letter_by_letter(make_run: Callable[..., Path]) -> None:
    run = make_run()
    said = "train: KeyError: '[/INST]' is not in [bold] {x}; [Errno 28]"
    record.end(run, State.FAILED, Reason.TRAINER_FAILED, said)
    done = call("list", cwd=run.parent.parent)
    assert (done.returncode, done.stderr) == (0, "") and said in done.stdout


def test_a_bar_shows_what_a_trainer_said_letter_by_letter(tmp_path: Path) -> None:
    event = "{'stage': 'prepare', 'what': 'reading [/data] of [bold]', 'step': 1, 'total': 2}"
    shown = on_a_terminal(
        tmp_path,
        f"(RunState('x', State.RUNNING, stage='prepare'), [{event}]), (RunState('x', State.SUCCEEDED), [])",
    )
    assert b"reading [/data] of [bold]" in shown


def test_a_step_is_shown_under_the_stage_it_belongs_to(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run elsewhere one look may find the next stage begun and the last one's steps."""
    before = {"stage": "prepare", "what": "preparing data", "step": 32, "total": 32}
    now = {"stage": "train", "step": 1, "total": 9}
    running = RunState("x", State.RUNNING, stage="train")
    show_progress([(running, [before]), (running, [before, now]), (RunState("x", State.SUCCEEDED), [])])
    assert capsys.readouterr().err.splitlines() == ["running: train", "  train 1/9"]


def test_a_bar_shows_what_a_container_elsewhere_is_about(tmp_path: Path) -> None:
    shown = on_a_terminal(
        tmp_path,
        "(RunState('x', State.QUEUED, message='space building'), []),"
        " (RunState('x', State.PREPARING, stage='prepare', message='making [the] environment'), [])",
    )
    assert b"space building" in shown and b"making [the] environment" in shown


def on_a_terminal(tmp_path: Path, looks: str) -> bytes:
    """What is shown of these looks at a run, on a terminal, which a pseudo-terminal is."""
    script = tmp_path / "bars.py"
    script.write_text(
        "import time\n"
        "from hf_recipes.cli.progress import show_progress\n"
        "from hf_recipes.record.state import RunState, State\n"
        "def slowly(looks):\n"
        "    for look in looks:\n"
        "        yield look\n"
        "        time.sleep(0.3)\n"
        f"show_progress(slowly([{looks}]))\n"
    )
    out, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, script],
        stderr=terminal,
        stdout=terminal,
        env={**os.environ, "COLUMNS": "150", "TERM": "xterm"},
    )
    os.close(terminal)
    assert done.returncode == 0
    return os.read(out, 65_536)


def test_followed_as_json_a_log_is_one_document_once_the_run_has_ended(
    make_run: Callable[..., Path], make_step: Callable[..., Any], start: Callable[..., Any]
) -> None:
    code = "for i in range(4):\n  print(f'::progress {{\"step\": {i}}}', flush=True); time.sleep(0.4)"
    run = make_run(make_step("prepare", code))
    start(run)
    events = json.loads(call("logs", "-f", "--json", run.name, cwd=run.parent.parent).stdout)
    assert [event["step"] for event in events if "step" in event] == [0, 1, 2, 3]


def test_new_copies_a_shipped_recipe_that_validates(tmp_path: Path) -> None:
    assert "ingredient-parser" in call("new", cwd=tmp_path).stdout
    assert call("new", "ingredient-parser", "mine", cwd=tmp_path).returncode == 0
    assert call("validate", "mine/recipe.yml", cwd=tmp_path).returncode == 0
    again = call("new", "ingredient-parser", "mine", cwd=tmp_path)
    assert again.returncode == 2 and "is there already" in again.stderr
    spaced = call("new", "ingredient-parser", "my own", cwd=tmp_path)
    assert spaced.stderr.endswith("hf-recipes run 'my own/recipe.yml'\n")  # as it is typed


def test_as_an_extension_of_hf_the_help_says_hf_recipes(tmp_path: Path) -> None:
    script = tmp_path / "extensions" / "hf-recipes"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nfrom hf_recipes.cli.main import main\nmain()\n")
    script.chmod(0o755)
    done = subprocess.run([str(script), "--help"], capture_output=True, text=True)
    assert done.stdout.startswith("Usage: hf recipes ")


def test_as_an_extension_of_hf_every_command_that_is_named_can_be_typed(tmp_path: Path) -> None:
    """`hf` keeps the program in its folder of extensions, which is on no PATH: `hf-recipes …` would not be found."""
    folder = tmp_path / "hf" / "extensions" / "hf-recipes"
    folder.mkdir(parents=True)
    (folder / "hf-recipes").symlink_to(HF_RECIPES)

    def said(*arguments: str) -> str:
        command = [str(folder / "hf-recipes"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        return done.stdout + done.stderr

    for arguments in (("--help",), ("list",), ("new", "ingredient-parser"), ("validate", "--nothing")):
        text = said(*arguments)
        assert "hf recipes " in text and "hf-recipes " not in text, text
    assert "hf-recipes run RECIPE" in call("list", cwd=tmp_path).stderr
