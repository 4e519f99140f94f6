"""TRL's client of a served teacher, unmodified, against the running server under a grant.

    scripts/test-clients.sh --instead PYTHON bench/reference/trl_served.py [--record FILE] [--train]

TRL sends no credential, so that its base URL is `/g/<token>` of the gateway. Its `VLLMClient` waits for
`/health`, takes the model's name from `/v1/models`, and asks `/v1/completions` for `prompt_logprobs` of
batches of token ids, at a temperature. What it makes of the answers is held against transformers' own
log-probabilities of the same file in f32: the likeliest tokens, and the token that is there.

TRL refuses to make the client unless the package `vllm` is installed, which it needs for weight transfer
and for a student that vLLM samples in process. So an import-only stub of `vllm` is put on the path: a
version, `get_ip`, and names that are imported and never called. Nothing of TRL is changed.

`--train` also runs two steps of TRL's `ServerDistillationTrainer` against the same server.
`--record FILE` writes what was asked and answered, for the test that replays it (crates/gateway).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
os.environ.update(TRL_EXPERIMENTAL_SILENCE="1", WANDB_DISABLED="true")

MODEL, MARGIN = "smollm2-135m", 0.02
TEXTS = [
    ("The capital of France is", " Paris, a city on the Seine."),
    ("2 + 2 =", " 4"),
    ("Once upon a time there was a fox who", " could not sleep at night"),
]
STUB = {
    "vllm/__init__.py": "__version__ = '0.27.0'\nclass LLM: pass\nclass RequestOutput: pass\nclass SamplingParams: pass\n",
    "vllm/sampling_params.py": "class StructuredOutputsParams: pass\n",
    "vllm/utils/__init__.py": "",
    "vllm/utils/network_utils.py": "def get_ip():\n    return '127.0.0.1'\n",
    "vllm/distributed/__init__.py": "",
    "vllm/distributed/weight_transfer/__init__.py": "",
    "vllm/distributed/weight_transfer/nccl_engine.py":
        "class NCCLTrainerSendWeightsArgs: pass\nclass NCCLWeightTransferEngine: pass\n",
    "vllm-0.27.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: vllm\nVersion: 0.27.0\n",
}


def stub(folder):
    for name, text in STUB.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    sys.path.insert(0, str(folder))


def grant(house, tier="score", tokens=1_000_000):
    command = [*house["command"], "grant", "issue", "--account", "main", "--teacher", MODEL, "--tier", tier]
    command += ["--purpose", "TRL's served teacher", "--budget-tokens", str(tokens), "--expires", "1h"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: {done.stderr or done.stdout}")
    return json.loads(done.stdout)["token"]


def recording(requests, log, token):
    """Notes what goes over the wire, below whatever client."""
    send = requests.Session.send

    def noted(self, request, **options):
        answer = send(self, request, **options)
        kept = ("accept", "content-type", "authorization", "user-agent")
        log.append({
            "method": request.method,
            "path": request.path_url.replace(token, "<token>"),
            "headers": {name.lower(): value for name, value in request.headers.items() if name.lower() in kept},
            "body": json.loads(request.body) if request.body else None,
            "status": answer.status_code,
            "answer": answer.json(),
        })
        return answer

    requests.Session.send = noted


def compare(told, sequences, prompts, model, top, temperature):
    """The largest distance to transformers' own, in nats, and how many values were compared."""
    import torch

    worst, count = 0.0, 0
    for number, (sequence, first) in enumerate(zip(sequences, prompts, strict=True)):
        with torch.no_grad():
            logits = model(torch.tensor([sequence])).logits[0].float() / temperature
        expected = torch.log_softmax(logits, dim=-1)
        for at, position in enumerate(range(first, len(sequence))):
            row = expected[position - 1]
            ids, values = told["logprob_token_ids"][number][at], told["logprobs"][number][at]
            actual = told["actual_logprobs"][number][at][0]
            best = torch.topk(row, top).values
            pairs = [(value, row[id_].item()) for id_, value in zip(ids, values, strict=True)]
            pairs += list(zip(values, best.tolist(), strict=True))
            if actual != float("-inf"):
                pairs.append((actual, row[sequence[position]].item()))
            elif sequence[position] in ids:
                sys.exit("error: the token that is there is among the likeliest, and was not told")
            worst = max([worst, *(abs(a - b) for a, b in pairs)])
            count += len(pairs)
    return worst, count


