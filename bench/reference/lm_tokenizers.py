"""Tokenizers of each family that `lm` knows, by the `tokenizers` library.

    python bench/reference/lm_tokenizers.py make crates/lm/tests/reference
    python bench/reference/lm_tokenizers.py compare FILES MODEL.gguf

`make` writes tokenizers.json: for each family a tiny tokenizer.json, learnt from the lines of
lm_lines.py, and of each line a hash of its ids.
`compare` takes 10,000 lines of real text (Django's translations into some hundred languages, and its
source), and holds `lm`'s ids against the library's: SmolLM2's own vocabulary from MODEL.gguf, and for
each family one of 8,000 tokens learnt from the lines. FILES is the program that
`cargo build --release -p lm --example files` makes.
"""

import gettext
import importlib.metadata
import json
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from lm_lines import lines
from lm_reference import smollm

LINES = 10_000
CODE = 1_500
SPLITS = {
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
}
FAMILIES = ["gpt2", "smollm", "qwen2", "llama3"]


def learnt(family, text, size):
    """The family's public definition with a vocabulary learnt from a text."""
    t = Tokenizer(models.BPE(ignore_merges=family == "llama3"))
    if family == "qwen2":
        t.normalizer = normalizers.NFC()
    if family in SPLITS:
        split = pre_tokenizers.Split(Regex(SPLITS[family]), behavior="isolated")
        parts = [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        t.pre_tokenizer = pre_tokenizers.Sequence(parts)
    elif family == "smollm":
        parts = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        t.pre_tokenizer = pre_tokenizers.Sequence(parts)
    else:
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    t.train_from_iterator(text, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False))
    if family != "llama3":
        return t
    # Words that no merges make: tokens of a whole piece alone.
    raw = json.loads(t.to_str())
    vocab = raw["model"]["vocab"]
    for word in ["Ġbrown", "Ġjumps", "ĠFROM", "println", "123"]:
        vocab.setdefault(word, len(vocab))
    return Tokenizer.from_str(json.dumps(raw))


def fnv(ids):
    """FNV-1a of 64 bits over the ids as little-endian words."""
    value = 0xCBF29CE484222325
    for byte in b"".join(i.to_bytes(4, "little") for i in ids):
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def make(target):
    text = lines()
    out = {}
    for family in FAMILIES:
        t = learnt(family, text, 420)
        out[family] = {"tokenizer": json.loads(t.to_str()), "hashes": [fnv(t.encode(s).ids) for s in text]}
    with open(Path(target) / "tokenizers.json", "w") as f:
        json.dump(out, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


def real_lines():
    """Translations of each language in turn, until there are enough; then source."""
    import django

    root = Path(django.__file__).parent
    languages = {}
    for path in sorted(root.glob("**/LC_MESSAGES/*.mo")):
        with path.open("rb") as f:
            texts = gettext.GNUTranslations(f)._catalog.values()
        found = languages.setdefault(path.parents[1].name, {})
        found.update((t, None) for t in texts if isinstance(t, str) and len(t) > 12)
    code = [line for path in sorted(root.glob("db/**/*.py")) for line in path.read_text().split("\n")]
    out = dict.fromkeys([line for line in code if len(line) > 30][:CODE])
    queues = [list(found) for found in languages.values()]
    at = 0
    while len(out) < LINES:
        texts = [queue[at] for queue in queues if at < len(queue)]
        assert texts, "too few translations"
        out.update(dict.fromkeys(texts))
        at += 1
    return list(out)[:LINES], len(languages)


def compare(program, model):
    text, languages = real_lines()
    scripts = {unicodedata.name(c, "? ").split()[0] for s in text for c in s if c.isalpha()}
    version = importlib.metadata.version("django")
    print(f"{len(text)} lines from Django {version}: {languages} languages, {len(scripts)} scripts, {sum(map(len, text))} characters")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "lines.json").write_text(json.dumps(text))

        def ids(*arguments):
            command = [program, *map(str, arguments), folder / "lines.json"]
            return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

        own = smollm(model)
        check("SmolLM2's own", ids("tokens", model), [own(s, add_special_tokens=False)["input_ids"] for s in text])
        for family in FAMILIES:
            t = learnt(family, text, 8000)
            t.save(str(folder / "tokenizer.json"))
            check(family, ids("tokens-alone", folder / "tokenizer.json"), [t.encode(s).ids for s in text])


def check(name, got, want):
    wrong = [i for i, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]
    print(f"{name}: {len(got) - len(wrong)} of {len(got)} lines equal, {sum(map(len, want))} ids")
    if wrong:
        sys.exit(f"error: line {wrong[0]}: {got[wrong[0]]} and {want[wrong[0]]}")


if __name__ == "__main__":
    {"make": make, "compare": compare}[sys.argv[1]](*sys.argv[2:])
