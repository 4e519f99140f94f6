"""PyTorch's speed on the GPU for the shapes that `cuda_suite speed` measures: run both, one after the other.

    python bench/lm/cuda_peer.py [STEPS]

Weights are random, of Qwen2.5's shapes; 8 documents of 1,024 tokens each; scoring is a forward pass in bf16
and the cross-entropy of each token; `full` is a training step: weights and AdamW's moments in f32, bf16 by
autocast, activations checkpointed, as ours. transformers with `scaled_dot_product_attention`.
"""

import sys
import time

import torch
from torch.nn.functional import cross_entropy
from transformers import Qwen2Config, Qwen2ForCausalLM

DOCUMENTS, LENGTH = 8, 1024
SHAPES = {
    "Qwen2.5-0.5B": (24, 896, 4864, 14, 2),
    "Qwen2.5-1.5B": (28, 1536, 8960, 12, 2),
}


def model(shape, kind):
    layers, width, feed, query, key_value = shape
    config = Qwen2Config(
        vocab_size=151_936, hidden_size=width, intermediate_size=feed, num_hidden_layers=layers,
        num_attention_heads=query, num_key_value_heads=key_value, max_position_embeddings=32_768,
        tie_word_embeddings=True, use_cache=False, attn_implementation="sdpa",
    )  # fmt: skip
    torch.set_default_dtype(kind)
    with torch.device("cuda"):
        made = Qwen2ForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    return made


def losses(network, ids):
    # A document at a time at the head: its logits in f32 are 0.6 GB, all eight are 5 GB.
    hidden = network.model(ids).last_hidden_state
    parts = [
        cross_entropy(network.lm_head(h[:-1]).float(), row[1:], reduction="sum")
        for h, row in zip(hidden, ids)
    ]
    return sum(parts) / (DOCUMENTS * (LENGTH - 1))


def rate(step, steps):
    step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    return steps * DOCUMENTS * LENGTH / (time.perf_counter() - start)


def score(shape, ids, steps):
    network = model(shape, torch.bfloat16).eval()
    with torch.no_grad():
        return rate(lambda: losses(network, ids), steps)


def full(shape, ids, steps):
    network = model(shape, torch.float32).train()
    network.gradient_checkpointing_enable({"use_reentrant": False})
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)

    def step():
        with torch.autocast("cuda", torch.bfloat16):
            loss = losses(network, ids)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    return rate(step, steps)


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    ids = torch.arange(DOCUMENTS * LENGTH, device="cuda").mul(7919).add(13).remainder(150_000)
    ids = ids.view(DOCUMENTS, LENGTH)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    print("| shape | what | tokens/s | peak memory, GB |\n| --- | --- | --- | --- |")
    for name, shape in SHAPES.items():
        for what in (score, full):
            torch.cuda.reset_peak_memory_stats()
            speed = what(shape, ids, steps)
            print(f"| {name} | {what.__name__} | {speed:.0f} | {torch.cuda.max_memory_allocated() / 1e9:.1f} |")


if __name__ == "__main__":
    main()
