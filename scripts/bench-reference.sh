#!/usr/bin/env bash
# `make bench-reference`: whatever needs PyTorch, in an environment of its own.
# What it makes is checked in beside the tests that read it, so that nobody else needs them.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${STILLHOUSE_REFERENCE_VENV:-$HOME/.cache/stillhouse/reference-venv}
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
# The versions that made what is checked in; torch's own build for this machine.
versions=$(python3 -c '
import json
known = json.load(open("crates/lm/tests/reference/versions.json"))
for name in ("torch", "transformers", "tokenizers", "numpy", "gguf"):
    print(name + "==" + known[name].split("+")[0])')
# shellcheck disable=SC2086 # one argument a line
"$venv/bin/pip" install --quiet $versions accelerate
"$venv/bin/python" bench/reference/lm_reference.py "$STILLHOUSE_MODEL" crates/lm/tests/reference
"$venv/bin/python" bench/reference/lm_tokenizers.py make crates/lm/tests/reference
"$venv/bin/pip" install --quiet peft==0.21.2
"$venv/bin/python" bench/reference/train_reference.py crates/lm/tests/reference/train.json
git diff --stat -- crates/lm/tests/reference

# The engine beside PyTorch and TRL, turn by turn: bench/lm/README.md.
cargo build --release --locked -p lm --example train_step
"$venv/bin/python" bench/lm/train.py "$CARGO_TARGET_DIR/release/examples/train_step" "$STILLHOUSE_MODEL"
"$venv/bin/pip" install --quiet trl==1.16.0
cargo build --release --locked -p lm --example on_policy --example files
examples=$CARGO_TARGET_DIR/release/examples
"$venv/bin/python" bench/lm/on_policy.py "$examples/on_policy" "$examples/files" "$STILLHOUSE_MODEL" --pairs 5

# Sampling for on-policy learning beside PyTorch; serving beside llama.cpp, built once for this processor.
cargo build --release --locked -p lm --example answers --example speed
examples=$CARGO_TARGET_DIR/release/examples
"$venv/bin/python" bench/lm/answers.py "$examples/answers" "$STILLHOUSE_MODEL"
llama=$(bench/lm/llama.sh "$HOME/.cache/stillhouse/llama" "$venv/bin/pip")
"$venv/bin/python" bench/lm/serving.py "$examples/speed" "$llama/llama-batched-bench" "$STILLHOUSE_MODEL"

# The CUDA kernels' text on a machine without a GPU: NVRTC, and an emulation held against NumPy.
"$venv/bin/pip" install --quiet nvidia-cuda-nvrtc
"$venv/bin/python" bench/lm/cuda_kernels.py crates/lm/src/device/cuda/kernels

# Files: what we write, read by transformers, peft, gguf and (where its programs are named) llama.cpp;
# token ids of 10,000 lines of real text.
"$venv/bin/pip" install --quiet django==5.2.19
files=$examples/files
"$venv/bin/python" bench/reference/lm_files.py "$files" "$STILLHOUSE_MODEL" ${STILLHOUSE_LLAMA_CPP:+"$STILLHOUSE_LLAMA_CPP"}
"$venv/bin/python" bench/reference/lm_tokenizers.py compare "$files" "$STILLHOUSE_MODEL"

# Evaluation harnesses must get true numbers from /v1/completions: lm-evaluation-harness's own client
# against the running server.
"$venv/bin/pip" install --quiet 'lm-eval[api]==0.4.13'
cargo build --locked -p stillhouse
scripts/test-clients.sh --instead "$venv/bin/python" bench/reference/lm_eval_check.py

# Trainers that ask a served teacher: TRL's own client, and two steps of its trainer, under a grant; and
# what of the gradient is left when the teacher tells a few log-probabilities a position (no PyTorch).
scripts/test-clients.sh --instead "$venv/bin/python" bench/reference/trl_served.py --train
cargo build --release --locked -p lm --example wire_gradient
"$examples/wire_gradient" "$STILLHOUSE_MODEL" bench/distill

# A student that a run exported, answered with by llama.cpp: where its programs are named, and the
# demonstration has been run (`make demo-distill`).
for run in "${STILLHOUSE_DEMO_DIR:-$HOME/.local/share/stillhouse-demo}"/runs/*; do
    if [ -n "${STILLHOUSE_LLAMA_CPP:-}" ] && [ -f "$run/student/student-f16.gguf" ]; then
        python3 bench/reference/distill_llama.py "$run" "$STILLHOUSE_LLAMA_CPP"
        break
    fi
done
