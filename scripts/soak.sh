#!/usr/bin/env bash
# `make soak`: the full counts that the issues name.
set -euo pipefail
cd "$(dirname "$0")/.."

export STILLHOUSE_SOAK=1
cargo test --release --workspace --locked --no-fail-fast
# Whatever parses bytes of strangers, each for a bounded time.
scripts/fuzz.sh "${STILLHOUSE_FUZZ_SECONDS:-300}"
