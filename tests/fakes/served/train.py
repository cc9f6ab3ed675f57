"""Goes with the job: train.py URL. Asks the provider for a model and names the endpoint that answers for it."""

import json
import os
import sys
import urllib.request
from pathlib import Path

url = sys.argv[1]
rows = Path("data/train.jsonl").read_bytes()
request = urllib.request.Request(
    f"{url}/train", rows, {"Authorization": f"Bearer {os.environ['SERVED_KEY']}"}
)
with urllib.request.urlopen(request, timeout=30) as answer:
    model = json.load(answer)["model"]
result = {"base_url": f"{url}/v1", "base": "small", "fine_tuned": model, "api_key": "SERVED_KEY"}
Path("result.json").write_text(json.dumps(result))
