#!/bin/sh
# Writes the pins anew, names and versions only. Run it after changing what a set asks for; needs uv and a registry.
set -eu
cd "$(dirname "$0")"
HEADER='# Every release that the set may hold, so that a later one cannot break it. Written by lock.sh beside this file.'
export UV_PYTHON_DOWNLOADS=never

compile() { uv pip compile -q --universal --python-version 3.10 --no-header --no-annotate "$@"; }
# torch names its own CUDA packages exactly, and a CPU build has none: they are not ours to pin.
write() { { echo "$HEADER"; grep -vE '^(nvidia-(cu|nc|nv[^i]|nvjit)|cuda-|triton=)'; } > "$1"; }

compile --constraint inference-limits.txt ../../../../space/requirements.txt evaluation.txt | write inference-pins.txt
