"""Trials of the demonstration's settings, without the rest of the house: the child learns, its parent
is this script. Needs `cargo build --release -p trainer --example child`.

    python3 bench/distill/trial.py CHILD MODEL FOLDER SETTINGS.json [HOLDOUT_ROWS]

SETTINGS has `stages`, a list of jobs' fields (`stage`, `steps`, `learning`, ...); what is left out is
as in `DEFAULT`. Prints one line a step and, after each stage, how many held-out answers are right."""

import json
import os
import pathlib
import subprocess
import sys
import time

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here))
from score import first_object  # noqa: E402

SAMPLING = {"max_tokens": 48, "temperature": 1.0, "stop": ["}"], "keep_stop": True, "slots": 64}
DEFAULT = {
    "seed": 1,
    "learning": {
        "batch": 16, "samples": 1, "rate": {"rate": 1e-3}, "loss": {"kind": "reverse_kl"}, "rows": 1024,
    },
    "sampling": SAMPLING,
}


def say(child, job):
    child.stdin.write(json.dumps({"order": "job", "version": 1} | job) + "\n")
    child.stdin.flush()


def reports(program, job):
    child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    say(child, job)
    for line in child.stdout:
        report = json.loads(line)
        yield report
        if report["report"] == "failed":
            raise SystemExit(report)
    child.stdin.close()
    child.wait()


def items(folder, name, rows, answers=None):
    sides = {side: (here / f"{side}.txt").read_text() for side in ("student", "teacher")}
    path = folder / f"{name}.jsonl"
    with open(path, "w") as out:
        for row in rows:
            item = {"id": row["id"]}
            for side, template in sides.items():
                item[side] = {"text": template.format(sentence=row["sentence"])}
            if answers is not None:
                if row["id"] not in answers:
                    continue
                item["answer"] = answers[row["id"]]
            out.write(json.dumps(item) + "\n")
    return str(path)


def answers(program, folder, model, student, path, who, seed=1, **more):
    job = {
        "job": "answer", "folder": str(folder), "items": path, "seed": seed, "who": who,
        "student": student, "teacher": model, "sampling": SAMPLING | {"temperature": 0.0},
    } | more
    out = []
    for report in reports(program, job):
        if report["report"] == "answers":
            out += report["answers"]
    return out


def evaluate(program, folder, model, student, path, rows, who, seed):
    started = time.time()
    given = {a["item"]: a for a in answers(program, folder, model, student, path, who, seed)}
    right = sum(first_object(given[r["id"]]["text"]) == json.loads(r["answer"]) for r in rows)
    tokens = sum(a["prompt_tokens"] for a in given.values()) / len(given)
    print(f"== {who}: {right} of {len(rows)} exact, {right / len(rows):.3f}; {tokens:.0f} prompt tokens; "
          f"{time.time() - started:.0f} s", flush=True)
    return right / len(rows)


def main(program, model, folder, settings, count=200):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings = DEFAULT | json.loads(pathlib.Path(settings).read_text())
    read = lambda name: [json.loads(line) for line in open(here / f"{name}.jsonl")]
    train, holdout = read("train")[: settings.get("rows", 1000)], read("holdout")[:count]
    held = items(folder, "holdout", holdout)
    student = {"model": model} | settings.get("student", {})
    seed, begin, clock = settings["seed"], None, 0.0
    for stage in settings["stages"]:
        started = time.time()
        path = items(folder, "items", train)
        if stage["stage"] == "cold_start":
            rows = train[: stage.pop("collect")]
            some = items(folder, "collect", rows)
            told = answers(program, folder, model, student, some, "teacher", seed)
            kept = {a["item"]: a["text"] for a in told if a["ending"] == "stop"}
            path = items(folder, "cold", rows, kept)
            print(f"   collected {len(kept)} of {len(told)} answers in {time.time() - started:.0f} s", flush=True)
        job = {
            "job": "learn", "folder": str(folder), "items": path, "seed": seed, "student": student,
            "teacher": {"kind": "local", "model": model}, "checkpoint_every": 1000, "begin": begin,
            "sampling": settings["sampling"],
        } | stage
        job["learning"] = DEFAULT["learning"] | stage.get("learning", {})
        for report in reports(program, job):
            if report["report"] == "step":
                m, s = report["metrics"], report["seconds"]
                show = lambda name: "-" if m[name] is None else f"{m[name]:.3f}"
                print(f"   {report['step']:3} loss {m['loss']:.4f} kl {show('kl')} entropy {show('entropy')} "
                      f"length {m['length']:.1f} cut {show('cut')} overlap {show('overlap')} "
                      f"norm {m['gradient_norm']:.2f} tokens {m['tokens']}; s: sample {s['sampling']:.1f} "
                      f"score {s['scoring']:.1f} learn {s['learning']:.1f} refresh {s['refreshing']:.1f}", flush=True)
            elif report["report"] == "checkpoint":
                begin = report["place"]
        clock += time.time() - started
        print(f"   {job['stage']}: {time.time() - started:.0f} s, all so far {clock:.0f} s", flush=True)
        evaluate(program, folder, model, student, held, holdout, "student", seed)
    for who in settings.get("also", []):
        evaluate(program, folder, model, student, held, holdout, who, seed)


if __name__ == "__main__":
    main(*sys.argv[1:5], *(int(a) for a in sys.argv[5:6]))
