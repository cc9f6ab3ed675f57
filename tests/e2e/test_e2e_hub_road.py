"""The whole road on Hugging Face, nothing mocked but the Hub: a Space trains, the model is pushed, the compare Space answers.

The stand-in Hub runs what is created as real processes: the training Space's CMD, the Jobs' scripts, the Gradio page.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.cli.extensions import ExtensionManifest
from playwright.sync_api import Browser, Page

from hf_recipes import environments

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
HF_RECIPES = str(Path(sys.executable).with_name("hf-recipes"))
# The bundled base under its own name on the Hub.
BASE, MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct", "ada/ingredient-parser"
ANSWERED = 240_000
"""Milliseconds until a model is downloaded, loaded and has answered, on a machine that is busy."""

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def core_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training Space's image has: an interpreter with the packages of start.py, and nothing of ours."""
    from hf_recipes.backends.huggingface.container.start import start_script

    folder = tmp_path_factory.mktemp("container")
    needed = re.findall(r'^#   "(.+)",$', start_script(), flags=re.MULTILINE)
    assert needed
    quiet = ["--quiet", "--python", sys.executable]
    environment = environments.uv_environment()
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    subprocess.run([uv, "venv", *quiet, str(folder / "venv")], env=environment, check=True)
    python = folder / "venv/bin/python"
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", str(python), *needed], env=environment, check=True
    )
    return python


@pytest.fixture
def account(logged_in: Any, core_python: Path) -> Any:
    """ada's account, which holds the bundled base as a model repo, and machines that have the interpreters made."""
    hub = logged_in
    pythons = {name: environments.ensure(name, say=print) for name in ("autotrain", "inference")}
    uv = {name: value for name, value in environments.uv_environment().items() if name.startswith("UV_")}
    hub.image = {
        **uv,
        "PATH": os.pathsep.join([str(core_python.parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HF_RECIPES_AUTOTRAIN_PYTHON": str(pythons["autotrain"]),
        "HF_RECIPES_INFERENCE_PYTHON": str(pythons["inference"]),
        "HF_HUB_DISABLE_XET": "1",
    }
    code = "from hf_recipes.inference.base_model import resolve_base; print(resolve_base('bundled/smollm2-135m-instruct', say=lambda _: None))"
    done = subprocess.run(
        [str(pythons["inference"]), "-c", code],
        env={**os.environ, "PYTHONPATH": str(environments.package_path())},
        capture_output=True,
        text=True,
        check=True,
    )
    base = Path(done.stdout.split()[-1])
    files = {path.name: path.read_bytes() for path in base.iterdir() if path.is_file()}
    hub.put("model", BASE, files)
    return hub


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The quickstart's recipe for a Space: a Hub base, less data, no gate; everything else as shipped."""
    folder = tmp_path / "mine"
    shipped = ROOT / "recipes" / "ingredient-parser"
    (folder / "data").mkdir(parents=True)
    for name, rows in {"train.jsonl": 40, "test.jsonl": 6}.items():
        lines = (shipped / "data" / name).read_text(encoding="utf-8").splitlines(keepends=True)[:rows]
        (folder / "data" / name).write_text("".join(lines), encoding="utf-8")
    text = (shipped / "recipe.yml").read_text(encoding="utf-8")
    text = text.replace("bundled/smollm2-135m-instruct", BASE)
    (folder / "recipe.yml").write_text(text, encoding="utf-8")
    return folder / "recipe.yml"


@pytest.fixture
def call(recipe: Path) -> Call:
    def hf_recipes(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HF_RECIPES, *arguments], cwd=recipe.parent, capture_output=True, text=True, **more
        )

    return hf_recipes


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


SHORT = ("--set", "evaluate.require=null", "--set", "evaluate.baselines=[zero-shot]", "--yes")


@pytest.fixture(params=["here", "on a Space"])
def five_commands(request: pytest.FixtureRequest) -> list[list[str]]:
    """The README's, each as its words; on a Space with what it says of that in place of `--push`."""
    text = (
        (ROOT / "README.md").read_text(encoding="utf-8").split("## From a free account to a page online")[1]
    )
    block = re.search(r"(?:^ {4}\S.*\n)+", text, flags=re.MULTILINE)
    rented = re.search(r"`(--backend spaces-[^`]+)` trains in a private Space", text)
    assert block and rented
    commands = [shlex.split(line, comments=True) for line in block[0].splitlines()]
    if request.param == "on a Space":
        commands[3] = [word for word in commands[3] if word != "--push"] + shlex.split(rented[1])
    return commands


@pytest.fixture
def hf(account: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Call:
    """`hf` of a person who has hf-recipes as its extension, in a home of their own, and is not logged in yet."""
    home = tmp_path_factory.mktemp("home")
    folder = home / ".local/share/hf/extensions/hf-recipes"
    folder.mkdir(parents=True)
    (folder / "hf-recipes").symlink_to(HF_RECIPES)
    ExtensionManifest(
        owner="ada",
        repo="hf-recipes",
        repo_id="ada/hf-recipes",
        short_name="recipes",
        executable_path=str(folder / "hf-recipes"),
        type="python",
        installed_at=datetime.now(timezone.utc),
    ).save(folder)
    environment = {name: value for name, value in os.environ.items() if name not in ("HF_TOKEN", "HF_HOME")}
    environment |= {
        "HOME": str(home),
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        # Interpreters and the bundled base, which have been made before.
        "HF_RECIPES_HOME": str(environments.cache_dir()),
    }
    work = tmp_path / "work"
    work.mkdir()

    def call(*words: str, cwd: Path = work, **more: str) -> subprocess.CompletedProcess[str]:
        assert words[0] == "hf"
        command = [str(Path(sys.executable).with_name("hf")), *words[1:]]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**environment, **more})

    return call


def shorten(recipe: Path) -> None:
    """Fewer rows, so that it takes minutes; everything else as shipped."""
    for name, rows in {"train.jsonl": 40, "test.jsonl": 6}.items():
        file = recipe.parent / "data" / name
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)[:rows]
        file.write_text("".join(lines), encoding="utf-8")


