#!/usr/bin/env bash
# `make bench-reference`: whatever needs PyTorch, TRL or llama.cpp. What it makes is checked in
# together with the scripts, so that nobody else needs them.
set -euo pipefail
cd "$(dirname "$0")/../bench/reference"

venv=${STILLHOUSE_REFERENCE_VENV:-$HOME/.cache/stillhouse/reference-venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
if [ -f requirements.txt ]; then
    "$venv/bin/pip" install --quiet --requirement requirements.txt
fi
PYTHON="$venv/bin/python" exec ./reproduce.sh
