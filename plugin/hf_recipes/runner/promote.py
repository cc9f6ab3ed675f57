"""What may be published moves into RUN/model; the rest gives its disk space back."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from pathlib import Path

from hf_recipes.runner.files import read_json, write_json
from hf_recipes.runner.redaction import Redactor

PUBLISHABLE = re.compile(
    r"(?:adapter_model|model)(?:-\d+-of-\d+)?\.safetensors(?:\.index\.json)?|adapter_config\.json|config\.json|generation_config\.json|"
    r"tokenizer.*\.json|tokenizer\.model|spiece\.model|sentencepiece.*\.model|vocab\.(?:json|txt)|merges\.txt|bpe\.codes|"
    r"special_tokens_map\.json|added_tokens\.json|chat_template\.(?:jinja|json)|(?:pre|image_|video_pre)?processor_config\.json|"
    r"README\.md|training_params\.json|modules\.json|sentence_.*_config\.json|config_sentence_transformers\.json"
)
PUBLISHABLE_TABULAR = re.compile(r"(?:model|target_encoders)\.joblib|README\.md|training_params\.json")
LEFTOVERS = ("checkpoint-*", "*-data", "runs", "optimizer*", "scheduler*", "*.bin", "*.pt", "*.pth")


def promote(run: Path, source: Path, redact: Redactor, *, tabular: bool) -> None:
    """Move the publishable files of `source` into RUN/model, which appears complete or not at all."""
    building = run / "model.tmp"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    wanted = PUBLISHABLE_TABULAR if tabular else PUBLISHABLE
    for folder in (source, *_module_folders(source)):
        target = building / folder.relative_to(source)
        target.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if wanted.fullmatch(path.name) and stat.S_ISREG(path.lstat().st_mode):
                # What the run was trained with stays readable where the prepare step wrote it.
                move = shutil.copyfile if path.name == "training_params.json" else os.rename
                move(path, target / path.name)
    _clean_text(building, redact)
    building.rename(run / "model")
    for pattern in LEFTOVERS:
        for path in source.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _module_folders(source: Path) -> list[Path]:
    """The subfolders that a sentence-transformers model names in its modules.json."""
    try:
        modules = json.loads((source / "modules.json").read_text(encoding="utf-8"))
        names = [str(module.get("path") or "") for module in modules]
    except (OSError, ValueError, AttributeError, TypeError):
        return []
    return [source / name for name in names if re.fullmatch(r"\w[\w.-]*", name) and (source / name).is_dir()]


def _clean_text(folder: Path, redact: Redactor) -> None:
    """No token leaves with the model, no matter which program wrote it there."""
    parameters = folder / "training_params.json"
    if parameters.exists():
        try:
            write_json(parameters, {**read_json(parameters), "token": None})
        except ValueError:
            parameters.unlink()
    for path in (parameters, folder / "README.md"):
        if path.exists():
            text = path.read_text(encoding="utf-8", errors="replace")
            if redact(text) != text:
                path.write_text(redact(text), encoding="utf-8")
