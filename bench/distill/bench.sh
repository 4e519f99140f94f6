#!/usr/bin/env bash
# What `stillhouse distill plan` quotes against the final bill, ten runs: bench/distill/README.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 bench/distill/quote.py "$CARGO_TARGET_DIR/release/stillhouse" "$STILLHOUSE_MODEL" "$folder/houses"
