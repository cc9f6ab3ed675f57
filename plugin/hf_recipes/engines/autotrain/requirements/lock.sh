#!/bin/sh
# Writes the pins anew, names and versions only. Run it after changing what a set asks for; needs uv and a registry.
# AutoTrain's release is from January 2025 and was never tried with what came much later. So all that it does not
# name is taken as of MADE_FOR, except torch, what torch asks for, and what has a wheel for Python 3.13 only later.
set -eu
cd "$(dirname "$0")"
MADE_FOR=2025-06-01
HEADER='# Every release that the set may hold, so that a later one cannot break it. Written by lock.sh beside this file.'
export UV_PYTHON_DOWNLOADS=never

compile() { uv pip compile -q --universal --python-version 3.10 --no-header --no-annotate "$@"; }
# torch names its own CUDA packages exactly, and a CPU build has none: they are not ours to pin.
write() { { echo "$HEADER"; grep -vE '^(nvidia-(cu|nc|nv[^i]|nvjit)|cuda-|triton=)'; } > "$1"; }

later=$(grep -h '^torch' autotrain-vision.txt | compile - | sed -n 's/^\(torch\|torchvision\|triton\|cuda-[a-z]*\|nvidia-[a-z0-9-]*\)==.*/\1/p')
set -- autotrain-vision.txt autotrain-tabular.txt --exclude-newer "$MADE_FOR"
for file in autotrain vision tabular; do set -- "$@" --override "$file-overrides.txt"; done
for package in $later bitsandbytes sentencepiece pycocotools; do set -- "$@" --exclude-newer-package "$package=2100-01-01"; done
compile "$@" | write autotrain-pins.txt
