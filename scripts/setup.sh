#!/usr/bin/env bash
# Sees that what build and tests need is there: Rust, a C compiler, pip, curl, Chromium, and the
# small model, fetched once. Missing Debian packages are installed where we may (root, apt); else it says how.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
command -v cc >/dev/null || packages+=(build-essential)
command -v curl >/dev/null || packages+=(curl ca-certificates)
command -v git >/dev/null || packages+=(git)
command -v python3 >/dev/null || packages+=(python3 python3-pip python3-venv)
if command -v python3 >/dev/null && ! python3 -m pip --version >/dev/null 2>&1; then
    packages+=(python3-pip)
fi
if command -v python3 >/dev/null && ! python3 -c 'import ensurepip' 2>/dev/null; then
    packages+=(python3-venv)
fi
# The console is tested in it; only `make test` needs it, so that it stops no build.
may_install=$([ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && echo yes || true)
if [ -z "${CHROMIUM:-}" ] && ! command -v chromium >/dev/null; then
    if [ -n "$may_install" ]; then
        packages+=(chromium)
    else
        echo "hint: \`make test\` needs Chromium: sudo apt-get install chromium" >&2
    fi
fi
if [ ${#packages[@]} -gt 0 ]; then
    if [ -n "$may_install" ]; then
        echo "installing: ${packages[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${packages[@]}" >/dev/null
    else
        echo "error: missing: ${packages[*]}" >&2
        echo "hint: sudo apt-get install ${packages[*]}" >&2
        exit 1
    fi
fi

if ! command -v cargo >/dev/null; then
    echo "error: Rust is missing" >&2
    echo "hint: see https://rustup.rs, then open a new shell" >&2
    exit 1
fi
want=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
have=$(cargo --version | cut -d' ' -f2)
if [ "$(printf '%s\n%s\n' "$want" "$have" | sort -V | head -n 1)" != "$want" ]; then
    echo "error: Rust $want or newer is needed, this is $have" >&2
    echo "hint: rustup update stable" >&2
    exit 1
fi

scripts/fetch-model.sh
