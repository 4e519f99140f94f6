#!/usr/bin/env bash
# `make bench`: the figures, each by a command that can be run alone. Prints the processor first,
# since machines differ.
set -euo pipefail
cd "$(dirname "$0")/.."

grep -m1 'model name' /proc/cpuinfo || true
grep -m1 'flags' /proc/cpuinfo || true
step() { printf '\n== %s\n' "$*"; "$@"; }
step cargo bench --locked -p ledger --bench durable
for script in bench/*/bench.sh; do
    if [ -x "$script" ]; then step "$script"; fi
done
