"""A check: pandas and pyarrow read what `distill::export` writes.

    cargo run --release -p distill --example curate -- files ROWS HOLDOUT FOLDER [FIELD...]
    python bench/reference/distill_export.py FOLDER

Both files must hold the same conversations, in the same order.
"""

import json
import pathlib
import sys

import pandas
import pyarrow.parquet

folder = pathlib.Path(sys.argv[1])
lines = [json.loads(line) for line in open(folder / "rows.jsonl", encoding="utf-8")]
table = pyarrow.parquet.read_table(folder / "rows.parquet")
print(table.schema)
frame = pandas.read_parquet(folder / "rows.parquet")
assert len(lines) == len(frame) == table.num_rows > 0
assert [line["messages"] for line in lines] == table["messages"].to_pylist()
assert [line["messages"] for line in lines] == [list(m) for m in frame["messages"]]
assert frame["id"].is_unique and frame["cluster"].ge(0).all()
assert frame.groupby("cluster")["part"].nunique().max() == 1, "a cluster on both sides"
print(frame["part"].value_counts().to_dict(), "rows; read alike by pandas", pandas.__version__, "and pyarrow", pyarrow.__version__)
