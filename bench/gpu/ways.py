"""Four ways to train the same adapter on the same tweets, for the speed bench. Each gives real tokens a second and the peak."""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.gpu.shared import Bench, attention_backend, has_bf16, has_card, llama3, model_section, random_documents, training_section
from tweetstyle.train.library_output import without_ldconfig

PADDED_TO, CLASSIC_BATCH = 512, 4
DOCUMENTS = 8000


def ours(bench: Bench, steps: int) -> dict[str, Any]:
    """fit's own trainer with what it keeps of a run at each step; no validation falls into the time."""
    from tweetstyle.progress import TrainingProgress
    from tweetstyle.train import trainer
    from tweetstyle.train.callback import RunKeeper, Validation
    from tweetstyle.train.metrics import Metrics
    from tweetstyle.train.validation import Score

    base, training = llama3(bench), training_section(bench, max_steps=steps)
    loaded, tokenizer = trainer.load_model(base, model_section(base), training)
    with tempfile.TemporaryDirectory() as temporary, TrainingProgress(sys.stderr) as progress:
        directory = Path(temporary)
        built = trainer.build_trainer(loaded, tokenizer, trainer.sft_config(training, directory), _documents(bench, base))
        if missing := [sign for sign, there in trainer.signs_of_packing(built).items() if not there]:
            sys.exit(f"packing is off: {missing}")
        keeper = RunKeeper(training, directory, Metrics(directory / "metrics.jsonl"), Validation(lambda model: Score(1.0, 1, 1)), progress)
        built.add_callback(keeper)
        return _timed(built) | {"attention": attention_backend()}


