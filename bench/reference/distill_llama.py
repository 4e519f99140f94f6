"""A check: llama.cpp loads the student that a run exported, and writes what our engine wrote.

    python3 bench/reference/distill_llama.py RUN_FOLDER LLAMA_CPP_BIN [COUNT]

RUN_FOLDER is a held run's, such as `make demo-distill` leaves under runs/. Its last evaluation has the
student's own greedy answers to the hold-out, as the engine wrote them in f32; llama.cpp's
`llama-completion` answers the first COUNT prompts (20) by `student-f16.gguf`, greedily, as many tokens.
Texts are compared to the byte up to the first `}`. Ends with 1 where fewer than nine of ten agree: f16 and
another order of sums may turn a token where two are equally likely.
"""

import json
import pathlib
import subprocess
import sys


def answer(program, model, prompt, tokens):
    command = [program, "-m", model, "-p", prompt, "-n", str(tokens), "--temp", "0"]
    command += ["-no-cnv", "-t", "1", "--no-display-prompt", "--no-escape"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    if run.returncode:
        raise SystemExit(f"llama.cpp does not load {model}: {run.stderr[-500:]}")
    return run.stdout


def cut(text):
    head, stop, _ = text.partition("}")
    return head + stop


def main(run, binaries, count="20"):
    run = pathlib.Path(run)
    places = {}
    for file in (run / "answers").glob("student-*.json"):
        stage, step, rolled = file.stem.removeprefix("student-").rsplit("-", 2)
        places[(stage.startswith("on"), int(rolled), int(step))] = file
    ours = json.loads(places[max(places)].read_text())
    prompts = {}
    for line in (run / "holdout.jsonl").read_text().splitlines():
        item = json.loads(line)
        prompts[item["id"]] = item["student"].get("text")
    agree, asked = 0, 0
    for told in ours[: int(count)]:
        prompt = prompts[told["item"]]
        if prompt is None:
            raise SystemExit("the run's prompts are messages: this check compares raw text")
        asked += 1
        theirs = answer(
            pathlib.Path(binaries) / "llama-completion", run / "student/student-f16.gguf", prompt, told["tokens"] + 4
        )
        # An answer that was cut at the most tokens is a beginning.
        ended = told["ending"] != "length"
        same = cut(theirs) == cut(told["text"]) if ended else theirs.startswith(told["text"])
        if same:
            agree += 1
        else:
            print(f"{told['item']}: ours {cut(told['text'])!r}, llama.cpp's {cut(theirs)!r}")
    print(f"llama.cpp loads {places[max(places)].stem}'s student-f16.gguf; {agree} of {asked} greedy answers are the same text")
    return 0 if asked and 10 * agree >= 9 * asked else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
