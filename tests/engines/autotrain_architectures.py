"""Writes, as JSON, the model types that AutoTrain's transformers can load for each task. Nothing is listed by hand.

<python of the autotrain set> tests/engines/autotrain_architectures.py plugin/hf_recipes/engines/autotrain/model_types.json
"""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import autotrain
import transformers
from transformers.models.auto import modeling_auto

TRAINERS = Path(autotrain.__file__).parent / "trainers"
AUTO = {
    name: getattr(modeling_auto, name)._model_mapping._model_mapping
    for name in dir(modeling_auto)
    if name == "AutoModel" or name.startswith("AutoModelFor")
}
"""Auto class → {model type: its class}. Tables of names: no model's module is imported."""


def loads(file: Path) -> set[str]:
    """The classes of transformers that a source file makes models with: `X.from_pretrained(…)`, `SentenceTransformer(…)`."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(ast.Attribute(ast.Name(name), "from_pretrained")) if (
                "Model" in name or "For" in name
            ):
                found.add(name)
            case ast.Call(ast.Name("SentenceTransformer")):
                found.add(
                    "AutoModel"
                )  # a transformer and a pooling layer, where the repo brings no modules of its own
    return found & {*AUTO, "PaliGemmaForConditionalGeneration"}


def tasks() -> dict[str, dict[str, str]]:
    """Folder of trainers → trainer within it, or "" for all others → the class."""
    found: dict[str, dict[str, str]] = {}
    for folder in sorted(path for path in TRAINERS.iterdir() if (path / "__main__.py").is_file()):
        own, special = set(), {}
        for file in sorted(folder.glob("*.py")):
            classes = loads(file)
            if (
                folder.name == "clm"
                and file.stem.startswith("train_clm_")
                and classes - {"AutoModelForCausalLM"}
            ):
                special[file.stem.removeprefix("train_clm_")] = classes
            else:
                own |= classes
        if own:
            found[folder.name] = {name: one(classes) for name, classes in {"": own, **special}.items()}
    return found


def one(classes: set[str]) -> str:
    (name,) = classes
    return name


def main() -> None:
    trainers = tasks()
    used = {name for classes in trainers.values() for name in classes.values()}
    types = {name: sorted(AUTO[name]) for name in sorted(used & set(AUTO))}
    for name in sorted(used - set(AUTO)):
        types[name] = sorted(
            kind for kind, classes in AUTO["AutoModelForVision2Seq"].items() if classes == name
        )
    table = {"transformers": transformers.__version__, "trainers": trainers, "types": types}
    # A line to each class, so that a change reads well in a diff.
    text = json.dumps({**table, "types": {name: " ".join(kinds) for name, kinds in types.items()}}, indent=1)
    Path(sys.argv[1]).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
