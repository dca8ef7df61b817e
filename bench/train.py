"""Real tokens a second of training on the sample tweets: ours, the classic script, and the same Unsloth + TRL call by hand.

    python bench/train.py [--rounds 5] [--steps 6]

Each variant runs in a process of its own, in turn, all in one run; the ratios are of the same round. Tokens are those of
prompts and tweets: padding is not counted. The first step of each, which warms up, is left out. Prints a table and writes
bench/results/train.json. A machine that does something else meanwhile spoils the figures.

ours       fit over recipes/demo.yaml: packs of 512, bf16 autocast where the CPU has it, no gradient checkpointing
classic    transformers' Trainer and PEFT, the same LoRA, every tweet padded to 512, batches of 2, fp32
by hand    Unsloth and TRL with the same settings as ours and nothing around them
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
RECIPE, RESULT = PROJECT / "recipes" / "demo.yaml", PROJECT / "bench" / "results" / "train.json"
VARIANTS = ("ours", "classic", "by hand")
GOALS = {"ours / classic": 8.0, "ours / by hand": 0.98}
LIBRARIES = ("torch", "unsloth", "unsloth_zoo", "trl", "transformers", "peft", "accelerate", "datasets")
PADDED_TO, CLASSIC_BATCH = 512, 2


class Case:
    """What all variants train on: the demo's recipe over the tweets in `data`, so many steps of it."""

    def __init__(self, data: Path, steps: int) -> None:
        from tweetstyle.model.base import read_base_model
        from tweetstyle.prompt.template import build_template
        from tweetstyle.recipe_yaml import read_recipe

        self.recipe, self.data = read_recipe(RECIPE), data
        self.base = read_base_model(self.recipe.model.base)
        self.template = build_template(self.recipe.prompt.format, self.recipe.prompt.style, self.base.tokens)
        once = {"max_steps": steps, "eval_steps": steps, "save_steps": steps, "logging_steps": 1}
        self.training = self.recipe.training.model_copy(update=once)

    def documents(self):
        from tweetstyle.dataset.examples import read_documents

        return read_documents(self.base, self.template, self.data / "train.jsonl", self.training.max_length)


# -- the variants: each gives back [(seconds, tokens)] of its steps -----------------------------------------


def ours(case: Case, directory: Path) -> list[tuple[float, int]]:
    from tweetstyle.train import FitInputs, fit

    splits = case.data / "train.jsonl", case.data / "validation.jsonl"
    fit(FitInputs(case.base, case.template, case.recipe.model, case.training, splits), directory)
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    before = [0, *(line["tokens"] for line in steps)]
    return [(line["seconds"], line["tokens"] - tokens) for line, tokens in zip(steps, before, strict=False)]


def classic(case: Case, directory: Path) -> list[tuple[float, int]]:
    import torch
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

    lora = case.recipe.model.lora
    model = AutoModelForCausalLM.from_pretrained(case.base.path, dtype=torch.float32)
    adapter = LoraConfig(
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=list(lora.target_modules),
        task_type="CAUSAL_LM",
    )
    rows = []
    for document in case.documents():
        room = PADDED_TO - len(document.ids)
        mask = [1] * len(document.ids) + [0] * room
        rows.append({"input_ids": document.ids + [case.base.pad_id] * room, "attention_mask": mask, "labels": document.ids + [-100] * room})
    arguments = TrainingArguments(
        output_dir=str(directory), per_device_train_batch_size=CLASSIC_BATCH, max_steps=case.training.max_steps,
        learning_rate=case.training.learning_rate, logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True,
        seed=case.training.seed, use_cpu=True,
    )  # fmt: skip
    clock = Clock()
    tokens = []

    def collate(examples):
        tokens.append(sum(sum(example["attention_mask"]) for example in examples))
        return {name: torch.tensor([example[name] for example in examples]) for name in examples[0]}

    trainer = Trainer(
        model=get_peft_model(model, adapter), args=arguments, train_dataset=Dataset.from_list(rows), data_collator=collate,
        callbacks=[clock.callback()],
    )  # fmt: skip
    trainer.train()
    return list(zip(clock.seconds(), tokens, strict=False))


