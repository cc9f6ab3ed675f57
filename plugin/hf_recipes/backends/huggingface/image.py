"""What a training Space is built from."""

from __future__ import annotations

import re
import shlex

from hf_recipes.backends.huggingface.container.start import start_script

README = """\
---
title: {run}
emoji: 🧪
colorFrom: green
colorTo: indigo
sdk: docker
app_port: 7860
pinned: false
tags: [hf-recipes]
short_description: A training run of hf-recipes
---

This Space was made by `hf-recipes run` for one training run. It pauses itself at the end; remove it with `hf-recipes clean`.
"""
DOCKERFILE = """\
# This image brings CUDA and its system libraries. Its Python and packages are left alone: ours live in an environment
# of their own, and what trains is installed, pinned, when the run begins.
FROM huggingface/autotrain-advanced:latest

USER root
RUN mkdir -p /app/hf-recipes && chown 1000:1000 /app/hf-recipes
USER 1000
WORKDIR /app/hf-recipes
ENV PATH=/app/hf-recipes/core/bin:$PATH PYTHONPATH= PYTHONUNBUFFERED=1

# The image's Python may be too old for us: uv brings one.
RUN test -w "$HOME" && python -m pip install --no-cache-dir --target uv {uv} \\
    && uv/bin/uv venv --python 3.11 core \\
    && uv/bin/uv pip install --no-cache --python core/bin/python {packages}

COPY --chown=1000:1000 start.py start.py
EXPOSE 7860
CMD ["python", "start.py"]
"""


def dockerfile() -> str:
    """The core packages are those of start.py, so that both ways to a container install the same."""
    wanted = packages()
    (uv,) = (each for each in wanted if each.startswith("uv=="))
    return DOCKERFILE.format(uv=uv, packages=" ".join(shlex.quote(each) for each in wanted))


def packages() -> list[str]:
    """The pinned requirements in start.py's inline metadata."""
    block = re.search(r"(?ms)^# /// script$(.*?)^# ///$", start_script())
    return re.findall(r'^#   "([^"]+)",$', block[1] if block else "", re.MULTILINE)
