"""Rows and the two prompts as the trainer's items: python3 bench/distill/items.py ROWS > ITEMS.jsonl"""

import json
import pathlib
import sys

here = pathlib.Path(__file__).parent
sides = {side: (here / f"{side}.txt").read_text() for side in ("student", "teacher")}
for line in open(sys.argv[1], encoding="utf-8"):
    row = json.loads(line)
    item = {"id": row["id"]}
    for side, template in sides.items():
        item[side] = {"text": template.format(sentence=row["sentence"])}
    if "answer" in row:
        item["answer"] = row["answer"]
    print(json.dumps(item))
