"""A Space falls asleep some time after its last visit, however hard it works: while it trains, it visits itself.

So the sleep time can be short. What keeps the Space awake is this process at work, and when it hangs or is gone, the
Space sleeps and costs nothing.
"""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Mapping

BETWEEN = 600.0
"""Seconds between two visits."""


def keep_awake(environment: Mapping[str, str]) -> threading.Event:
    """Visit until the event is set."""
    over = threading.Event()
    request = visit(environment)
    if request is not None:
        threading.Thread(target=_visit_until, args=(over, request), daemon=True).start()
    return over


def visit(environment: Mapping[str, str]) -> urllib.request.Request | None:
    """The request for the Space's own address, None outside a Space. The token goes to Hugging Face's own domain only."""
    host, token = environment.get("SPACE_HOST", ""), environment.get("HF_TOKEN", "")
    if not token or not host.endswith(".hf.space") or not host.replace("-", "").replace(".", "").isalnum():
        return None
    return urllib.request.Request(f"https://{host}/status.json", headers={"Authorization": f"Bearer {token}"})


def _visit_until(over: threading.Event, request: urllib.request.Request) -> None:
    while not over.wait(BETWEEN):
        try:
            with urllib.request.urlopen(request, timeout=30):
                pass
        except (OSError, ValueError):  # the next one may get through; sleep times are longer than two pauses
            continue
