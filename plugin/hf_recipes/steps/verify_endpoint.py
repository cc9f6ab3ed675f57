"""The verify step of an engine whose result is an endpoint: the base and what was trained from it answer a question."""

from __future__ import annotations

import json
from pathlib import Path

from hf_recipes.endpoint.client import Client, EndpointFailed
from hf_recipes.engines.result import FILE, write_endpoint
from hf_recipes.engines.step import Progress
from hf_recipes.recipe.model import Server
from hf_recipes.runner.causes import StepFailed

INVALID = "endpoint_invalid"
QUESTION = ({"role": "user", "content": "Hello"},)


def verify_endpoint(run: Path) -> None:
    """Check work/result.json and write endpoint.json. Raises StepFailed."""
    progress = Progress()
    progress(0, 1, unit="", what="asking the endpoint")
    server = read_result(run / FILE)
    for name in (server.base, str(server.fine_tuned)):
        client = None
        try:
            client = Client("the endpoint", server.base_url, name, server.api_key)
            client.chat([QUESTION], max_new_tokens=8)
        except EndpointFailed as failure:
            raise StepFailed(INVALID, f"{name} does not answer: {failure}") from None
        finally:
            if client is not None:
                client.close()
    write_endpoint(run, server)
    progress(1, 1, unit="", what=f"{server.fine_tuned} answers, and so does its base, {server.base}")


def read_result(file: Path) -> Server:
    """What the trainer has written of its endpoint. Raises StepFailed where that names no model of its own."""
    try:
        server = Server(**json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        raise StepFailed(INVALID, "the trainer ended without naming an endpoint") from None
    except (OSError, ValueError, TypeError) as error:
        raise StepFailed(INVALID, f"{file.name} cannot be read: {error}") from None
    if not server.fine_tuned or server.fine_tuned == server.base:
        raise StepFailed(INVALID, "the endpoint names no model beside the base, so nothing was trained")
    return server
