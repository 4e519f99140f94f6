"""lm-evaluation-harness against the running server: its `local-completions` client, unchanged, must
get the log-probabilities of the f32 reference from /v1/completions with echo.

    scripts/test-clients.sh --instead PYTHON bench/reference/lm_eval_check.py

Two ways. First the harness's own client is handed token ids: prompts with the reference's greedy
continuation, and the prompts' own tokens. Then a task is made here and run as users run theirs, by
`simple_evaluate`, with a tokenizer taken from the model's file. Each sum of log-probabilities must
be within 0.05 nat a token of the reference, and every greedy continuation be seen as greedy.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

# Nothing here may go to the network.
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import lm_eval
import transformers
from lm_eval.models.openai_completions import LocalCompletionsAPI
from lm_eval.tasks import TaskManager

REFERENCE = Path(__file__).parents[2] / "crates/lm/tests/reference/greedy.json"
MODEL, MARGIN = "smollm2-135m", 0.05


def client(house, tokenizer):
    os.environ["OPENAI_API_KEY"] = house["keys"]["main"]
    return LocalCompletionsAPI(
        model=MODEL,
        base_url=f"{house['url']}/v1/completions",
        tokenizer_backend="huggingface",
        tokenizer=str(tokenizer),
        tokenized_requests=True,
        num_concurrent=1,
        max_retries=1,
        batch_size=4,
        max_length=2048,
    )


def compare(what, got, expected, tokens):
    off = abs(got - expected) / tokens
    print(f"{what[:48]!r:52} {got:10.4f} {expected:10.4f}   {off:.5f} nat a token")
    return off


def by_ids(lm, prompts):
    asked, expected = [], []
    for prompt in prompts:
        ids, greedy = prompt["ids"], prompt["greedy"]
        asked.append((("greedy", ""), ids, greedy))
        expected.append((prompt["text"], sum(prompt["logprobs"]), len(greedy), True))
        asked.append((("prompt", ""), ids[:1], ids[1:]))
        expected.append((prompt["text"], sum(prompt["echo"]), len(ids) - 1, None))
    answers = lm._loglikelihood_tokens(asked, disable_tqdm=True)
    worst = 0
    for (logprob, is_greedy), (text, sum_, tokens, greedy) in zip(answers, expected, strict=True):
        worst = max(worst, compare(text, logprob, sum_, tokens))
        if greedy and not is_greedy:
            sys.exit(f"error: the greedy continuation of {text!r} was not seen as greedy")
    return worst


def by_task(lm, tokenizer, prompts, folder):
    """Texts whose tokens are the same by themselves and joined: others have no one answer. Nor have
    those that end in white space, which the harness counts as the continuation's."""
    rows = []
    for prompt in prompts:
        if prompt["text"] != prompt["text"].rstrip():
            continue
        target = tokenizer.decode(prompt["greedy"])
        ids = tokenizer.encode(prompt["text"] + target, add_special_tokens=False)
        if ids == prompt["ids"] + prompt["greedy"]:
            row = {"text": prompt["text"], "target": target, "tokens": len(prompt["greedy"])}
            rows.append({**row, "sum": sum(prompt["logprobs"])})
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {
        "task": "continuations",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "output_type": "loglikelihood",
        "doc_to_text": "{{text}}",
        "doc_to_target": "{{target}}",
        "target_delimiter": "",
        "metric_list": [{"metric": "acc"}, {"metric": "perplexity"}],
    }
    results = lm_eval.simple_evaluate(
        model=lm, tasks=[task], task_manager=TaskManager(), log_samples=True, bootstrap_iters=0
    )
    worst = 0
    samples = results["samples"]["continuations"]
    for sample in samples:
        [(logprob, _)] = sample["filtered_resps"]
        row = sample["doc"]
        worst = max(worst, compare(row["text"], float(logprob), row["sum"], row["tokens"]))
    accuracy = results["results"]["continuations"]["acc,none"]
    if accuracy != 1 or len(samples) < 5:
        sys.exit(f"error: accuracy {accuracy} over {len(samples)} greedy continuations")
    return worst, len(samples)


def main():
    house = json.loads(os.environ["STILLHOUSE_CLIENTS"])
    file = Path(os.environ["STILLHOUSE_MODEL"])
    prompts = json.loads(REFERENCE.read_text())["prompts"]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        tokenizer.save_pretrained(folder / "tokenizer")
        lm = client(house, folder / "tokenizer")
        worst = by_ids(lm, prompts)
        task_worst, samples = by_task(lm, tokenizer, prompts, folder)
    print(f"lm_eval {lm_eval.__version__}: {2 * len(prompts)} sums by ids, worst {worst:.5f} nat a token;")
    print(f"a task of {samples} documents, worst {task_worst:.5f} nat a token")
    if max(worst, task_worst) > MARGIN:
        sys.exit(f"error: more than {MARGIN} nat a token from the reference")


if __name__ == "__main__":
    main()