def by_hand(case: Case, directory: Path) -> list[tuple[float, int]]:
    from tweetstyle.train.library_output import without_ldconfig

    # isort: off
    with without_ldconfig():
        from unsloth import FastLanguageModel
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer
    # isort: on

    lora, training = case.recipe.model.lora, case.training
    model, tokenizer = FastLanguageModel.from_pretrained(
        str(case.base.path.resolve()), max_seq_length=training.max_length, dtype=torch.float32, load_in_4bit=False,
        use_gradient_checkpointing=training.gradient_checkpointing,
    )  # fmt: skip
    tokenizer.pad_token = case.base.pad_token
    model = FastLanguageModel.get_peft_model(
        model, r=lora.r, lora_alpha=lora.lora_alpha, lora_dropout=lora.lora_dropout, target_modules=list(lora.target_modules),
        use_gradient_checkpointing=training.gradient_checkpointing, random_state=training.seed,
    )  # fmt: skip
    documents = case.documents()
    config = SFTConfig(
        output_dir=str(directory), max_steps=training.max_steps, per_device_train_batch_size=training.per_device_train_batch_size,
        gradient_accumulation_steps=training.gradient_accumulation_steps, learning_rate=training.learning_rate,
        warmup_steps=training.warmup_ratio if training.warmup_steps is None else training.warmup_steps,
        weight_decay=training.weight_decay, lr_scheduler_type=training.lr_scheduler_type,
        max_length=training.max_length, bf16=training.bf16, gradient_checkpointing=bool(training.gradient_checkpointing),
        optim="adamw_torch", seed=training.seed, logging_steps=1, save_strategy="no", report_to="none", disable_tqdm=True,
    )  # fmt: skip
    config.packing = True
    clock = Clock()
    trainer = SFTTrainer(
        model=model, args=config, processing_class=tokenizer, callbacks=[clock.callback()],
        train_dataset=Dataset.from_dict({"input_ids": [d.ids for d in documents], "labels": [d.labels for d in documents]}),
    )  # fmt: skip
    trainer.train()
    so_far = [0, *(int(line["num_tokens"]) for line in trainer.state.log_history if "loss" in line)]
    return list(zip(clock.seconds(), [after - before for before, after in zip(so_far, so_far[1:], strict=False)], strict=True))


class Clock:
    """The time at the beginning and after each step."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def callback(self):
        from transformers import TrainerCallback

        times = self.times

        class Ticks(TrainerCallback):
            def on_train_begin(self, *_, **__):
                times.append(time.perf_counter())

            def on_step_end(self, *_, **__):
                times.append(time.perf_counter())

        return Ticks()

    def seconds(self) -> list[float]:
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]


# -- the run ------------------------------------------------------------------------------------------------


def measure(variant: str, data: Path, steps: int) -> dict[str, float]:
    """Runs one variant in a process of its own."""
    arguments = [sys.executable, __file__, "--variant", variant, "--data", str(data), "--steps", str(steps)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "HF_HUB_OFFLINE": "1", "UNSLOTH_DISABLE_STATISTICS": "1"}
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=PROJECT, env=environment)
    if done.returncode:
        sys.exit(f"{variant} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    timed = json.loads(done.stdout.splitlines()[-1])[1:]
    seconds, tokens = sum(s for s, _ in timed), sum(t for _, t in timed)
    return {"tokens_per_second": round(tokens / seconds, 2), "steps": len(timed), "tokens": tokens, "seconds": round(seconds, 2)}


def run(rounds: int, steps: int) -> dict:
    from tweetstyle.prepare import prepare

    figures: dict[str, list[dict]] = {variant: [] for variant in VARIANTS}
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary)
        case = Case(data, steps)
        prepare(case.recipe.data, case.recipe.prompt, case.template, data)
        for number in range(rounds):
            # Each round begins with another variant, so that none always comes after the same one.
            for variant in VARIANTS[number % 3 :] + VARIANTS[: number % 3]:
                figures[variant].append(measure(variant, data, steps))
                print(f"round {number + 1}  {variant:8} {figures[variant][-1]}", flush=True)
    speeds = {variant: [figure["tokens_per_second"] for figure in figures[variant]] for variant in VARIANTS}
    ratios = {
        f"ours / {other}": sorted(a / b for a, b in zip(speeds["ours"], speeds[other], strict=True)) for other in ("classic", "by hand")
    }
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "threads": os.cpu_count(),
        "load_before": round(load_before, 2),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "median_tokens_per_second": {variant: round(statistics.median(values), 1) for variant, values in speeds.items()},
        "median_ratios": {name: round(statistics.median(values), 3) for name, values in ratios.items()},
        # One process is up to a tenth faster than the next with the same work: the range says how far a single round can be trusted.
        "ratios_from_to": {name: [round(values[0], 3), round(values[-1], 3)] for name, values in ratios.items()},
        "goals": GOALS,
        "rounds": figures,
    }


def cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sys.path.insert(0, str(PROJECT))
    os.chdir(PROJECT)
    if arguments.variant:
        variant = {"ours": ours, "classic": classic, "by hand": by_hand}[arguments.variant]
        with tempfile.TemporaryDirectory() as temporary:
            steps = variant(Case(arguments.data, arguments.steps), Path(temporary) / "run")
        print("\n" + json.dumps(steps))
        return
    result = run(arguments.rounds, arguments.steps)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    for name, ratio in result["median_ratios"].items():
        low, high = result["ratios_from_to"][name]
        print(f"{name:16} {ratio:6.2f}×  ({low:.2f} to {high:.2f}; goal at least {GOALS[name]}×)")


if __name__ == "__main__":
    main()
