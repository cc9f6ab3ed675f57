"""`hf-recipes` with the fakes registered: python command.py FOLDER ARGUMENT…, where FOLDER holds hf_recipes and fakes for other interpreters."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hf_recipes import environments
from hf_recipes.backends.base import BACKENDS
from hf_recipes.catalog.backend_names import BACKEND_NAMES
from hf_recipes.catalog.hardware import HERE
from hf_recipes.cli.main import main
from hf_recipes.engines.registry import ENGINES

ENGINES |= {"copying": "fakes.copying", "served": "fakes.served"}
BACKENDS["processes"] = "fakes.process_backend"
BACKEND_NAMES["processes"] = ("processes",)
HERE.add("processes")

folder = Path(sys.argv.pop(1))
environments.package_path = lambda: folder
main()
