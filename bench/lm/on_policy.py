"""A step of on-policy distillation (sample, score, learn), ours against TRL's, turn by turn.

    python bench/lm/on_policy.py ON_POLICY FILES MODEL.gguf [--pairs 3] [--threads 2] [--tokens 32] [full] [lora]

ON_POLICY and FILES are the programs of `cargo build --release -p lm --example on_policy --example files`.
The student is MODEL; the teacher is MODEL with a fixed random change of rank 4 in every linear layer, so that
there is something to learn. FILES writes both as folders of transformers, which both sides load. Before the
pairs, both learn twice from the answers that TRL sampled: the losses must agree. See README.md.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(__file__))
import pairs

# One line each, about equally long; the tokenizer makes 8 to 12 tokens of them.
PROMPTS = [
    "The water of the river was cold, and the boy",
    "To bake a good loaf of bread, first you should",
    "The three states of matter are solid, liquid and",
    "In the old town there was a small shop that",
    "A function that adds two numbers in Python is",
    "When the rain had stopped, the two friends went",
    "The planets of our solar system, from the sun outwards,",
    "My grandmother used to say that every winter",
]

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("files")
parser.add_argument("model")
parser.add_argument("modes", nargs="*")
parser.add_argument("--pairs", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--tokens", type=int, default=32)
parser.add_argument("--passive", action="store_true", help="PyTorch's threads sleep while they wait")
parser.add_argument("--checkpointing", action="store_true", help="TRL checkpoints activations, its default")
arguments = parser.parse_intermixed_args()


def check(ours, theirs, steps):
    """Both learn from the same answers; the losses of each step."""
    out = []
    for _ in range(steps):
        peer = theirs.work(keep=False)
        own = ours.work(keep=False, line=json.dumps(peer["answers"]))
        out.append([own["loss"], peer["loss"]])
    for own, peer in out:
        if abs(own - peer) > 1e-3 * abs(peer):
            raise SystemExit(f"on the same answers our loss is {own}, the peer's {peer}")
    return out


print(json.dumps(pairs.machine()), flush=True)
peer = os.path.join(os.path.dirname(os.path.abspath(__file__)), "on_policy_trl.py")
with tempfile.TemporaryDirectory() as folder:
    place = lambda name: os.path.join(folder, name)
    student, teacher, prompts = place("student"), place("teacher"), place("prompts.json")
    subprocess.run([arguments.files, "convert", arguments.model, student], check=True)
    subprocess.run([arguments.files, "adapt", arguments.model, place("adapter"), teacher], check=True)
    with open(prompts, "w") as file:
        json.dump(PROMPTS, file)
    for mode in arguments.modes or ["full", "lora"]:
        shape = [student, teacher, mode, str(arguments.tokens), str(arguments.threads), prompts]
        ours = pairs.Side("lm", [arguments.program, *shape])
        waits = {"OMP_WAIT_POLICY": "PASSIVE"} if arguments.passive else {}
        extra = ["checkpointing"] * arguments.checkpointing
        theirs = pairs.Side("trl", [sys.executable, peer, *shape, *extra], waits)
        # An adapter starts at other random values on each side, without effect on the first step.
        same = check(ours, theirs, 2 if mode == "full" else 1)
        # Both are warm now, but for our sampling.
        ours.work(keep=False)
        result = pairs.compare(ours, theirs, arguments.pairs, warm=0)
        for side in (ours, theirs):
            result[side.name]["steps/s"] = round(1 / side.median("wall"), 3)
            result[side.name]["steps/CPU s"] = round(1 / side.median("cpu"), 3)
            for part in ("sampling", "scoring", "refreshing"):
                if part in side.results[0]:
                    result[side.name][f"share {part}"] = round(side.median(part) / side.median("wall"), 2)
        what = {"mode": mode, "batch": len(PROMPTS), "new tokens": arguments.tokens, "peer's options": extra}
        print(json.dumps({**what, **result, "losses on the same answers": same}), flush=True)
