"""Makes the reference files of crates/lm/tests/reference from PyTorch, transformers and gguf.

    python bench/reference/lm_reference.py MODEL.gguf crates/lm/tests/reference

MODEL.gguf is the file that scripts/fetch-model.sh fetches. Written are
  greedy.json     20 prompts: ids, 28 greedy ids, their log-probabilities, those of the prompt (f32)
  smollm.json     400 lines and their ids: the file's vocabulary and merges under SmolLM2's published
                  pre-tokenizer (digits alone, then GPT-2's bytes). transformers' reading of a GGUF
                  leaves the digits out, and so parts from the model's own tokenizer.json where
                  white space or non-ASCII digits meet digits; on lines without digits the script
                  checks that both are equal
  qwen2.json      a tiny vocabulary with Qwen2's normaliser and pre-tokenizer, the lines, their ids
  tiny_qwen2.gguf a random Qwen2-class model (biases, grouped heads, its own head)
  tiny_qwen2.json a sequence of its tokens and their log-probabilities (f32)
  quants.json     random blocks of each quantisation, and their values by gguf's dequantisation
  quantised.json  f32 values, and the F16 and Q8_0 blocks that gguf's own quantize makes of them
  versions.json   versions and digests of what made them

A prompt where the best and the second-best token come within 2e-3 nat at any step is skipped:
there, two correct f32 programs may part. Prompts are tried in order until 20 are found.
"""
import hashlib
import json
import os
import platform
import sys

import gguf
import numpy as np
import tokenizers
import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

sys.path.insert(0, os.path.dirname(__file__))
from lm_lines import lines

STEPS, WANTED, MARGIN = 28, 20, 2e-3

PLAIN = [
    "The capital of France is",
    "Once upon a time, in a small village by the sea, there lived",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "#include <stdio.h>\n\nint main(void) {\n    for (int i = 0; i < 10; i++) {\n",
    "Die Hauptstadt von Deutschland ist",
    "La Révolution française a commencé en",
    "El agua hierve a una temperatura de",
    "今天天气很好，我们",
    "Москва — столица",
    "日本の首都は",
    "1, 2, 4, 8, 16, 32,",
    "{\"name\": \"Alice\", \"age\": 30, \"city\":",
    "Q: What is the boiling point of water at sea level?\nA:",
    "SELECT name, age FROM users WHERE",
    "The three laws of thermodynamics are:\n\n1.",
    "🙂 Emoji are small pictures that",
    "Dear Sir or Madam,\r\n\r\nI am writing to",
    "fn main() {\n    let numbers = vec![1, 2, 3];\n",
]
CHATS = [
    [{"role": "user", "content": "What is gravity?"}],
    [{"role": "user", "content": "Write a haiku about autumn."}],
    [{"role": "system", "content": "You answer in one short sentence."}, {"role": "user", "content": "Why is the sky blue?"}],
    [
        {"role": "user", "content": "Hi, my name is Ada."},
        {"role": "assistant", "content": "Hello Ada! How can I help you today?"},
        {"role": "user", "content": "What is my name?"},
    ],
    [{"role": "user", "content": "Give me a Python function that reverses a string."}],
    [{"role": "user", "content": "Nenne drei Farben."}],
    [{"role": "user", "content": "Translate to French: I love bread."}],
    [{"role": "user", "content": "List the first five prime numbers."}],
]


def log_softmax(logits):
    return torch.log_softmax(logits.double(), dim=-1)


@torch.no_grad()
def greedy(model, ids):
    """The reference for one prompt, or None where a margin is too small."""
    out = model(torch.tensor([ids]), use_cache=True)
    lp = log_softmax(out.logits[0])
    echo = [float(lp[i, t]) for i, t in enumerate(ids[1:])]
    got, logprobs = [], []
    for _ in range(STEPS):
        last = log_softmax(out.logits[0, -1])
        best = torch.topk(last, 2)
        if float(best.values[0] - best.values[1]) <= MARGIN:
            return None
        got.append(int(best.indices[0]))
        logprobs.append(float(best.values[0]))
        out = model(torch.tensor([[got[-1]]]), past_key_values=out.past_key_values, use_cache=True)
    r = lambda xs: [round(x, 6) for x in xs]
    return {"ids": ids, "echo": r(echo), "greedy": got, "logprobs": r(logprobs)}


