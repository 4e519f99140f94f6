#!/usr/bin/env bash
# `make deb`: the Debian package, by cargo-deb, from a release build. It is left in
# $CARGO_TARGET_DIR/debian. Needs cargo-deb (`cargo install cargo-deb`) and dpkg-dev.
#
#   scripts/package.sh [OPTION OF CARGO-DEB...]
#
# Who publishes it sets DEBFULLNAME and DEBEMAIL: they are its maintainer then.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo-deb >/dev/null || {
    echo "error: cargo-deb is missing" >&2
    echo "hint: cargo install cargo-deb" >&2
    exit 1
}
command -v dpkg-shlibdeps >/dev/null || {
    echo "error: dpkg-shlibdeps is missing, which finds the libraries that are needed" >&2
    echo "hint: sudo apt-get install dpkg-dev" >&2
    exit 1
}
target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked -p stillhouse
# What the package holds beside the binary is made by the binary itself.
made=deploy/built
rm -rf "$made"
mkdir -p "$made"
for shell in bash zsh fish; do
    "$target/release/stillhouse" completions "$shell" >"$made/stillhouse.$shell"
done
"$target/release/stillhouse" man "$made/man"

# Times are those of the last change, so that the same source gives the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
maintainer=$(sed -n 's/^maintainer = "\(.*\)"$/\1/p' crates/stillhouse/Cargo.toml)
if [ -n "${DEBEMAIL:-}" ]; then
    maintainer="${DEBFULLNAME:-Stillhouse developers} <$DEBEMAIL>"
fi
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
cat >"$made/changelog" <<EOF
stillhouse ($version-1) unstable; urgency=medium

  * What changed: changelog.gz in this folder.

 -- $maintainer  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
EOF
cargo deb --no-build --locked --strip -p stillhouse --maintainer "$maintainer" "$@"
