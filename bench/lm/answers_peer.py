"""PyTorch's side of `answers.py`: a loop of the same mathematics as lm's `sample_many` in f32, a cache of
keys and values, the whole batch at once, temperature 1.

    python answers_peer.py MODEL.gguf PROMPTS LENGTH ANSWER THREADS

Prints one line of JSON about itself; then one round, and a line, for each line of standard input.
"""
import json
import os
import sys
import time

import torch
import transformers

path, prompts, length, answer, threads = sys.argv[1], *map(int, sys.argv[2:6])
torch.set_num_threads(threads)
folder, name = os.path.split(path)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
model.eval()
ids = (torch.arange(prompts * length) * 7919 + 13).remainder(40000).reshape(prompts, length)


@torch.inference_mode()
def round_():
    generator = torch.Generator().manual_seed(1)
    cache, tokens, total = None, ids, 0
    for _ in range(answer):
        out = model(tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        logprobs = out.logits[:, -1].log_softmax(-1)
        tokens = torch.multinomial(logprobs.exp(), 1, generator=generator)
        logprobs.gather(-1, tokens)
        total += tokens.numel()
    return total


about = {"torch": torch.__version__, "transformers": transformers.__version__, "threads": threads, "type": "f32"}
print(json.dumps({"about": about}), flush=True)
for _ in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = round_()
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "tokens": tokens}), flush=True)
