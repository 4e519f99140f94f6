#!/usr/bin/env bash
# The Debian package as a user meets it: lintian, then in a throw-away Debian installed, used,
# upgraded, removed and purged. Needs root, a built package (`make deb`), and the Debian packages
# lintian and mmdebstrap.
#
#   scripts/test-package.sh FILE.deb      SUITE=codename, default: this machine's
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in lintian mmdebstrap; do
    command -v "$tool" >/dev/null || {
        echo "error: $tool is missing" >&2
        echo "hint: sudo apt-get install lintian mmdebstrap" >&2
        exit 1
    }
done
deb=$(realpath "$1")
suite=${SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
work=$(mktemp -d)
root=$work/root
trap 'umount "$root/proc" 2>/dev/null; rm -rf --one-file-system "$work"' EXIT

lintian --fail-on error,warning "$deb"
echo "lintian: neither errors nor warnings"

mmdebstrap --quiet --variant=apt --include=man-db,iproute2 "$suite" "$root"
mount -t proc proc "$root/proc"
# The same package as an older and a newer version, to upgrade from and to.
for version in 0.0.1-1 99.0-1; do
    dpkg-deb -R "$deb" "$work/$version"
    sed -i "s/^Version: .*/Version: $version/" "$work/$version/DEBIAN/control"
done
echo '# a newer default' >>"$work/99.0-1/etc/stillhouse/stillhouse.toml"
for version in 0.0.1-1 99.0-1; do
    dpkg-deb --root-owner-group -Zgzip -b "$work/$version" "$root/root/$version.deb" >/dev/null
done
cp "$deb" "$root/root/this.deb"
model=${STILLHOUSE_MODEL:-$HOME/.cache/stillhouse/models/smollm2-135m-instruct.gguf}
scripts/fetch-model.sh "$model"
cp "$model" "$root/root/model.gguf"
cp scripts/test-package-inside.sh "$root/root/inside.sh"
chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive bash /root/inside.sh
