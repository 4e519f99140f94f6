#!/usr/bin/env bash
# How long the console's pages and the admin API's lists take over a large ledger: by default
# 100,000 accounts and 10 million exchanges over 30 days. Fills that ledger first (minutes, about
# 4 GB; a fill that was interrupted goes on), then asks each address 200 times.
#
#   STILLHOUSE_BENCH_FOLDER   where the ledger is; kept afterwards (default: a folder that is removed)
#   ACCOUNTS, EXCHANGES, DAYS, ROUNDS
set -euo pipefail
cd "$(dirname "$0")/../.."

accounts=${ACCOUNTS:-100000}
exchanges=${EXCHANGES:-10000000}
days=${DAYS:-30}
target=${CARGO_TARGET_DIR:-target}
program=${STILLHOUSE_BIN:-$target/release/stillhouse}
[ -x "$program" ] || {
    echo "error: there is no binary at $program; build it with: cargo build --release -p stillhouse" >&2
    exit 1
}
cargo build --quiet --release --locked -p ledger --example fill

if [ -n "${STILLHOUSE_BENCH_FOLDER:-}" ]; then
    folder=$STILLHOUSE_BENCH_FOLDER
    mkdir -p "$folder"
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
# A kilobyte for each exchange while it is filled, and half of it at the end.
needed=$((exchanges / 1024 + 512))
free=$(df --output=avail -m "$folder" | tail -n 1)
if [ ! -e "$folder/ledger/filled-by-example" ] && [ "$free" -lt "$needed" ]; then
    echo "error: $folder has $free MiB free; about $needed MiB are needed" >&2
    echo "hint: name another by STILLHOUSE_BENCH_FOLDER, or set EXCHANGES lower" >&2
    exit 1
fi
"$target/release/examples/fill" "$folder/ledger" "$accounts" "$exchanges" "$days"
python3 bench/console/ask.py "$program" "$folder" "${ROUNDS:-200}"
