"""Whether the Hub can be reached, found out once and quickly, so that nothing waits for retries."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from functools import cache

SECONDS = 5


@cache
def hub_reachable() -> bool:
    """One request to the Hub. When it fails, HF_HUB_OFFLINE is set, which the libraries obey if imported later:
    they then look into their caches alone. Call it before importing them."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=SECONDS):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        os.environ["HF_HUB_OFFLINE"] = "1"
        return False
