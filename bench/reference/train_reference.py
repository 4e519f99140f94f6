"""Makes crates/lm/tests/reference/train.json: what training must do, by PyTorch, transformers and peft.

    python bench/reference/train_reference.py crates/lm/tests/reference/train.json

Two tiny models (Llama-class, tied; Qwen2-class, biases, its own head), each tuned in full and by LoRA
for three AdamW steps in f64, on two documents that are computed apart. Weights are a formula of the
tensor's place in GGUF's order, so the file holds results alone: losses, gradient norms, and the norm of
each tensor's gradient in the first step. Llama's query and key rows are permuted here, as converters do.
"""
import json
import sys

import peft
import torch
import transformers

torch.set_default_dtype(torch.float64)
LAYERS, WIDTH, FEED, HEADS, KEPT, HEAD, VOCABULARY = 2, 48, 80, 6, 2, 8, 96
RANK, ALPHA = 4, 8.0
RATE, DECAY, CLIP = 1e-2, 0.1, 1.0
NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}
OUTER = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
         "output.weight": "lm_head.weight"}


def canonical(name):
    """GGUF's name of a tensor of transformers or peft."""
    name = name.removeprefix("base_model.model.")
    for ours, theirs in OUTER.items():
        if name == theirs:
            return ours
    _, _, layer, rest = name.split(".", 3)
    suffix = ""
    for which in ("a", "b"):
        mark = f".lora_{which.upper()}.default.weight"
        if rest.endswith(mark):
            rest, suffix = rest.removesuffix(mark) + ".weight", f".lora_{which}"
    rest = rest.replace(".base_layer", "")
    module, kind = rest.rsplit(".", 1)
    part = next(ours for ours, theirs in NAMES.items() if theirs == module)
    return f"blk.{layer}.{part}.{kind}{suffix}"


def formula(name, shape):
    """The value at place i of a tensor, the same in Rust."""
    salt = sum((i + 1) * b for i, b in enumerate(name.encode()))
    count = 1
    for n in shape:
        count *= n
    i = torch.arange(count, dtype=torch.int64)
    noise = ((i * 7919 + salt * 104729) % 2003).double() / 2003 - 0.5
    if "norm" in name:
        values = 1 + 0.2 * noise
    elif name.endswith("lora_b"):
        values = 0.1 * noise
    else:
        values = 0.4 * noise
    return values.float().double().reshape(shape)


def permuted(name, values, family):
    """From GGUF's rows to transformers', for what is permuted."""
    rows = name.removesuffix(".lora_b")
    if family != "llama" or name.endswith("lora_a") or not rows.endswith(("attn_q.weight", "attn_k.weight")):
        return values
    heads = values.shape[0] // HEAD
    return values.reshape(heads, HEAD // 2, 2, -1).transpose(1, 2).reshape(values.shape)


def build(family, lora):
    shared = dict(hidden_size=WIDTH, intermediate_size=FEED, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                  num_key_value_heads=KEPT, vocab_size=VOCABULARY, rms_norm_eps=1e-5,
                  rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, max_position_embeddings=64,
                  tie_word_embeddings=family == "llama", use_cache=False, attn_implementation="eager")
    if family == "llama":
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(head_dim=HEAD, **shared))
    else:
        model = transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**shared))
    model = model.double()
    if lora:
        targets = [n.rsplit(".", 1)[1] for n in NAMES.values() if n.endswith("proj")]
        model = peft.get_peft_model(model, peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets))
        model = model.double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            ours = canonical(name)
            parameter.copy_(permuted(ours, formula(ours, parameter.shape), family))
    return model


def documents():
    first = [(i * 31 + 7) % VOCABULARY for i in range(19)]
    second = [(i * 17 + 3) % VOCABULARY for i in range(12)]
    # The second is an answer from its fifth token on.
    return [(first, 1), (second, 5)]


def loss_of(model):
    total, count = 0.0, 0
    for tokens, start in documents():
        logits = model(torch.tensor([tokens])).logits[0]
        total = total + torch.nn.functional.cross_entropy(
            logits[start - 1 : -1], torch.tensor(tokens[start:]), reduction="sum"
        )
        count += len(tokens) - start
    return total / count


def run(family, lora):
    model = build(family, lora)
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    matrices = [p for _, p in trained if p.dim() > 1]
    vectors = [p for _, p in trained if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.999), eps=1e-8)
    losses, norms, gradients = [], [], {}
    for step in range(3):
        loss = loss_of(model)
        loss.backward()
        if step == 0:
            gradients = {canonical(n): float(p.grad.norm()) for n, p in trained}
        norms.append(float(torch.nn.utils.clip_grad_norm_([p for _, p in trained], CLIP)))
        losses.append(float(loss))
        optimiser.step()
        optimiser.zero_grad()
    losses.append(float(loss_of(model)))
    return {"losses": losses, "norms": norms, "gradients": dict(sorted(gradients.items()))}


out = {"versions": {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}}
for family in ("llama", "qwen2"):
    for lora in (False, True):
        out[f"{family} {'lora' if lora else 'full'}"] = run(family, lora)
with open(sys.argv[1], "w") as file:
    json.dump(out, file, indent=1)
    file.write("\n")
for name, result in out.items():
    print(name, result.get("losses", result))
