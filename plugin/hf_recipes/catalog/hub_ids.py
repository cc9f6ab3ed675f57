"""How a repo of the Hub is named."""

from __future__ import annotations

import re

HUB_ID = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)?", re.ASCII)
"""`owner/name`, or the name alone of the oldest repos."""
