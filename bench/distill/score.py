"""How many answers are right: python3 bench/distill/score.py ANSWERS.jsonl [SHOW]

Reads what the example `extract` of `lm` prints, counts the answers whose first object is the
expected one, and shows SHOW of the others."""

import collections
import json
import sys


def first_object(text):
    start = text.find("{")
    try:
        return json.JSONDecoder().raw_decode(text[start:])[0] if start >= 0 else {}
    except ValueError:
        return {}


def main(path, show=0):
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    exact, patterns, fields = 0, collections.Counter(), collections.Counter()
    for row in rows:
        wanted, given = json.loads(row["answer"]), first_object(row["given"])
        right = wanted == given
        exact += right
        patterns[row["pattern"]] += right
        fields.update(name for name in wanted if given.get(name) == wanted[name])
        if not right and show:
            show -= 1
            print(row["sentence"], "=>", row["given"].replace("\n", "\\n"))
    n = len(rows)
    mean = lambda name: sum(row[name] for row in rows) / n
    print(f"exact {exact / n:.3f} of {n}; by field", {k: round(v / n, 2) for k, v in fields.items()})
    print(f"tokens: prompt {mean('prompt_tokens'):.1f}, answer {mean('answer_tokens'):.1f}")
    print("right by pattern", dict(patterns))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