def greedy_file(path):
    d, f = os.path.split(path)
    tok = transformers.AutoTokenizer.from_pretrained(d, gguf_file=f)
    model = transformers.AutoModelForCausalLM.from_pretrained(d, gguf_file=f, dtype=torch.float32)
    model.eval()
    prompts = []
    for k in range(max(len(PLAIN), len(CHATS))):
        if k < len(CHATS):
            prompts.append({"chat": CHATS[k]})
        if k < len(PLAIN):
            prompts.append({"text": PLAIN[k]})
    found, skipped = [], []
    for p in prompts:
        if "chat" in p:
            text = tok.apply_chat_template(p["chat"], tokenize=False, add_generation_prompt=True)
            p = {"chat": p["chat"], "text": text}
        ids = tok(p["text"], add_special_tokens=False)["input_ids"]
        r = greedy(model, ids)
        if r is None:
            skipped.append(p["text"])
            continue
        found.append({**p, **r})
        print(len(found), repr(tok.decode(r["greedy"]))[:100], flush=True)
        if len(found) == WANTED:
            break
    assert len(found) == WANTED, len(found)
    return tok, {"margin": MARGIN, "skipped": skipped, "prompts": found}


def smollm(path):
    """SmolLM2's tokenizer from the file's vocabulary and merges."""
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    t = Tokenizer(models.BPE({s: i for i, s in enumerate(tokens)}, merges))
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    t.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=t)


def smollm_file(path, converted, text):
    own = smollm(path)
    out = []
    for s in text:
        ids = own(s, add_special_tokens=False)["input_ids"]
        other = converted(s, add_special_tokens=False)["input_ids"]
        assert ids == other or any(c.isnumeric() for c in s), (s, ids, other)
        out.append([s, ids])
    return out


def qwen2_file(text):
    """Qwen2's public definition: NFC, this split, byte level; the vocabulary is learnt from the lines."""
    split = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(split), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    t.train_from_iterator(text, trainer)
    model = json.loads(t.to_str())["model"]
    tokens = [k for k, _ in sorted(model["vocab"].items(), key=lambda kv: kv[1])]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    return {"tokens": tokens, "merges": merges, "lines": [[s, t.encode(s).ids] for s in text]}


def tiny_qwen2_file(target):
    """Written by gguf, read back and run by transformers."""
    width, feed, layers, heads, kept, context = 32, 48, 2, 4, 2, 128
    name = "tiny_qwen2.gguf"
    rng = np.random.default_rng(11)
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + sorted(pre_tokenizers.ByteLevel.alphabet()) + ["ab"]
    w = gguf.GGUFWriter(os.path.join(target, name), "qwen2")
    w.add_block_count(layers)
    w.add_context_length(context)
    w.add_embedding_length(width)
    w.add_feed_forward_length(feed)
    w.add_head_count(heads)
    w.add_head_count_kv(kept)
    w.add_layer_norm_rms_eps(1e-6)
    w.add_rope_freq_base(10000.0)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("qwen2")
    w.add_token_list(tokens)
    w.add_token_types([3, 3, 3] + [1] * 257)
    w.add_token_merges(["a b"])
    w.add_eos_token_id(2)

    def add(key, *shape, center=0.0, scale=0.25):
        w.add_tensor(key, (center + scale * rng.standard_normal(shape)).astype(np.float32))

    head = width // heads * kept
    add("token_embd.weight", len(tokens), width)
    add("output.weight", len(tokens), width)
    add("output_norm.weight", width, center=1.0)
    for i in range(layers):
        for part, rows in [("attn_q", width), ("attn_k", head), ("attn_v", head)]:
            add(f"blk.{i}.{part}.weight", rows, width)
            add(f"blk.{i}.{part}.bias", rows)
        add(f"blk.{i}.attn_output.weight", width, width)
        add(f"blk.{i}.attn_norm.weight", width, center=1.0)
        add(f"blk.{i}.ffn_norm.weight", width, center=1.0)
        add(f"blk.{i}.ffn_gate.weight", feed, width)
        add(f"blk.{i}.ffn_up.weight", feed, width)
        add(f"blk.{i}.ffn_down.weight", width, feed)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    model = transformers.AutoModelForCausalLM.from_pretrained(target, gguf_file=name, dtype=torch.float32)
    model.eval()
    ids = [int(t) for t in rng.integers(0, len(tokens), 48)]
    with torch.no_grad():
        lp = log_softmax(model(torch.tensor([ids])).logits[0])
    return {"ids": ids, "echo": [round(float(lp[i, t]), 6) for i, t in enumerate(ids[1:])]}


