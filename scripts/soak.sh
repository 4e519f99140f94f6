#!/usr/bin/env bash
# `make soak`: the full counts that the issues name, on real data.
set -euo pipefail
cd "$(dirname "$0")/.."

export STILLHOUSE_SOAK=1
export STILLHOUSE_DATA=${STILLHOUSE_DATA:-$PWD/../shared/data}
if [ ! -f "$STILLHOUSE_DATA/MANIFEST.md" ]; then
    echo "error: there is no data folder at $STILLHOUSE_DATA" >&2
    echo "hint: name it by STILLHOUSE_DATA" >&2
    exit 1
fi
# One test at a time where the machine is small: each brings its own load.
cargo test --release --workspace --locked --no-fail-fast
# Whatever parses bytes of strangers, each for a bounded time.
scripts/fuzz.sh "${STILLHOUSE_FUZZ_SECONDS:-300}"
