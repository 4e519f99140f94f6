#!/usr/bin/env bash
# `make deb`: the Debian package, by cargo-deb, from a release build. It is left in
# $CARGO_TARGET_DIR/debian. Needs cargo-deb (`cargo install cargo-deb`) and dpkg.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo-deb >/dev/null || {
    echo "error: cargo-deb is missing" >&2
    echo "hint: cargo install cargo-deb" >&2
    exit 1
}
target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked -p stillhouse
# What the package holds beside the binary is made by the binary itself.
made=target/package
mkdir -p "$made"
for shell in bash zsh fish; do
    "$target/release/stillhouse" completions "$shell" >"$made/stillhouse.$shell"
done
cargo deb --no-build -p stillhouse "$@"
