"""The stand-in Hub by hand: `python tests/hub/serve.py --port 0` prints where it listens and its tokens as JSON."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

if __name__ == "__main__":
    here = str(Path(__file__).resolve().parent)
    # Its own folder would hide the packages that some of its files share a name with.
    sys.path[:] = [str(Path(here).parent), *(each for each in sys.path if each != here)]
    from hub.handle import Hub
    from hub.server import fresh, serving

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with serving(parser.parse_args().port) as app:
        app.hub = fresh(app.endpoint)
        hub = Hub(app.hub)
        facts = {
            "endpoint": hub.endpoint,
            "tokens": {"ada": hub.token, "ada_read": hub.read_token, "bob": hub.other_token},
            "environment": {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": hub.token, "HF_HUB_DISABLE_XET": "1"},
        }
        print(json.dumps(facts), flush=True)
        stop.wait()
        app.hub.close()