def quants_file():
    """Random blocks; half-precision scales are drawn finite and small, all else is any byte."""
    rng = np.random.default_rng(7)
    Q = gguf.GGMLQuantizationType
    # type -> byte offsets of the f16 fields in a block
    halves = {
        Q.F16: None, Q.BF16: None, Q.F32: None, Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2],
        Q.Q8_0: [0], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [208],
    }
    out = []
    for q, fields in halves.items():
        block, size = gguf.GGML_QUANT_SIZES[q]
        if fields is None:
            x = rng.standard_normal(64).astype(np.float32)
            raw = gguf.quants.quantize(x, q).tobytes()
        else:
            blocks = rng.integers(0, 256, (4, size), dtype=np.uint8)
            for f in fields:
                h = (rng.standard_normal(4) * 0.1).astype(np.float16)
                blocks[:, f : f + 2] = h.view(np.uint8).reshape(4, 2)
            raw = blocks.tobytes()
        values = gguf.quants.dequantize(np.frombuffer(raw, np.uint8) if fields else x_of(raw, q), q)
        bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).reshape(-1)
        out.append({"type": q.name, "id": int(q), "bytes": raw.hex(), "bits": [int(b) for b in bits]})
    return out


def quantised_file():
    """f32 values, and the blocks that gguf's own quantize makes of them: random ones of several sizes,
    zeros, ties between two steps, subnormals, the largest that half precision holds."""
    rng = np.random.default_rng(13)
    rows = [rng.standard_normal(32) * 10.0**k for k in (-9, -6, -3, -1, 0, 2, 4)]
    rows += [np.zeros(32), np.full(32, -0.0), np.full(32, 1e-42), np.full(32, 65504.0)]
    rows += [np.concatenate([[127.0], np.arange(31) + 0.5]), -np.concatenate([[127.0], np.arange(31) - 15.5])]
    x = np.array(rows, dtype=np.float32)
    out = {"bits": [int(b) for b in x.view(np.uint32).reshape(-1)]}
    for q in (gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.Q8_0):
        with np.errstate(all="ignore"):
            out[q.name] = gguf.quants.quantize(x, q).tobytes().hex()
    return out


def x_of(raw, q):
    if q == gguf.GGMLQuantizationType.F32:
        return np.frombuffer(raw, np.float32)
    if q == gguf.GGMLQuantizationType.F16:
        return np.frombuffer(raw, np.float16)
    return np.frombuffer(raw, np.uint8)


def main():
    path, target = sys.argv[1:3]
    torch.manual_seed(0)
    text = lines()

    def write(name, value, indent=None):
        with open(os.path.join(target, name), "w") as f:
            json.dump(value, f, ensure_ascii=False, indent=indent)
            f.write("\n")

    write("quants.json", quants_file())
    write("quantised.json", quantised_file())
    write("qwen2.json", qwen2_file(text))
    write("tiny_qwen2.json", tiny_qwen2_file(target))
    tok, reference = greedy_file(path)
    write("greedy.json", reference, 0)
    write("smollm.json", smollm_file(path, tok, text))
    versions = {
        "model_sha256": hashlib.sha256(open(path, "rb").read()).hexdigest(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "numpy": np.__version__,
        "gguf": __import__("importlib.metadata").metadata.version("gguf"),
    }
    write("versions.json", versions, 1)


if __name__ == "__main__":
    main()
