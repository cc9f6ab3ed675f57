"""The environment variables of a child: those of the person, without what would make its Python, or its training, another one."""

from __future__ import annotations

from collections.abc import Mapping

PYTHON = "PYTHON"
"""What changes the interpreter begins with this: PYTHONOPTIMIZE drops docstrings that torch reads, PYTHONWARNINGS=error ends
libraries that warn, PYTHONPATH and PYTHONHOME bring another interpreter's packages."""
KEPT = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONUTF8", "PYTHONIOENCODING")
"""Exceptions: where files go and how text is encoded is up to the user."""
BARS = "TQDM_"
"""How far a training is, and how many updates it made, is read from its progress bar."""
LAUNCHERS = ("ACCELERATE_", "FSDP_", "TORCHELASTIC_", "MEGATRON_LM_")
RANKS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "MASTER_ADDR", "MASTER_PORT")  # fmt: skip
"""Set by a launcher that may have started us: a trainer that sees them waits for processes that never come."""


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a child of ours inherits."""
    return {name: value for name, value in environment.items() if name in KEPT or not _ours_to_say(name)}


def _ours_to_say(name: str) -> bool:
    return name.startswith((PYTHON, BARS, *LAUNCHERS)) or name in RANKS
