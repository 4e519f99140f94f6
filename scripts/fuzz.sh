#!/bin/sh
# Runs every fuzz target, or those named, for so many seconds each. Needs cargo-fuzz and a nightly
# toolchain; with a stable one alone it asks that compiler for its unstable flags.
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]      default: 60 seconds, every target
#
# What is found stays in fuzz/artifacts; what was learnt, in the cache folder.
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-60}
[ $# -eq 0 ] || shift
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz
if ! rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
    export RUSTC_BOOTSTRAP=1
else
    export RUSTUP_TOOLCHAIN=nightly
fi
# Apart from the house's own builds, which it would otherwise undo.
export CARGO_TARGET_DIR="${STILLHOUSE_FUZZ_TARGET:-${XDG_CACHE_HOME:-$HOME/.cache}/stillhouse/fuzz}"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stillhouse/corpus

[ $# -gt 0 ] || set -- $(cargo fuzz list --fuzz-dir fuzz)
cargo fuzz build --fuzz-dir fuzz
cargo run --quiet --manifest-path fuzz/Cargo.toml --example seeds -- "$cache/seeds"
failed=
for target; do
    mkdir -p "$cache/$target"
    echo "fuzz: $target for $seconds s"
    cargo fuzz run --fuzz-dir fuzz "$target" "$cache/$target" "$cache/seeds/$target" -- \
        -max_total_time="$seconds" -max_len=160000 -rss_limit_mb=1024 -timeout=10 \
        -print_final_stats=1 -verbosity=0 || failed="$failed $target"
done
[ -z "$failed" ] || {
    echo "error: something was found by:$failed" >&2
    exit 1
}