def train(house, token, tokenizer, file, folder):
    """Two steps of TRL's own trainer; its loss must be finite and its teacher ours."""
    import datasets
    import transformers
    from trl.experimental.server_distillation import ServerDistillationConfig, ServerDistillationTrainer

    student = transformers.AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype="float32")
    rows = [{"prompt": [{"role": "user", "content": text}]} for text, _ in TEXTS]
    settings = ServerDistillationConfig(
        output_dir=str(folder), max_steps=2, per_device_train_batch_size=1, gradient_accumulation_steps=1,
        teacher_model_server_url=f"{house['url']}/g/{token}", loss_top_k=1, beta=1.0, temperature=0.9,
        max_completion_length=8, report_to="none", save_strategy="no", logging_steps=1, use_cpu=True,
        bf16=False, learning_rate=1e-6, disable_tqdm=True,
    )
    trainer = ServerDistillationTrainer(
        model=student, args=settings, train_dataset=datasets.Dataset.from_list(rows), processing_class=tokenizer
    )
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    print(f"ServerDistillationTrainer: losses {losses}")
    if len(losses) != 2 or not all(loss == loss and abs(loss) < 1e3 for loss in losses):
        sys.exit("error: TRL's trainer did not take two steps with a finite loss")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--record", type=Path)
    arguments.add_argument("--train", action="store_true")
    arguments = arguments.parse_args()
    house = json.loads(os.environ["STILLHOUSE_CLIENTS"])
    file = Path(os.environ["STILLHOUSE_MODEL"])
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        stub(folder / "stub")
        import requests
        import transformers
        import trl
        from trl.generation.vllm_client import VLLMClient

        tokenizer = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        model = transformers.AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype="float32")
        token, log = grant(house), []
        recording(requests, log, token)
        client = VLLMClient(base_url=f"{house['url']}/g/{token}", connection_timeout=10)
        if client.model != MODEL:
            sys.exit(f"error: the client took {client.model!r} for the teacher")
        prompts = [tokenizer.encode(text, add_special_tokens=False) for text, _ in TEXTS]
        answers = [tokenizer.encode(text, add_special_tokens=False) for _, text in TEXTS]
        sequences = [a + b for a, b in zip(prompts, answers, strict=True)]
        lengths = [len(prompt) for prompt in prompts]
        for top, temperature, chunk in [(1, 1.0, 0), (5, 1.0, 0), (5, 0.7, 2), (100, 2.0, 1)]:
            recorded = len(log)
            told = client.get_sequence_logprobs(
                sequences, lengths, top_logprobs=top, temperature=temperature, chunk_size=chunk
            )
            worst, count = compare(told, sequences, lengths, model, top, temperature)
            print(f"top {top:3}, temperature {temperature}: {count} values, worst {worst:.5f} nats from transformers'")
            if worst > MARGIN:
                sys.exit(f"error: more than {MARGIN} nats from transformers'")
            if top == 100:
                del log[recorded:]
        narrow = VLLMClient(base_url=f"{house['url']}/g/{grant(house, tier='text')}")
        try:
            narrow.get_sequence_logprobs(sequences, lengths, top_logprobs=1)
        except Exception as error:
            if "capability_not_allowed" not in str(error):
                raise
        else:
            sys.exit("error: a grant of tier text told log-probabilities")
        print(f"TRL {trl.__version__}, transformers {transformers.__version__}: served under a grant, refused without")
        if arguments.record:
            log = [entry for entry in log if "<token>" in entry["path"]]
            lines = [json.dumps(entry, separators=(",", ":"), ensure_ascii=False) for entry in log]
            arguments.record.write_text("[\n" + ",\n".join(lines) + "\n]\n")
        if arguments.train:
            train(house, token, tokenizer, file, folder)


if __name__ == "__main__":
    main()
