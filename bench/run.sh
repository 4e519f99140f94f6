#!/usr/bin/env bash
# Builds what the gateway figures need and measures them: bench/run.sh [quick]
# Peers: a hand-written epoll proxy (the floor), hyper sketches, and nginx where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-$HOME/.cache/stillhouse/target}"
export CARGO_TARGET_DIR="$target"
cargo build --release -p stillhouse -p xtask
CARGO_TARGET_DIR="$target/bench" cargo build --release --manifest-path bench/gateway/kit/Cargo.toml
CARGO_TARGET_DIR="$target/bench" cargo build --release --manifest-path bench/gateway/proxies/Cargo.toml -p px-hyper
bin="$target/bench/bin"
mkdir -p "$bin" bench/gateway/results
cp "$target"/bench/release/gw{mock,load,floor} "$target"/bench/release/px-hyper "$target"/release/stillhouse "$target"/release/xtask "$bin/"
./scripts/fetch-model.sh
names=(direct floor-epoll stillhouse rust-hyper rust-hyper-full-lazy)
command -v nginx >/dev/null && names+=(nginx-auth)
stamp="$(date -u +%Y%m%dT%H%M%SZ)"
if [ "${1:-}" = quick ]; then reps=(--reps 1 --quick); else reps=(--reps 5); fi
GW_BIN="$bin" bench/gateway/run.py --out "bench/gateway/results/$stamp.jsonl" "${reps[@]}" "${names[@]}"
GW_BIN="$bin" bench/gateway/more.py --out "bench/gateway/results/$stamp-more.jsonl"
cargo bench -p ledger --bench durable | tee "bench/gateway/results/$stamp-ledger.txt"
bench/gateway/summarise.py "bench/gateway/results/$stamp.jsonl"
cat "bench/gateway/results/$stamp-more.jsonl"
