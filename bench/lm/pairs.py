"""Two programs that do the same work, turn by turn: the one helper of the comparisons in this folder.

A program prints a line of JSON about itself (`{"about": {...}}`), then waits; for each line on its
standard input it works once and prints a line of JSON with at least `wall` and `cpu` (seconds, of all
its threads) and `tokens`. Both are started and warmed up first; then they take turns, so that what else
the machine does meets both alike. Ratios are medians over the pairs; CPU seconds stand beside wall
seconds because a shared machine gives neither program both cores.
"""
import json
import os
import platform
import statistics
import subprocess


class Side:
    """One program."""

    def __init__(self, name, command, env=None):
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **(env or {})},
        )
        self.about = self.read()["about"]
        self.results = []

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with status {self.process.wait()}")
        return json.loads(line)

    def work(self, keep=True, line=""):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        result = self.read()
        if keep:
            self.results.append(result)
        return result

    def end(self):
        self.process.stdin.close()
        self.process.wait()

    def median(self, key):
        return statistics.median(r[key] for r in self.results)


def machine():
    """Processor, its vector instructions, cores, kernel."""
    with open("/proc/cpuinfo") as file:
        text = file.read()
    field = lambda name: next((l.split(":")[1].strip() for l in text.splitlines() if l.startswith(name)), "?")
    wanted = ("avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_tile")
    flags = [f for f in wanted if f in field("flags").split()]
    return {"processor": field("model name"), "flags": flags, "cores": os.cpu_count(), "kernel": platform.release()}


def compare(ours, peer, pairs=5, warm=1):
    """Takes turns; gives the medians and the ratios, ours to the peer's."""
    for _ in range(warm):
        ours.work(keep=False)
        peer.work(keep=False)
    load = []
    for _ in range(pairs):
        load.append(os.getloadavg()[0])
        ours.work()
        peer.work()
    out = {"pairs": pairs, "load": round(statistics.median(load), 1)}
    for side in (ours, peer):
        tokens = side.results[0]["tokens"]
        out[side.name] = {
            "about": side.about,
            "tokens/s": round(tokens / side.median("wall"), 1),
            "tokens/CPU s": round(tokens / side.median("cpu"), 1),
        }
        if "peak" in side.results[0]:
            out[side.name]["peak MB"] = round(max(r["peak"] for r in side.results) / 1e6)
    ratio = lambda key: statistics.median(p[key] / o[key] for o, p in zip(ours.results, peer.results))
    out["ratio wall"] = round(ratio("wall"), 2)
    out["ratio CPU"] = round(ratio("cpu"), 2)
    if all("peak MB" in out[side.name] for side in (ours, peer)):
        out["ratio peak"] = round(out[ours.name]["peak MB"] / out[peer.name]["peak MB"], 3)
    ours.end()
    peer.end()
    return out
