#!/usr/bin/env bash
# `make container`: the image localhost/stillhouse, from a release build and Debian's C library.
# Needs mmdebstrap and buildah, which are Debian packages, and no registry of images: what is not
# ours comes from a Debian mirror, of the release that the binary was built on.
#
#   scripts/container.sh [--try]      IMAGE=name, SUITE=codename of Debian
#
# --try also runs the image by podman, on a volume, and asks the small model one question.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${IMAGE:-localhost/stillhouse}
# Of one Debian: an older C library lacks what the binary asks for.
suite=${SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME:-}")}
tools=(mmdebstrap buildah)
[ "${1:-}" != --try ] || tools+=(podman)
for tool in "${tools[@]}"; do
    command -v "$tool" >/dev/null || {
        echo "error: $tool is missing" >&2
        echo "hint: sudo apt-get install ${tools[*]}" >&2
        exit 1
    }
done

target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked -p stillhouse
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
root=$made/root

# Packages are unpacked, and nothing of them is run; what stays are the libraries and licences.
mmdebstrap --quiet --variant=extract --include=libc6,libgcc-s1 "$suite" "$made/debian.tar"
mkdir -p "$root" "$made/data/stillhouse"
tar -C "$root" -xf "$made/debian.tar" --no-same-owner \
    --exclude='./dev/*' --exclude='./etc/*' --exclude='./var/*' --exclude='*/gconv/*'
install -D -s "$target/release/stillhouse" "$root/usr/bin/stillhouse"
install -D -m 644 -t "$root/usr/share/doc/stillhouse" LICENSE-APACHE LICENSE-MIT
install -D -m 644 deploy/debian/stillhouse.toml "$root/etc/stillhouse/stillhouse.toml"
echo 'stillhouse:x:8080:8080:Stillhouse:/var/lib/stillhouse:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'stillhouse:x:8080:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
chmod 700 "$made/data/stillhouse"
# The health check is part of docker's format alone.
buildah build --format docker --network none \
    -f deploy/container/Containerfile -t "$image" "$made"
[ "${1:-}" = --try ] || exit 0

model=${STILLHOUSE_MODEL:-$HOME/.cache/stillhouse/models/smollm2-135m-instruct.gguf}
scripts/fetch-model.sh "$model"
mkdir "$made/models"
cp "$model" "$made/models/smollm2-135m.gguf"
chmod 755 "$made" "$made/models"
chmod 644 "$made/models/smollm2-135m.gguf"
name=stillhouse-try-$$
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
trap 'podman rm -f -t 5 "$name" >/dev/null; podman volume rm "$name" >/dev/null; rm -rf "$made"' EXIT
podman run -d --name "$name" --read-only --cap-drop all --security-opt no-new-privileges \
    -p "127.0.0.1:$port:8080" -v "$name:/var/lib/stillhouse" \
    -v "$made/models:/var/lib/stillhouse/models:ro" "$image" >/dev/null
still() { podman exec "$name" stillhouse "$@"; }
for _ in $(seq 300); do
    if curl -sf "http://127.0.0.1:$port/readyz" >/dev/null; then break; fi
    sleep 0.1
done
still status
still organization create first >/dev/null
still account create first --organization first >/dev/null
secret=$(still --json key create --account first | sed -n 's/.*"secret": "\(.*\)".*/\1/p')
curl -sS --fail-with-body "http://127.0.0.1:$port/v1/chat/completions" \
    -H "Authorization: Bearer $secret" -H "Content-Type: application/json" \
    -d '{"model": "smollm2-135m", "messages": [{"role": "user", "content": "What is a still house?"}], "max_tokens": 20}'
echo
podman healthcheck run "$name" && echo "healthy"
podman stop -t 30 "$name" >/dev/null
[ "$(podman inspect -f '{{.State.ExitCode}}' "$name")" = 0 ]
echo "stopped by SIGTERM, with status 0"
