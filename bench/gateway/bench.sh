#!/usr/bin/env bash
# Builds what the gateway's figures need and measures them: bench/gateway/bench.sh [quick]
# Peers in the same run: a hand-written epoll proxy (the floor), hyper sketches, and nginx where it
# is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-$HOME/.cache/stillhouse/target}"
export CARGO_TARGET_DIR="$target"
cargo build --release --locked -p stillhouse -p xtask
export CARGO_TARGET_DIR="$target/bench"
cargo build --release --locked --manifest-path bench/gateway/kit/Cargo.toml
cargo build --release --locked --manifest-path bench/gateway/proxies/Cargo.toml -p px-hyper
scripts/fetch-model.sh
export GW_BIN="$target/bench/bin"
mkdir -p "$GW_BIN" bench/gateway/results
cp "$target"/bench/release/gw{mock,load,floor} "$target"/bench/release/px-hyper \
    "$target"/release/stillhouse "$target"/release/xtask "$GW_BIN/"
names=(direct floor-epoll stillhouse rust-hyper rust-hyper-full-lazy)
if command -v nginx >/dev/null; then names+=(nginx-auth); fi
if [ "${1:-}" = quick ]; then reps=(--reps 1 --quick); else reps=(--reps 5); fi
stamp="$(date -u +%Y%m%dT%H%M%SZ)"
results="bench/gateway/results/$stamp"
bench/gateway/run.py --out "$results.jsonl" "${reps[@]}" "${names[@]}"
bench/gateway/more.py --out "$results-more.jsonl"
bench/gateway/summarise.py "$results.jsonl"
cat "$results-more.jsonl"
