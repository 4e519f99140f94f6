#!/usr/bin/env bash
# `make bench`: the figures, each by a command that can be run alone. Prints the processor first,
# since machines differ.
set -euo pipefail
cd "$(dirname "$0")/.."

grep -m1 'model name' /proc/cpuinfo || true
grep -m1 'flags' /proc/cpuinfo || true
step() { printf '\n== %s\n' "$*"; "$@"; }
step cargo bench --locked -p ledger --bench durable
# One that misses its bound does not keep the others from being measured.
failed=
for script in bench/*/bench.sh; do
    step "$script" || failed="$failed $script"
done
[ -z "$failed" ] || {
    echo "error: not within its bounds, or broken off:$failed" >&2
    exit 1
}
