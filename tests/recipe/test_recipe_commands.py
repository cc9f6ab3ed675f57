"""`hf-recipes validate` and `hf-recipes schema` as a person or a script calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CONFIGS = Path(__file__).parent / "configs"


def call(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from hf_recipes.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **environ})


def test_valid_recipes() -> None:
    done = call("validate", CONFIGS / "llm.yml", CONFIGS / "st-qa.yml")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{CONFIGS}/llm.yml: ok\n{CONFIGS}/st-qa.yml: ok\n"
    assert json.loads(call("validate", "--json", CONFIGS / "llm.yml").stdout) == []


def test_problems_are_lines_for_people_and_a_list_for_scripts() -> None:
    file = CONFIGS / "llm-sft.yml"
    unpushed = ", or leave it out: the account that is logged in is asked then"
    no_gpu_needed = ("--set", "backend=spaces-a10g-large")
    done = call("validate", file, "--set", "params.epoch=1", *no_gpu_needed)
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        "--set params.epoch: params.epoch: unknown; did you mean params.epochs?",
        f"{file}:31:3: hub.username: the environment variable HF_USERNAME is not set; export HF_USERNAME=…{unpushed}",
        f"{file}:32:3: hub.token: the environment variable HF_TOKEN is not set; export HF_TOKEN=…{unpushed}",
    ]
    done = call("validate", "--json", file, *no_gpu_needed, HF_USERNAME="me")
    assert done.returncode == 2
    (problem,) = json.loads(done.stdout)
    assert problem["hint"].startswith("export HF_TOKEN")
    assert {name: problem[name] for name in ("file", "line", "column", "code")} == {
        "file": str(file),
        "line": 32,
        "column": 3,
        "code": "unset-variable",
    }


def test_the_schema_and_one_key_of_it() -> None:
    assert json.loads(call("schema").stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "AutoTrain 0.8.36" in call("schema", "--field", "params.lr").stdout
    (entry,) = json.loads(call("schema", "--field", "params.lr", "--task", "st:qa", "--json").stdout)
    assert (entry["key"], entry["default"], entry["type"]) == ("params.lr", "3e-05", "a number")
    wrong = call("schema", "--field", "params.learning_rate")
    assert wrong.returncode == 2 and "did you mean params.lr?" in wrong.stderr and wrong.stdout == ""


def test_validating_imports_nothing_slow() -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from hf_recipes.api.recipes import recipe_problems\n"
        f"assert recipe_problems(Path({str(CONFIGS / 'llm.yml')!r})) == []\n"
        "slow = {'pydantic', 'huggingface_hub', 'rich', 'jsonschema', 'torch', 'autotrain', 'asyncio', 'numpy'}\n"
        "sys.exit(', '.join(slow & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