def by_hand(bench: Bench, steps: int) -> dict[str, Any]:
    # isort: off
    with without_ldconfig():
        from unsloth import FastLanguageModel
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer
    # isort: on

    base, training, card = llama3(bench), training_section(bench), has_card()
    model, tokenizer = FastLanguageModel.from_pretrained(
        str(base.path), max_seq_length=training.max_length, dtype=torch.bfloat16 if has_bf16() else torch.float32, load_in_4bit=card,
        use_gradient_checkpointing="unsloth",
    )  # fmt: skip
    tokenizer.pad_token = base.pad_token
    lora = model_section(base).lora
    model = FastLanguageModel.get_peft_model(
        model, r=lora.r, lora_alpha=lora.lora_alpha, lora_dropout=0, target_modules=list(lora.target_modules),
        use_gradient_checkpointing="unsloth",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        config = SFTConfig(**_arguments(bench, directory, steps), max_length=training.max_length, packing=True)
        config.packing = True
        rows = Dataset.from_dict(_columns(_documents(bench, base)))
        return _timed(SFTTrainer(model=model, args=config, processing_class=tokenizer, train_dataset=rows))


def without_unsloth(bench: Bench, steps: int) -> dict[str, Any]:
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    base = llama3(bench)
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    tokenizer.pad_token = base.pad_token
    model, backend = _stock_model(bench)
    with tempfile.TemporaryDirectory() as directory:
        config = SFTConfig(**_arguments(bench, directory, steps), max_length=bench.length, packing=True)
        config.packing = config.padding_free = True
        rows = Dataset.from_dict(_columns(_documents(bench, base)))
        return _timed(SFTTrainer(model=model, args=config, processing_class=tokenizer, train_dataset=rows)) | {"attention": backend}


def classic(bench: Bench, steps: int) -> dict[str, Any]:
    import torch
    from datasets import Dataset
    from transformers import Trainer, TrainingArguments

    base, width = llama3(bench), min(bench.length, PADDED_TO)
    model, backend = _stock_model(bench)
    rows = []
    for document in _documents(bench, base)[: 2 * steps * 8 * CLASSIC_BATCH]:
        room = width - len(document.ids)
        mask = [1] * len(document.ids) + [0] * room
        rows.append({"input_ids": document.ids + [base.pad_id] * room, "attention_mask": mask, "labels": document.labels + [-100] * room})

    def collate(examples: list[dict]) -> dict:
        return {name: torch.tensor([example[name] for example in examples]) for name in examples[0]}

    with tempfile.TemporaryDirectory() as directory:
        arguments = TrainingArguments(**_arguments(bench, directory, steps) | {"per_device_train_batch_size": CLASSIC_BATCH})
        trainer = Trainer(model=model, args=arguments, train_dataset=Dataset.from_list(rows), data_collator=collate)
        return _timed(trainer) | {"attention": backend}


# -- what they share ----------------------------------------------------------------------------------------


def _documents(bench: Bench, base: Any) -> list:
    return random_documents(base, 200 if bench.tiny else DOCUMENTS, min(bench.length, PADDED_TO))


def _columns(documents: list) -> dict[str, list]:
    return {"input_ids": [document.ids for document in documents], "labels": [document.labels for document in documents]}


def _arguments(bench: Bench, directory: str, steps: int) -> dict[str, Any]:
    """The same for all that are written by hand."""
    training, card = training_section(bench), has_card()
    return {
        "output_dir": directory, "max_steps": steps, "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": training.gradient_accumulation_steps, "learning_rate": training.learning_rate,
        "optim": training.optim if card else "adamw_torch", "bf16": has_bf16(), "gradient_checkpointing": True, "logging_steps": 1,
        "gradient_checkpointing_kwargs": {"use_reentrant": False}, "save_strategy": "no", "report_to": "none", "disable_tqdm": True,
    }  # fmt: skip


def _stock_model(bench: Bench) -> tuple[Any, str]:
    """The base in NF4 with the adapter, by transformers, bitsandbytes and PEFT; FlashAttention 2 where it is installed."""
    import torch
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    from transformers.utils import is_flash_attn_2_available

    base, card = llama3(bench), has_card()
    lora = model_section(base).lora
    backend = "flash_attention_2" if card and is_flash_attn_2_available() else "sdpa"
    dtype = torch.bfloat16 if has_bf16() else torch.float32
    options: dict[str, Any] = {"dtype": dtype, "attn_implementation": backend}
    if card:
        four_bits = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True, "bnb_4bit_compute_dtype": dtype}
        options |= {"quantization_config": BitsAndBytesConfig(load_in_4bit=True, **four_bits), "device_map": "cuda"}
    model = AutoModelForCausalLM.from_pretrained(base.path, **options)
    if card:
        model = prepare_model_for_kbit_training(model, gradient_checkpointing_kwargs={"use_reentrant": False})
    adapter = LoraConfig(r=lora.r, lora_alpha=lora.lora_alpha, target_modules=list(lora.target_modules), task_type="CAUSAL_LM")
    return get_peft_model(model, adapter), backend


def _timed(trainer: Any) -> dict[str, Any]:
    """Trains. Real tokens (where loss or not, padding apart) a second of all steps but the first, which warms up; the peak."""
    import torch
    from transformers import TrainerCallback

    times, tokens = [], []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.on_step_end()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if has_card():
                torch.cuda.synchronize()
            times.append(time.perf_counter())

    def step(model: Any, inputs: dict, *rest: Any, **more: Any) -> Any:
        mask = inputs.get("attention_mask")
        tokens.append(int(inputs["input_ids"].numel() if mask is None else mask.sum()))
        return real_step(model, inputs, *rest, **more)

    real_step, trainer.training_step = trainer.training_step, step
    trainer.add_callback(Clock())
    trainer.train()
    in_step = trainer.args.gradient_accumulation_steps
    # Batches are fetched before a step begins: from the end of the first step on, so that fetching counts.
    seconds = times[-1] - times[1]
    real = sum(tokens[in_step:])
    peak = torch.cuda.max_memory_allocated() if has_card() else None
    return {"tokens_per_second": round(real / seconds, 1), "tokens": real, "seconds": round(seconds, 3), "peak_bytes": peak}
