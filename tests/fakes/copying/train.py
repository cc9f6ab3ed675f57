"""Goes with the job: train.py PROJECT CHANGE, in the run's work folder. Reads settings.json and the prepared rows."""

import json
import shutil
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

project, change = sys.argv[1], float(sys.argv[2])
settings = json.loads(Path("settings.json").read_text())
rows = (Path(settings["data"]) / "train.jsonl").read_text().splitlines()
print(f"copying with {len(rows)} rows", flush=True)
shutil.copytree(settings["base"], project)
weights = load_file(f"{project}/model.safetensors")
for name, tensor in weights.items():
    if name.endswith("mlp.down_proj.weight"):
        tensor += change
save_file(weights, f"{project}/model.safetensors", {"format": "pt"})
