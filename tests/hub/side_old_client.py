"""Runs in the autotrain environment: what AutoTrain's trainers do with the Hub, with their huggingface_hub 0.27."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import huggingface_hub
from datasets import load_dataset
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from transformers import AutoConfig


def main(folder: str, out: str) -> None:
    api = HfApi()
    api.create_repo("ada/old", repo_type="model", private=True, exist_ok=True)
    api.create_repo("ada/old", repo_type="model", private=True, exist_ok=True)
    commit = api.upload_folder(
        folder_path=folder, repo_id="ada/old", repo_type="model", commit_message="End of training"
    )
    got = Path(snapshot_download("ada/old"))
    rows = load_dataset("ada/rows", split="train")
    try:
        AutoConfig.from_pretrained("bob/gated")
        gated = "read"
    except OSError as error:
        gated = str(error)
    try:
        api.upload_file(
            path_or_fileobj=b"x", path_in_repo="x.txt", repo_id="ada/rows", repo_type="dataset", token=out
        )
        refused = 0
    except huggingface_hub.errors.HfHubHTTPError as error:
        refused = error.response.status_code
    sizes = []
    for quick in (False, True):  # AutoTrain switches hf_transfer on
        huggingface_hub.constants.HF_HUB_ENABLE_HF_TRANSFER = quick
        sizes.append(Path(hf_hub_download("ada/old", "weights.bin", force_download=True)).stat().st_size)
    answer = {
        "version": huggingface_hub.__version__,
        "name": api.whoami()["name"],
        "commit": commit.oid,
        "files": sorted(str(each.relative_to(got)) for each in got.rglob("*") if each.is_file()),
        "sizes": sizes,
        "model_type": AutoConfig.from_pretrained("ada/old").model_type,
        "mine": [each.id for each in api.list_models(author="ada", filter="hf-recipes")],
        "rows": list(rows),
        "gated": gated,
        "refused": refused,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
