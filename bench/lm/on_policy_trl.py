"""TRL's side of `on_policy.py`: its stable `DistillationTrainer`, one training step a line of standard input.

    python on_policy_trl.py STUDENT TEACHER {full,lora} TOKENS THREADS PROMPTS.json [checkpointing]

STUDENT and TEACHER are folders of transformers. The trainer runs its own loop; a callback holds it before
each step until a line comes, and prints a line of JSON after it. Answers have TOKENS tokens each:
`min_new_tokens` forbids end tokens. bf16, on by default, is off, and so is gradient checkpointing, which
only costs it time here, unless the last argument asks for it. Peak memory counts from the moment when the
models are loaded.
"""
import json
import os
import sys
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = "1"

import datasets
import peft
import torch
import transformers
import trl

student, teacher, mode, tokens, threads, prompts = sys.argv[1:7]
tokens, threads = int(tokens), int(threads)
torch.set_num_threads(threads)
with open(prompts) as file:
    prompts = json.load(file)
# Lines of JSON are all that may be written to standard output.
out, sys.stdout = sys.stdout, sys.stderr


def say(value):
    print(json.dumps(value), file=out, flush=True)


def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


class Turns(transformers.TrainerCallback):
    """Waits for its turn before a step, tells about it after."""

    def on_train_begin(self, *_, **__):
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
        about = {"trl": trl.__version__, "torch": torch.__version__, "transformers": transformers.__version__}
        say({"about": {**about, "peft": peft.__version__, "threads": threads, "type": "f32"}})

    def on_step_begin(self, args, state, control, **_):
        if not sys.stdin.readline():
            os._exit(0)
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def on_step_end(self, args, state, control, **_):
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        count = sum(map(len, trainer.answers))
        say({"wall": wall, "cpu": cpu, "sampling": trainer.sampling, "tokens": count, "loss": trainer.loss,
             "peak": peak(), "answers": trainer.answers})


class Trainer(trl.DistillationTrainer):
    """Keeps what a step sampled, and its loss."""

    def _generate_single_turn(self, *args, **kwargs):
        start = time.perf_counter()
        self.answers = super()._generate_single_turn(*args, **kwargs)
        self.sampling = time.perf_counter() - start
        return self.answers

    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        self.loss = float(loss)
        return loss


settings = trl.DistillationConfig(
    output_dir=tempfile.mkdtemp(),
    per_device_train_batch_size=len(prompts),
    gradient_accumulation_steps=1,
    max_steps=1_000_000,
    max_completion_length=tokens,
    generation_kwargs={"min_new_tokens": tokens},
    shuffle_dataset=False,
    beta=1.0,  # The reverse divergence, the default.
    temperature=1.0,
    learning_rate=1e-5,
    lr_scheduler_type="constant",
    weight_decay=0.0,
    max_grad_norm=1.0,
    bf16=False,
    gradient_checkpointing="checkpointing" in sys.argv[7:],
    use_cpu=True,
    dataloader_pin_memory=False,
    save_strategy="no",
    report_to="none",
    disable_tqdm=True,
    logging_strategy="no",
    model_init_kwargs={"dtype": "float32"},
    teacher_model_init_kwargs={"dtype": "float32"},
)
lora = None
if mode == "lora":
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    lora = peft.LoraConfig(r=16, lora_alpha=32, target_modules=targets)
trainer = Trainer(
    model=student,
    teacher_model=teacher,
    args=settings,
    train_dataset=datasets.Dataset.from_dict({"prompt": prompts}),
    callbacks=[Turns()],
    peft_config=lora,
)
trainer.train()
