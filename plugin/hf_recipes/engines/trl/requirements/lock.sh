#!/bin/sh
# Writes anew which releases TRL adds to the inference set: run it after inference-pins.txt has changed; needs uv and a registry.
set -eu
cd "$(dirname "$0")"
INFERENCE=../../../environments/requirements
export UV_PYTHON_DOWNLOADS=never

{
  echo "# The releases of what TRL adds to the inference set, whose own pins hold beside these. Written by lock.sh beside this file."
  uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-package torch \
    --constraint "$INFERENCE/inference-pins.txt" trl.txt ../../../../../space/requirements.txt "$INFERENCE/evaluation.txt" |
    grep -vE '^(nvidia-|cuda-|triton=|#)' | while read -r line; do
      grep -qi "^${line%%==*}==" "$INFERENCE/inference-pins.txt" || echo "$line"
    done
} > trl-pins.txt
