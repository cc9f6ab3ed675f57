"""The first step of a remote run with local data: bring that data from its data repo into the run's work/source.

python -m hf_recipes.backends.huggingface.fetch RUN REPO REVISION
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from hf_recipes.backends.huggingface.data_repo import fetch_data
from hf_recipes.hub.errors import HubFailed


def main() -> int:
    run, repo, revision = sys.argv[1:]
    try:
        fetch_data(repo, revision, Path(run) / "work" / "source")
    except HubFailed as error:
        sys.stderr.write(f"{error}\n")
        if failure := os.environ.get("HF_RECIPES_FAILURE"):
            said = {"reason": "step_failed", "message": f"fetch: {error}"}
            Path(failure).write_text(json.dumps(said), encoding="utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
