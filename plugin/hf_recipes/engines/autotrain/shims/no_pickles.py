"""Loads no pickle.

Where a base has no safetensors, transformers and sentence-transformers load its pickle, which may run any code. What the
trainer itself has written beside its config, such as the state of a checkpoint, is its own and may be read again.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any


def refuse(own: Path) -> None:
    """Let torch.load read bytes of this process and files below `own` alone."""
    import torch

    load = torch.load

    def load_own(f: Any, *arguments: Any, **more: Any) -> Any:
        name = f if isinstance(f, (str, os.PathLike)) else getattr(f, "name", None)
        if not isinstance(f, io.BytesIO) and (
            not isinstance(name, (str, os.PathLike)) or not Path(name).resolve().is_relative_to(own)
        ):
            what = Path(name).name if isinstance(name, (str, os.PathLike)) else "a stream"
            raise RuntimeError(f"{what} is a pickle, which runs code when it is loaded and is never loaded")
        return load(f, *arguments, **more)

    torch.load = load_own


def prepare() -> None:
    config = sys.argv[sys.argv.index("--training_config") + 1]
    refuse(Path(config).resolve().parent)
