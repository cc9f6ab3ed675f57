"""What goes up and what does not: files, paths of this machine, secrets, pickles, damaged weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_recipes.hub.errors import HubFailed
from hf_recipes.hub.publish.bundle import Bundle, pack
from hf_recipes.hub.publish.facts import read_facts
from hf_recipes.hub.publish.scan import scan
from hf_recipes.runner.redaction import Redactor
from push.pushable import BASE_FOLDER, measured, safetensors, write

TOKEN = "hf_" + "a1B2c3D4e5" * 3
SECRETS = ("MY_SECRET", "HF_TOKEN")


def packed(run: Path) -> Bundle:
    return pack(run, read_facts(run), "ada/tiny", SECRETS)


def refusal(run: Path) -> HubFailed:
    with pytest.raises(HubFailed) as refused:
        packed(run)
    return refused.value


def test_only_what_may_be_published_goes_up(finished: Callable[..., Path]) -> None:
    run = finished()
    for name in (
        "training_args.bin",
        "optimizer.pt",
        "pytorch_model.bin",
        "notes.txt",
        "checkpoint-3/optimizer.pt",
    ):
        path = run / "model" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\x80\x04")
    (run / "model" / "config.json").symlink_to("/etc/hostname")
    bundle = packed(run)
    assert set(bundle.weights) == {"adapter_model.safetensors"}
    assert set(bundle.texts) == {
        "adapter_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "recipe.yml",
        "hf_recipes.json",
        "report/report.json",
        "report/report.html",
        "README.md",
    }
    assert b"AutoTrain's own card" not in bundle.texts["README.md"]
    assert set(bundle.mark["files"]) == {*bundle.weights, *bundle.texts} - {"hf_recipes.json"}


def test_the_base_has_its_public_name_wherever_its_folder_stood(finished: Callable[..., Path]) -> None:
    run = finished()
    write(
        run / "model" / "config.json",
        {"_name_or_path": BASE_FOLDER, "tokenizer_file": "/home/x/t.json", "n": [1]},
    )
    texts = packed(run).texts
    name = "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert json.loads(texts["adapter_config.json"]) == {"base_model_name_or_path": name, "r": 16}
    assert json.loads(texts["tokenizer_config.json"])["name_or_path"] == name
    assert json.loads(texts["config.json"]) == {"_name_or_path": name, "n": [1]}
    assert not any(b"/home/" in data for data in texts.values())
    # On disk nothing changes: `compare` goes on loading the folder.
    assert BASE_FOLDER in (run / "model" / "adapter_config.json").read_text()


def test_a_recipe_may_name_its_data_by_an_absolute_path(
    finished: Callable[..., Path], tmp_path: Path
) -> None:
    data = tmp_path / "own" / "data"
    run = finished(f"data:\n  path: {data}\n", settings=(f"data.path={data}",))
    bundle = packed(run)
    assert bundle.texts["recipe.yml"] == b"data:\n  path: data\n"
    assert not any(str(tmp_path).encode() in text for text in bundle.texts.values())


@pytest.mark.parametrize("file", ["recipe.yml", "model/tokenizer_config.json", "report/report.json"])
@pytest.mark.parametrize("kind", ["token", "value", "path"])
def test_a_leak_is_refused_by_file_and_line_and_never_repeated(
    finished: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, kind: str
) -> None:
    monkeypatch.setenv("MY_SECRET", "correct-horse")
    leak = {"token": TOKEN, "value": "correct-horse", "path": str(tmp_path / "somewhere" / "else")}[kind]
    run = finished()
    path = run / file
    if path.suffix == ".json":
        document = {**json.loads(path.read_text()), "zz": leak}
        path.write_text(json.dumps(document, indent=1))
    else:
        path.write_text(path.read_text() + f"\n# {leak}\n")
    (tmp_path / "somewhere").mkdir()
    refused = refusal(run)
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if leak in text)
    assert refused.reason == "leak"
    assert f"{file.removeprefix('model/')}:{line} (" in str(refused)
    assert leak not in str(refused)


def test_a_secret_in_the_header_of_the_weights_is_found(finished: Callable[..., Path]) -> None:
    run = finished()
    weights = run / "model" / "adapter_model.safetensors"
    weights.write_bytes(safetensors(metadata={"by": TOKEN}))
    write(run / "report" / "report.json", measured(run / "model"))
    assert "adapter_model.safetensors:1" in str(refusal(run))


def test_texts_that_only_speak_of_paths_are_no_leak() -> None:
    def finds(file: str, text: str) -> list[str]:
        found = scan(
            {file: text},
            redact=Redactor((), {}),
            places=["/srv/ada/runs"],
            exists=lambda path: path in ("/home/ada", "/var/log", "/var/folders"),
        )
        return [str(one) for one in found]

    assert (
        finds(
            "report/report.json", "ls /home/user/file; cat /usr/bin/env; https://x.org/home/ada/x; and/or/not"
        )
        == []
    )
    assert finds("tokenizer.json", '"/home/ada/": 5') == []
    assert finds("recipe.yml", "the error in /var/log/nginx/error.log") == []
    assert finds("recipe.yml", "/var/folders/xy/z") == ["recipe.yml:1 (a path of this machine)"]
    assert finds("config.json", '"/var/log/x"') == ["config.json:1 (a path of this machine)"]
    assert finds("README.md", "one\n/home/ada/data/x") == ["README.md:2 (a path of this machine)"]
    assert finds("config.json", '{"x": "/home/user/file"}') == ["config.json:1 (a path of this machine)"]
    assert finds("tokenizer.json", "/srv/ada/runs/x") == ["tokenizer.json:1 (a path of this machine)"]
    assert finds("README.md", "/srv/ada/runsandmore") == []


@pytest.mark.parametrize(
    "secret",
    [
        "ghp_" + "a" * 36,
        "AKIA" + "ABCDEFGH12345678",
        "-----BEGIN RSA PRIVATE" + " KEY-----",
        "sk-ant-" + "x1" * 20,
    ],
)
def test_other_peoples_kinds_of_tokens_are_found(secret: str) -> None:
    (found,) = scan({"recipe.yml": f"a: 1\nb: {secret}\n"}, redact=Redactor((), {}), places=[])
    assert (found.file, found.line) == ("recipe.yml", 2)


def test_a_long_name_is_no_token() -> None:
    text = "task-with-a-very-long-name-that-goes-on-and-on: risk-of-too-many-false-alarms-in-a-scan"
    assert scan({"recipe.yml": text}, redact=Redactor((), {}), places=[]) == []


def test_a_pickle_is_refused_with_its_reason(finished: Callable[..., Path]) -> None:
    run = finished(task="tabular", base_model="xgboost")
    (run / "model" / "model.joblib").write_bytes(b"\x80\x04")
    refused = refusal(run)
    assert refused.reason == "pickle" and "never pushed" in str(refused)


def test_weights_that_are_gone_or_damaged_are_refused(finished: Callable[..., Path]) -> None:
    run = finished()
    weights = run / "model" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    assert refusal(run).reason == "weights_invalid"
    weights.unlink()
    (run / "model" / "pytorch_model.bin").write_bytes(b"\x80\x04")
    assert refusal(run).reason == "no_weights"


def test_a_report_about_other_weights_is_refused(finished: Callable[..., Path]) -> None:
    run = finished()
    (run / "model" / "adapter_model.safetensors").write_bytes(safetensors(8))
    assert refusal(run).reason == "report_invalid"
