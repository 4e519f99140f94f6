"""PyTorch's side of `train.py`: one training step, or one scoring, of the model in a GGUF file.

    python train_peer.py MODEL.gguf {full,lora,score} BATCH LENGTH THREADS

Prints one line of JSON about itself, then waits: for each line on standard input it does one step and
prints one line of JSON. Peak memory counts from the moment when the model is loaded.
"""
import json
import os
import sys
import time

import torch
import transformers

path, mode, batch, length, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
torch.set_num_threads(threads)
torch.manual_seed(1)
folder, name = os.path.split(path)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
model.config.use_cache = False
about = {"torch": torch.__version__, "transformers": transformers.__version__}
if mode == "lora":
    import peft

    about["peft"] = peft.__version__
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = peft.get_peft_model(model, peft.LoraConfig(r=16, lora_alpha=32, target_modules=targets))
ids = (torch.arange(batch * length) * 7919 + 13).remainder(40000).reshape(batch, length)
optimizer = None
if mode == "score":
    model.eval()
else:
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.01)


@torch.no_grad()
def score():
    # One sequence at a time is slower; the whole batch's log-softmax would take 3.2 GB. transformers
    # returns the logits of all positions, and cross_entropy is the fused way to the given tokens' own.
    total = 0.0
    for rows in ids.split(4):
        logits = model(rows).logits
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1].reshape(-1, logits.shape[-1]), rows[:, 1:].reshape(-1), reduction="sum"
        )
        total += float(loss)
    return total / (ids.shape[0] * (ids.shape[1] - 1))


def step():
    if mode == "score":
        return score()
    loss = model(ids, labels=ids).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(loss)


def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


with open("/proc/self/clear_refs", "w") as refs:
    refs.write("5")
print(json.dumps({"about": {**about, "threads": threads, "type": "f32"}}), flush=True)
for _ in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    loss = step()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"wall": wall, "cpu": cpu, "tokens": ids.numel(), "loss": loss, "peak": peak()}), flush=True)
