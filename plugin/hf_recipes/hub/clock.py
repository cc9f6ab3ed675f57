"""Ages by the Hub's own clock: that of this machine, or of the one that started a run, may be wrong."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from hf_recipes.hub.errors import hub_errors, retrying

if TYPE_CHECKING:
    from huggingface_hub import HfApi


def seconds_since(created: datetime, address: str, *, client: HfApi) -> float:
    """Seconds since a moment that the Hub has told. Raises HubFailed.

    `address` is what the Hub is asked for, below its endpoint, to learn its time: `api/spaces/ada/x`.
    """
    from huggingface_hub import get_session
    from huggingface_hub.utils._headers import build_hf_headers

    headers = build_hf_headers(token=client.token)
    with hub_errors(f"asking for {address}"):
        answer = retrying(lambda: get_session().get(f"{client.endpoint}/{address}", headers=headers))
    told = answer.headers.get("date")
    now = parsedate_to_datetime(told) if told else datetime.now(timezone.utc)
    return max(0.0, (now - created).total_seconds())
