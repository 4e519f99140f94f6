#!/bin/sh
# The console in Chromium against the running binary. Fetches what the tests need once, by version,
# into a cache folder; nothing is written to the checkout.
#
#   scripts/test-console.sh [CHAPTER…]      all chapters, or `begin` and these
#
#   STILLHOUSE_BIN   the binary (default: the debug one of CARGO_TARGET_DIR or target)
#   CHROMIUM         the browser (default: chromium on the path)
set -eu
cd "$(dirname "$0")/.."

program=${STILLHOUSE_BIN:-${CARGO_TARGET_DIR:-target}/debug/stillhouse}
[ -x "$program" ] || {
    echo "error: there is no binary at $program; build it with: cargo build -p stillhouse" >&2
    exit 1
}
CHROMIUM=${CHROMIUM:-$(command -v chromium || true)}
[ -n "$CHROMIUM" ] || {
    echo "error: Chromium is missing" >&2
    echo "hint: sudo apt-get install chromium, or name another by CHROMIUM=/path" >&2
    exit 1
}
export CHROMIUM

# Two tiny models, for a run.
STILLHOUSE_TINY_MODELS=$(mktemp -d)
export STILLHOUSE_TINY_MODELS
trap 'rm -rf "$STILLHOUSE_TINY_MODELS"' EXIT
cargo run --quiet -p distill --example run -- models "$STILLHOUSE_TINY_MODELS"

cache=$(scripts/console-modules.sh)
rm -rf "$cache/tests"
cp -r tests/console "$cache/tests"
"$cache/venv/bin/node" "$cache/tests/run.mjs" "$(realpath "$program")" "$@"
