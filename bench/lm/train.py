"""One training step and scoring, ours against PyTorch's, turn by turn.

    python bench/lm/train.py TRAIN_STEP MODEL.gguf [--pairs 5] [--threads 2] [full] [lora] [score]

TRAIN_STEP is `cargo build --release -p lm --example train_step`'s program. See README.md.
"""
import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import pairs

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("model")
parser.add_argument("modes", nargs="*")
parser.add_argument("--pairs", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--passive", action="store_true", help="PyTorch's threads sleep while they wait")
arguments = parser.parse_intermixed_args()

peer = os.path.join(os.path.dirname(os.path.abspath(__file__)), "train_peer.py")
print(json.dumps(pairs.machine()), flush=True)
for mode in arguments.modes or ["full", "lora", "score"]:
    batch = 16 if mode == "score" else 4
    shape = [mode, str(batch), "256", str(arguments.threads)]
    ours = pairs.Side("lm", [arguments.program, arguments.model, *shape])
    waits = {"OMP_WAIT_POLICY": "PASSIVE"} if arguments.passive else {}
    theirs = pairs.Side("pytorch", [sys.executable, peer, arguments.model, *shape], waits)
    result = pairs.compare(ours, theirs, arguments.pairs)
    losses = [[round(r["loss"], 4) for r in side.results] for side in (ours, theirs)]
    print(json.dumps({"mode": mode, "batch": batch, "length": 256, **result, "losses": losses}), flush=True)
