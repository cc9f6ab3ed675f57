"""What the compare Space is made of: space/ as shipped, the parts of our package that it imports, its list of models."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import hf_recipes
from hf_recipes.resources import shipped

LIST = "compare.json"
TAG = "hf-recipes-compare"
TORCH = "https://download.pytorch.org/whl/cu129"
"""For the drivers of rented GPUs: pip takes torch from there where it has the release that is pinned, and it runs on the CPU, too.
The one on PyPI wants a driver that Spaces did not have in 2026, and falls back to the CPU in silence."""
PACKAGE = Path(hf_recipes.__file__).resolve().parent


def files(models: Sequence[str], title: str | None) -> dict[str, bytes]:
    """Path in the Space → content. The same models and title give the same bytes."""
    space = shipped("space")
    found = {
        path.name: path.read_bytes()
        for path in sorted(space.iterdir())
        if path.is_file() and not path.name.startswith(".")
    }
    found.update(imported(path for path in sorted(space.glob("*.py"))))
    found["requirements.txt"] = space_requirements(found["requirements.txt"])
    found["README.md"] = space_card(found["README.md"].decode("utf-8"), models, title, gradio(found)).encode(
        "utf-8"
    )
    # With this list the next deploy removes files of ours that are gone, and nothing that a person added.
    described = {"schema": 1, "title": title, "models": list(models), "files": sorted((*found, LIST))}
    found[LIST] = (json.dumps(described, ensure_ascii=False, indent=2) + "\n").encode("utf-8")
    return found


def imported(programs: Iterator[Path]) -> dict[str, bytes]:
    """Every module of ours that the programs need, also through each other, with the data beside it."""
    found: dict[str, Path] = {}
    waiting = [name for program in programs for name in imported_names(program, "")]
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in found or path is None:
            continue
        found[name] = path
        # Importing a.b.c runs a and a.b first.
        waiting += [
            *_parents(name),
            *imported_names(path, name if path.name == "__init__.py" else _parent(name)),
        ]
    paths = set(found.values())
    paths |= {
        beside
        for folder in {path.parent for path in paths}
        for beside in folder.iterdir()
        if beside.is_file() and beside.suffix not in (".py", ".pyc")
    }
    return {
        str(PurePosixPath("hf_recipes", *path.relative_to(PACKAGE).parts)): path.read_bytes()
        for path in sorted(paths)
    }


def imported_names(program: Path, package: str) -> set[str]:
    """Names of ours that a file imports, at any depth; `package` is where its relative imports start."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(program.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            start = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (start, node.module or "") if part)
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == PACKAGE.name}


def space_requirements(text: bytes) -> bytes:
    """The pinned set of space/, the uv that fetches a `bundled/…` base there, and where a torch for the Hub's GPUs is."""
    return f"--extra-index-url {TORCH}\n".encode() + text.rstrip() + f"\nuv=={version('uv')}\n".encode()


def gradio(found: Mapping[str, bytes]) -> str:
    """The gradio that requirements.txt pins: a Space installs the one that its card names."""
    lines = found["requirements.txt"].decode("utf-8").splitlines()
    return next(line.partition("==")[2].split()[0] for line in lines if line.startswith("gradio=="))


def space_card(readme: str, models: Sequence[str], title: str | None, sdk_version: str) -> str:
    """The Space card: the shipped one with this Space's title, models and gradio in its front matter."""
    import yaml

    _, head, body = readme.split("---\n", 2)
    facts: dict[str, Any] = yaml.safe_load(head)
    facts.update(sdk_version=sdk_version, models=list(models))
    if title:
        facts["title"] = title
        body = body.replace("# Base and fine-tuned, side by side", "# " + " ".join(title.split()), 1)
    front = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{front}---\n{body}"


def _file(name: str) -> Path | None:
    """The file of a module; None for a name that is something inside one."""
    path = PACKAGE.joinpath(*name.split(".")[1:])
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
