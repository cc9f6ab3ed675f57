"""`make bench`: every benchmark in turn; ends with 1 when one of them missed its bound."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hf_recipes import environments

HERE = Path(__file__).resolve().parent
# Those that generate answers run where the models are.
IN_INFERENCE = ("paired_answer", "generation")
IN_CORE = ("startup", "check", "training")


def main() -> int:
    failed = [name for name in (*IN_CORE, *IN_INFERENCE) if run(name)]
    print("missed: " + ", ".join(failed) if failed else "every bound is met")
    return 1 if failed else 0


def run(name: str) -> int:
    print(f"\n== {name}", flush=True)
    if name in IN_CORE:
        return subprocess.call([sys.executable, str(HERE / f"{name}.py")])
    python = environments.ensure("inference", say=print)
    environment = {**environments.uv_environment(), "PYTHONPATH": str(environments.package_path())}
    return subprocess.call([str(python), str(HERE / f"{name}.py")], env=environment)


if __name__ == "__main__":
    sys.exit(main())
