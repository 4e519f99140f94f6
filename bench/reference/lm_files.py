"""What `lm` writes, read by the programs that own the formats; and what they write, read by `lm`.

    python bench/reference/lm_files.py FILES MODEL.gguf [LLAMA_CPP_BIN]

FILES is the program `cargo build --release -p lm --example files` makes. Checked are
  transformers  loads our folder of a Llama-class and a Qwen2-class model: logits are those of the file
                that we read, to the bit, and within 1e-4 (2 layers) or 1e-3 (30) of ours; token ids and chat template equal;
                we load a folder that transformers saved, to the bit
  peft          loads our adapter: logits are those of our merged weights; we load the one it saves
  gguf          reads our F32, F16 and Q8_0 files; tensors are, to the bit, what its own quantize makes
  llama.cpp     loads the same files, answers, and gets our token ids, where its programs are given
Each line printed is a check that held; the first that does not ends the run.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# Nothing here may go to the network.
os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1", TQDM_DISABLE="1")

import gguf
import numpy as np
import peft
import torch
import transformers

# Two f32 programs part by more over 30 layers than over 2: what is written is the same to the bit.
TOLERANCE = {"tiny Qwen2": 1e-4, "SmolLM2": 1e-3}
HERE = Path(__file__).parents[2] / "crates/lm/tests/reference"
TEXT = "The quick brown fox jumps over the lazy dog. Größere Umwege sind möglich, 12 of them."
CHAT = [{"role": "user", "content": "Nenne drei Farben. <|im_end|>"}]


def files(program, *arguments):
    run = subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(run.stdout) if run.stdout else None


def held(what, ok, detail=""):
    print(("ok    " if ok else "WRONG ") + what, detail, flush=True)
    if not ok:
        sys.exit(1)


@torch.no_grad()
def theirs(model, ids):
    return model(torch.tensor([ids])).logits[0].float().numpy()


def compare_logits(name, what, program, ours, model, ids, folder):
    (folder / "ids.json").write_text(json.dumps(ids))
    got = np.array(files(program, "logits", ours, folder / "ids.json"), dtype=np.float32)
    worst = float(np.abs(got - theirs(model, ids)).max())
    held(f"{name}: {what}", worst < TOLERANCE[name], f"worst logit off by {worst:.1e}")


def load(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model.eval()


def compare_tokens(name, program, ours, tokenizer, folder):
    lines = [line for line, _ in json.loads((HERE / "smollm.json").read_text())]
    (folder / "lines.json").write_text(json.dumps(lines))
    got = files(program, "tokens", ours, folder / "lines.json")
    want = [tokenizer(line, add_special_tokens=False)["input_ids"] for line in lines]
    wrong = sum(a != b for a, b in zip(got, want, strict=True))
    held(f"{name}: token ids of {len(lines)} lines by the folder's tokenizer.json", wrong == 0, f"{wrong} differ")


def family(name, program, source, folder):
    """One model through every format."""
    ours = folder / "ours"
    files(program, "convert", source, ours)
    model = load(ours)
    tokenizer = transformers.AutoTokenizer.from_pretrained(ours)
    ids = tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    direct = transformers.AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    same = np.array_equal(theirs(direct.eval(), ids), theirs(model, ids))
    held(f"{name}: transformers gets the same logits from our folder and from the file, to the bit", same)
    compare_logits(name, "our logits are those of transformers on our folder", program, source, model, ids, folder)
    compare_tokens(name, program, ours, tokenizer, folder)

    saved = folder / "saved"
    model.save_pretrained(saved)
    tokenizer.save_pretrained(saved)
    files(program, "convert", saved, folder / "again.gguf", "F32")
    files(program, "convert", source, folder / "f32.gguf", "F32")
    again, first = (gguf.GGUFReader(folder / n).tensors for n in ("again.gguf", "f32.gguf"))
    same = all(a.name == b.name and np.array_equal(a.data, b.data) for a, b in zip(again, first, strict=True))
    held(f"{name}: what transformers saved is read to the bit", same and len(first) > 0)

    quantised(name, program, source, folder, first)
    adapters(name, program, source, folder, model, ours, ids)


def quantised(name, program, source, folder, first):
    for kind in ("F16", "Q8_0"):
        files(program, "convert", source, folder / f"{kind}.gguf", kind)
        reader = gguf.GGUFReader(folder / f"{kind}.gguf")
        architecture = reader.fields["general.architecture"].contents()
        held(f"{name}: gguf reads our {kind}", architecture in ("llama", "qwen2"))
        seen = set()
        for got, exact in zip(reader.tensors, first, strict=True):
            seen.add(got.tensor_type)
            want = gguf.quants.quantize(np.array(exact.data), got.tensor_type)
            if got.name != exact.name or want.tobytes() != np.array(got.data).tobytes():
                held(f"{name}: {kind} tensor {got.name}", False)
        held(f"{name}: {kind} tensors are those of gguf's quantize, to the bit", True, ", ".join(sorted(t.name for t in seen)))


def adapters(name, program, source, folder, model, ours, ids):
    files(program, "adapt", source, folder / "adapter", folder / "merged")
    adapted = peft.PeftModel.from_pretrained(load(ours), folder / "adapter").eval()
    distance = float(np.abs(theirs(adapted, ids) - theirs(model, ids)).max())
    held(f"{name}: peft loads our adapter, and it changes something", distance > 0.1, f"by {distance:.2f}")
    compare_logits(name, "peft's logits are those of our merged weights", program, folder / "merged", adapted, ids, folder)

    torch.manual_seed(3)
    about = peft.LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "k_proj", "down_proj"], init_lora_weights=False)
    own = peft.get_peft_model(load(ours), about).eval()
    own.save_pretrained(folder / "peft")
    files(program, "merge", source, folder / "peft", folder / "peft-merged")
    compare_logits(name, "an adapter that peft saved, merged by us", program, folder / "peft-merged", own, ids, folder)


def chats(program, source, folder):
    """The chat template goes along."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "ours")
    text = tokenizer.apply_chat_template(CHAT, tokenize=False, add_generation_prompt=True)
    field = gguf.GGUFReader(source).fields["tokenizer.chat_template"].contents()
    held("SmolLM2: the chat template is that of the file", tokenizer.chat_template == field, repr(text[-30:]))


