"""The command as a person types it: help, mistakes, exit codes, and what goes to which stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hf_recipes import __version__
from hf_recipes.cli.main import COMMANDS

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
    assert "hf-recipes run RECIPE" in call("list", cwd=tmp_path).stderr
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


def test_new_copies_a_shipped_recipe_that_validates(tmp_path: Path) -> None:
    assert "ingredient-parser" in call("new", cwd=tmp_path).stdout
    assert call("new", "ingredient-parser", "mine", cwd=tmp_path).returncode == 0
    assert call("validate", "mine/recipe.yml", cwd=tmp_path).returncode == 0
    again = call("new", "ingredient-parser", "mine", cwd=tmp_path)
    assert again.returncode == 2 and "is there already" in again.stderr


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
