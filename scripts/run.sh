#!/usr/bin/env bash
# `make run`: serves the small model on loopback, with a first organisation, account and key, and
# prints a line that works as it stands. Where no person is there (CI=true) it makes that request
# itself, on a free port and in a data folder of its own, and stops with its status.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/serving.sh

binary=$CARGO_TARGET_DIR/release/stillhouse
model=smollm2-135m
if [ "${CI:-}" = true ]; then
    data=$(mktemp -d)
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    listen=127.0.0.1:$port
    after() { rm -rf "$data"; }
else
    data=${STILLHOUSE_DATA_DIR:-$HOME/.local/share/stillhouse}
    listen=${STILLHOUSE_LISTEN:-127.0.0.1:8080}
fi
mkdir -p "$data"
still() { "$binary" --data-dir "$data" "$@"; }

still model pull >/dev/null
serve "$binary" "$data" "$listen"

# The first account is made once; a key's secret can't be shown again, so that each run, unless
# told one, makes a key that ends in a week.
if ! still account show first >/dev/null 2>&1; then
    still organization create first >/dev/null
    still account create first --organization first >/dev/null
fi
secret=${STILLHOUSE_KEY:-$(still --json key create --account first --name "make run" --expires 7d | field secret)}

ask=(curl -sS --fail-with-body "http://$listen/v1/chat/completions"
    -H "Authorization: Bearer $secret" -H "Content-Type: application/json"
    -d "{\"model\": \"$model\", \"messages\": [{\"role\": \"user\", \"content\": \"What is a still house?\"}], \"max_tokens\": 40}")

echo
echo "Stillhouse serves $model on http://$listen/v1; data is in $data. This works as it stands:"
echo
echo "curl -sS http://$listen/v1/chat/completions \\"
echo "  -H 'Authorization: Bearer $secret' -H 'Content-Type: application/json' \\"
echo "  -d '{\"model\": \"$model\", \"messages\": [{\"role\": \"user\", \"content\": \"What is a still house?\"}], \"max_tokens\": 40}'"
echo
if [ "${CI:-}" = true ]; then
    "${ask[@]}"
    echo
    exit
fi
echo "The key ends in a week. More: $binary --help. Stop with Ctrl-C."
wait "$server"