def test_the_five_commands_of_the_readme_put_a_page_online(
    account: Any, hf: Call, five_commands: list[list[str]], tmp_path: Path, page: Page
) -> None:
    install, login, new, run, deploy = five_commands
    # What stands for the first: the extension lies where `hf` keeps it (tests/e2e/test_e2e_wheel.py installs it).
    assert install[:3] == ["hf", "extensions", "install"]
    # What `hf auth login` asks for is typed as an option.
    entered = hf(*login, "--token", account.token)
    assert entered.returncode == 0, entered.stderr
    made = hf(*new)
    assert made.returncode == 0 and "hf recipes run" in made.stderr, made.stderr
    recipe = tmp_path / "work" / run[3]
    shorten(recipe)

    done = hf(*run, *SHORT, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    ended = json.loads(done.stdout)
    backend = run[run.index("--backend") + 1] if "--backend" in run else "local"
    assert (ended["state"], ended["backend"]) == ("succeeded", backend)

    pushed = account.repo("model", MODEL)
    assert pushed.private
    files = pushed.commit("main").files
    assert {"adapter_model.safetensors", "README.md", "recipe.yml", "hf_recipes.json"} <= set(files)
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pkl"))]
    assert json.loads(account.read("model", MODEL, "adapter_config.json"))["base_model_name_or_path"] == BASE
    card = account.read("model", MODEL, "README.md").decode()
    assert f"base_model: {BASE}" in card and "model-index" in card

    assert answer_of_the_card(account, card).strip()

    assert "train_loss" in hf("hf", "recipes", "logs", ended["id"]).stdout
    if backend != "local":
        # It costs nothing any more, and whoever asks from elsewhere is told the same.
        assert account.space(f"ada/{ended['id']}").stage == "PAUSED"
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        asked = hf("hf", "recipes", "status", ended["id"], "--json", cwd=elsewhere)
        assert json.loads(asked.stdout)["state"] == "succeeded", asked.stderr

    # A private model is read with a token that only reads, which stands before the command.
    variable, _, token = deploy[0].partition("=")
    assert (variable, token) == ("HF_RECIPES_SPACE_TOKEN", "hf_…")
    put = hf(*deploy[1:], "--json", **{variable: account.read_token})
    assert put.returncode == 0, put.stderr
    assert json.loads(put.stdout)["models"] == [MODEL]
    space = account.space(json.loads(put.stdout)["space"])
    base, tuned = both_answers(page, space.url, "about 3 tsp. rolled oats, thinly sliced")
    assert base and tuned and base != tuned


def answer_of_the_card(hub: Any, card: str) -> str:
    """What the card's code prints, pasted as it stands by somebody who may read the model."""
    code = re.findall(r"^```python\n(.*?)^```", card, flags=re.MULTILINE | re.DOTALL)
    assert len(code) == 1
    python = environments.ensure("inference", say=print)
    reader = {**os.environ, "HF_TOKEN": hub.read_token}
    done = subprocess.run([str(python), "-c", code[0]], env=reader, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def both_answers(page: Page, url: str, prompt: str) -> tuple[str, str]:
    page.goto(url)
    page.fill("#prompt textarea", prompt)  # before the page has read what the model says of itself
    page.wait_for_selector("#examples .gallery-item", timeout=ANSWERED)
    assert page.input_value("#prompt textarea") == prompt
    page.click("#run")
    for model in ("base", "fine-tuned"):
        page.wait_for_selector(f'[data-model="{model}"][data-state="done"]', timeout=ANSWERED)
    base, tuned = (
        page.locator(f'[data-model="{model}"] [data-text]').get_attribute("data-text")
        for model in ("base", "fine-tuned")
    )
    return str(base), str(tuned)


def test_a_matrix_of_two_through_jobs(account: Any, recipe: Path, call: Call) -> None:
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text + "\nmatrix:\n  params.lr: [1.0e-3, 2.0e-3]\n", encoding="utf-8")
    done = call("run", "recipe.yml", "--backend", "jobs-cpu-upgrade", *SHORT, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    ended = json.loads(done.stdout)
    assert [one["state"] for one in ended] == ["succeeded", "succeeded"]
    weights = set()
    for one in ended:
        state = json.loads((Path(one["run_dir"]) / "state.json").read_text())
        model = state["handle"]["model"]
        weights.add(account.read("model", model, "adapter_model.safetensors"))
        job = account.job(state["handle"]["job"])
        assert job.stage == "COMPLETED" and "HF_TOKEN" in job.secrets
        assert account.token not in json.dumps(job.command) + json.dumps(dict(job.variables))
    assert len(weights) == 2
