#!/usr/bin/env bash
# `make test`: what must pass. Small counts of kills and mutations; `make soak` has the full ones.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; "$@"; }

step cargo fmt --all --check
step cargo clippy --workspace --all-targets --locked -- -D warnings
# No CUDA is needed to build what runs on a GPU.
step cargo clippy -p lm --features cuda --all-targets --locked -- -D warnings
# The fuzz targets only compile here: without libFuzzer itself, which wants a C++ compiler.
step env CUSTOM_LIBFUZZER_PATH=/libfuzzer.a cargo check --locked --manifest-path fuzz/Cargo.toml \
    --target-dir "${CARGO_TARGET_DIR:-target}/fuzz-check"
step cargo build --locked -p stillhouse
step scripts/workspace-tests.sh
step cargo run --quiet --locked -p xtask -- tidy
if [ -x scripts/test-clients.sh ]; then
    step scripts/test-clients.sh
fi
if [ -x scripts/test-console.sh ]; then
    step scripts/test-console.sh
fi
