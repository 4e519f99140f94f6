"""Serving against llama.cpp, side by side: prefill and decode at batch 1, 8 and 16 of a GGUF file as it
is, both on the processor, five alternating pairs in one run.

    python serving.py SPEED LLAMA_BATCHED_BENCH MODEL.gguf [THREADS [PAIRS]]

SPEED is lm's example `speed`, on its fast path. Prints each pair, medians, and the ratio of the medians.
A round reads 256 tokens a sequence and writes 32 to each; wall time beside the processor's.
"""
import re
import resource
import statistics
import subprocess
import sys

speed, llama, model = sys.argv[1:4]
threads = sys.argv[4] if len(sys.argv) > 4 else "2"
pairs = int(sys.argv[5]) if len(sys.argv) > 5 else 5
PROMPT, ANSWER = "256", "32"


def run(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return text.stdout + text.stderr, cpu


def ours():
    text, cpu = run([speed, model, "fast", threads, PROMPT, ANSWER])
    found = re.findall(r"batch (\d+): prefill ([\d.]+) tokens/s, decode ([\d.]+)", text)
    return {int(b): (float(p), float(d)) for b, p, d in found}, cpu


def theirs():
    text, cpu = run([llama, "-m", model, "-c", "8192", "-b", "2048", "-ub", "512", "-npp", PROMPT,
                     "-ntg", ANSWER, "-npl", "1,8,16", "-t", threads])
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("| \n").split("|")]
        if len(cells) == 10 and cells[0] == PROMPT:
            found[int(cells[2])] = (float(cells[5]), float(cells[7]))
    return found, cpu


def about():
    with open("/proc/cpuinfo") as file:
        text = file.read()
    name = re.search(r"model name\s*: (.*)", text).group(1)
    flags = re.search(r"flags\s*: (.*)", text).group(1).split()
    vectors = [f for f in flags if f.startswith(("avx", "amx", "fma", "f16c"))]
    print(f"processor: {name}; {' '.join(vectors)}; AMX {'on' if any(f.startswith('amx') for f in flags) else 'is not on this machine'}")
    print(f"threads: {threads}; weights as in the file, activations int8; llama.cpp: {llama}")


about()
table = {}
for pair in range(pairs):
    order = [("ours", ours), ("llama.cpp", theirs)]
    for who, measure in order if pair % 2 == 0 else reversed(order):
        found, cpu = measure()
        print(f"pair {pair + 1}, {who}: {found}, {cpu:.1f} CPU s", flush=True)
        for batch, figures in found.items():
            for what, figure in zip(("prefill", "decode"), figures):
                table.setdefault((what, batch), {}).setdefault(who, []).append(figure)
print("| what | ours | llama.cpp | ratio of medians |\n| --- | --- | --- | --- |")
for (what, batch), each in sorted(table.items()):
    ours_, theirs_ = (statistics.median(each[who]) for who in ("ours", "llama.cpp"))
    print(f"| {what}, batch {batch} | {ours_:.0f} tokens/s | {theirs_:.0f} tokens/s | {ours_ / theirs_:.2f} |")
