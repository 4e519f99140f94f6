#!/usr/bin/env bash
# Runs the `sh` blocks of docs/guides, each guide from its first line to its last in a folder of its
# own, against a server that speaks vLLM's API. Addresses are as they stand in the guides, in a
# network namespace of its own where the system gives one; the provider's is the same server's.
#
#   scripts/test-guides.sh [GUIDE...]
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${STILLHOUSE_GUIDES_ALONE:-}" ]; then
    target=${CARGO_TARGET_DIR:-target}
    [ -n "${STILLHOUSE_BIN:-}" ] || cargo build --locked -p stillhouse
    export STILLHOUSE_BIN=${STILLHOUSE_BIN:-$(realpath "$target/debug/stillhouse")}
    export STILLHOUSE_GUIDES_ALONE=1
    # Loopback of its own: no port is taken, and nothing else can be reached.
    if unshare -rn true 2>/dev/null && command -v ip >/dev/null; then
        exec unshare -rn sh -c 'ip link set lo up && exec "$@"' sh "$0" "$@"
    fi
fi

[ $# -gt 0 ] || set -- docs/guides/[a-z]*.md
root=$PWD
work=$(mktemp -d)
mkdir "$work/bin" && ln -s "$STILLHOUSE_BIN" "$work/bin/stillhouse"
python3 tests/guides/mock.py 8000 8001 9000 &
mock=$!
trap 'kill "$mock" 2>/dev/null; rm -rf "$work"' EXIT
until (exec 3<>/dev/tcp/127.0.0.1/9000) 2>/dev/null; do sleep 0.05; done
ulimit -n 65536 2>/dev/null || true

# The blocks of a guide as one script. `awk` keeps what stands between ```sh and ```.
blocks() {
    awk '/^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$1" \
        | sed 's|https://api.openai.com/v1|http://127.0.0.1:9000/v1|'
}

failed=0
for guide; do
    name=$(basename "$guide" .md)
    mkdir -m 700 "$work/$name"
    { echo 'set -euo pipefail; umask 077'; blocks "$root/$guide"; } >"$work/$name.sh"
    if (
        cd "$work/$name"
        PATH="$work/bin:$PATH" HOME="$work/$name" timeout 120 bash "$work/$name.sh" >"$work/$name.log" 2>&1
    ); then
        echo "guide: $name works"
    else
        echo "guide: $name FAILED; the end of what it said:" >&2
        tail -n 30 "$work/$name.log" >&2
        [ ! -f "$work/$name/server.log" ] || tail -n 10 "$work/$name/server.log" >&2
        failed=1
    fi
    # Whatever a guide that failed left running.
    for pid in $(pgrep -f "^stillhouse serve" || true); do
        [ "$(readlink "/proc/$pid/cwd")" != "$work/$name" ] || kill -9 "$pid"
    done
done
exit "$failed"
