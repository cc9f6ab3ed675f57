"""Nothing that others wrote is obeyed by the terminal it is printed on."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from hf_recipes.cli.terminal import CleanStream, clean_console, without_escapes

COMMAND = [sys.executable, "-c", "from hf_recipes.cli.main import main; main()"]
TITLE, CLEAR, EIGHT_BITS, CLIPBOARD = "\x1b]0;owned\x07", "\x1b[2J\x1b[H", "\x9b31m", "\x1b]52;c;aGk=\x1b\\"
HOSTILE = f"a{TITLE}b{CLEAR}c{EIGHT_BITS}d{CLIPBOARD}e\rf\x08g\x1bh\x00i\ud83dj"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HOSTILE, "abcdefgi\N{REPLACEMENT CHARACTER}j"),
        ("plain\ttext\nof ü and 漢字", "plain\ttext\nof ü and 漢字"),
        ("\x1b]8;;http://a.test\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r\x1b\\x\x9d0;t\x9cy\x1b(0z", "xyz"),
        ("not over: \x1b]0;title", "not over: 0;title"),
        ("\x1b[38:2:1:2:3mred\x1b[0m", "red"),
        ("\x1b", ""),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(text: str, shown: str) -> None:
    assert without_escapes(text) == shown
    stream = io.StringIO()
    CleanStream(stream).write(text)
    assert stream.getvalue() == shown


def test_a_sequence_that_comes_in_two_writes_is_none() -> None:
    stream = io.StringIO()
    clean = CleanStream(stream)
    clean.writelines(["one\x1b", "[2Jtwo"])
    assert "\x1b" not in stream.getvalue()


def test_rich_keeps_its_own_colours_and_cleans_what_it_is_given() -> None:
    stream = io.StringIO()
    console = clean_console(CleanStream(stream), force_terminal=True, color_system="standard", width=100)  # type: ignore[arg-type]
    table = Table("name")
    table.add_row(HOSTILE)
    console.print(f"[red]warm[/] {TITLE}", table)
    with console.status(f"reading {CLEAR}"):
        pass
    said = stream.getvalue()
    assert "\x1b[31m" in said
    assert not any(
        part in said for part in (TITLE, CLEAR, EIGHT_BITS, CLIPBOARD, "\x1b]", "\x1b[2J", "\x00", "\ud83d")
    )


def on_a_terminal(arguments: list[str], folder: Path) -> tuple[int, str]:
    """What both streams of a command put on a terminal."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment
    )
    os.close(slave)
    said = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the terminal is closed
            break
        if not piece:
            break
        said += piece
    os.close(master)
    return process.wait(60), said.decode("utf-8", "replace")


def hostile_run(runs: Path) -> Path:
    run = runs / "tiny-20260101-000000-abcd"
    run.mkdir(parents=True)
    (run / "job.json").write_text('{"project_name": "tiny", "steps": []}')
    state = {"id": run.name, "state": "failed", "message": HOSTILE, "stage": HOSTILE, "backend": "local"}
    (run / "state.json").write_text(json.dumps({**state, "created": "2026-01-01"}))
    (run / "train.log").write_text(HOSTILE.replace("\ud83d", ""))
    return run


@pytest.mark.parametrize("arguments", [["list"], ["status", "last"], ["logs", "last"], ["list", "--json"]])
def test_what_a_run_says_does_not_command_the_terminal(arguments: list[str], tmp_path: Path) -> None:
    hostile_run(tmp_path / "runs")
    code, said = on_a_terminal(arguments, tmp_path)
    assert code == 0 and "ab" in said.replace("\x1b", "")
    for part in (TITLE, CLEAR, CLIPBOARD, EIGHT_BITS, "\x9b", "\x9d", "\x00", "\x08"):
        assert part not in said


@pytest.mark.parametrize(
    "recipe",
    [
        'task: lm_training\n"a\\e]0;owned\\ab": 1\n',
        'task: "lm\\e[2J\\e[H"\nbase_model: x\n',
        "task: \x1b[2J\n",
    ],
)
def test_a_recipe_does_not_either(recipe: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yml").write_text(recipe)
    code, said = on_a_terminal(["validate", "recipe.yml"], tmp_path)
    assert code == 2 and "recipe.yml" in said
    assert TITLE not in said and CLEAR[:4] not in said


def test_a_file_of_that_name_does_not(tmp_path: Path) -> None:
    name = f"no{CLEAR}such.yml"
    code, said = on_a_terminal(["validate", name], tmp_path)
    assert code == 2 and CLEAR not in said and "such.yml" in said


def test_json_says_all_of_it_in_escapes(tmp_path: Path) -> None:
    run = hostile_run(tmp_path / "runs")
    done = subprocess.run(
        [*COMMAND, "status", "last", "--json"], cwd=tmp_path, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["message"] == HOSTILE
    assert "\x9b" not in done.stdout and run.name in done.stdout