def llama_cpp(program, binaries, folder):
    for kind in ("f32", "F16", "Q8_0"):
        command = [Path(binaries) / "llama-completion", "-m", folder / f"{kind}.gguf", "-p", "The capital of France is"]
        command += ["-n", "8", "--temp", "0", "-no-cnv", "-t", "2"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        held(f"llama.cpp loads our {kind} and answers", run.returncode == 0 and "Paris" in run.stdout, repr(run.stdout[-60:]))
    text = "\n".join(line for line, _ in json.loads((HERE / "smollm.json").read_text()) if "\0" not in line)
    (folder / "text").write_bytes(text.encode())
    (folder / "lines.json").write_text(json.dumps([text]))
    command = [Path(binaries) / "llama-tokenize", "-m", folder / "Q8_0.gguf", "-f", folder / "text"]
    command += ["--ids", "--no-bos", "--no-parse-special", "--no-escape", "--log-disable"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    [want] = files(program, "tokens", folder / "Q8_0.gguf", folder / "lines.json")
    got = json.loads(run.stdout)
    first = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), None)
    held("llama.cpp's token ids by our file are ours", got == want, f"{len(got)} and {len(want)} ids, first difference {first}")


def main():
    program, model = sys.argv[1:3]
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
    for name, source in [("tiny Qwen2", HERE / "tiny_qwen2.gguf"), ("SmolLM2", Path(model))]:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            family(name, program, source, folder)
            if name == "SmolLM2":
                chats(program, source, folder)
                if len(sys.argv) > 3:
                    llama_cpp(program, sys.argv[3], folder)


if __name__ == "__main__":
    main()
