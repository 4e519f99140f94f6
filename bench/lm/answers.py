"""Sampling for on-policy learning against a PyTorch loop of the same mathematics: 64 answers of 24 tokens to
64 prompts of 32, f32, five alternating pairs in one run.

    python answers.py PROGRAM MODEL.gguf [--pairs 5] [--threads 2]

PROGRAM is `cargo build --release -p lm --example answers`'s. Both hold their weights in f32, keep keys and
values, and take the whole batch at once.
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
parser.add_argument("--pairs", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()

peer = os.path.join(os.path.dirname(os.path.abspath(__file__)), "answers_peer.py")
print(json.dumps(pairs.machine()), flush=True)
shape = ["64", "32", "24", str(arguments.threads)]
ours = pairs.Side("lm", [arguments.program, arguments.model, *shape])
theirs = pairs.Side("pytorch", [sys.executable, peer, arguments.model, *shape])
result = pairs.compare(ours, theirs, arguments.pairs)
print(json.dumps({"prompts": 64, "length": 32, "answer": 24, **result}), flush=True)
