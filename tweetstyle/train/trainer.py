"""Unsloth's model and TRL's SFTTrainer. The only module that imports unsloth.

The caller sets the environment first (library_output.prepare_environment).
"""

# isort: off
import os

from tweetstyle.locale import _
from tweetstyle.train.library_output import without_ldconfig

with without_ldconfig():
    import unsloth
from unsloth import FastLanguageModel
from unsloth.kernels import utils as kernels
import torch
from bitsandbytes.optim import GlobalOptimManager
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase, set_seed
from trl import SFTConfig, SFTTrainer
from unsloth_zoo import gradient_checkpointing
# isort: on

import gc
from pathlib import Path

from tweetstyle.dataset.examples import Document, as_columns
from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.gpu import ON_THE_CPU, Card, cap_card_memory, find_card, withheld
from tweetstyle.model.base import BaseModel
from tweetstyle.plan.memory import CUDA_CONTEXT
from tweetstyle.recipe import Lora, Model, Training
from tweetstyle.train import packed_attention

CPU = not torch.cuda.is_available()


def check_device(model: Model) -> None:
    """Refuses what the machine cannot do: use its card, 4 bits without a working NF4 kernel."""
    if CPU and (card := find_card()):
        what = _("nvidia-smi shows the {card}, but torch cannot use it", card=card.name)
        first = _("restart the machine (needed after a driver update, and after some suspends), then run tweetstyle doctor")
        raise TweetstyleError(what, where=_("the card"), hint=f"{first}; {_(ON_THE_CPU)}")
    if CPU and model.method == "qlora":
        from unsloth_zoo.cpu import cpu_bnb_4bit_supported

        if not cpu_bnb_4bit_supported():
            what = _("there is no GPU, and bitsandbytes cannot compute in 4 bits on this CPU")
            raise TweetstyleError(what, where="model.method: qlora", hint=_("write method: lora, for a base model in 16 bits"))


def computes_in_bf16(training: Training) -> bool:
    """Whether autocast is to bfloat16: requested, and supported by the hardware; a CPU that only emulates it would be slower."""
    if not CPU:
        return training.bf16
    from unsloth_zoo.cpu import cpu_bf16_supported

    return training.bf16 and cpu_bf16_supported()


def load_model(base: BaseModel, model: Model, training: Training) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The base model ready to be trained, with the adapter of the recipe or with every weight free.

    Weights are held in fp32 on a CPU and for full fine-tuning (autocast computes in bf16 where that is on), else in bf16.
    """
    cap_card_memory()
    full, four_bit = model.method == "full", model.method == "qlora"
    exact = full or not training.bf16 or (CPU and not (four_bit and computes_in_bf16(training)))
    loaded, tokenizer = FastLanguageModel.from_pretrained(
        model_name=str(base.path.resolve()),
        max_seq_length=training.max_length,
        dtype=torch.float32 if exact else torch.bfloat16,
        load_in_4bit=four_bit,
        full_finetuning=full,
        use_gradient_checkpointing=training.gradient_checkpointing,
        random_state=training.seed,
        local_files_only=True,
        **({"attn_implementation": packed_attention.register()} if CPU else {}),
    )
    tokenizer.pad_token = base.pad_token
    return (loaded if full else _with_adapter(loaded, model.lora, training)), tokenizer


def _with_adapter(loaded: PreTrainedModel, lora: Lora, training: Training) -> PreTrainedModel:
    """LoRA on the recipe's linears, initialised as in the paper (A random, B zero): other initialisations rewrite the base."""
    return FastLanguageModel.get_peft_model(
        loaded,
        **lora.model_dump() | {"target_modules": list(lora.target_modules)},
        init_lora_weights=True,
        bias="none",
        use_gradient_checkpointing=training.gradient_checkpointing,
        random_state=training.seed,
        max_seq_length=training.max_length,
    )


def sft_config(training: Training, directory: Path) -> SFTConfig:
    """Every field that Unsloth, TRL and transformers set differently on a CPU and on a GPU, said once, for both."""
    bf16 = computes_in_bf16(training)
    config = SFTConfig(
        output_dir=str(directory),
        num_train_epochs=training.num_train_epochs,
        max_steps=training.max_steps,
        per_device_train_batch_size=training.per_device_train_batch_size,
        gradient_accumulation_steps=training.gradient_accumulation_steps,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.lr_scheduler_type,
        # Below 1 transformers takes it for a share of the steps.
        warmup_steps=training.warmup_ratio if training.warmup_steps is None else training.warmup_steps,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        adam_beta1=0.9,
        adam_beta2=0.999,
        adam_epsilon=1e-8,
        # 8-bit and paged optimizers have no CPU kernels; the states of an adapter are small there.
        optim="adamw_torch_fused" if CPU else training.optim,
        bf16=bf16,
        fp16=False,
        gradient_checkpointing=bool(training.gradient_checkpointing),
        gradient_checkpointing_kwargs={"use_reentrant": False} if training.gradient_checkpointing else None,
        seed=training.seed,
        data_seed=training.seed,
        max_length=training.max_length,
        packing=True,
        packing_strategy="bfd",
        padding_free=True,
        eval_packing=False,
        shuffle_dataset=False,
        # In one process: more would cut the tweets into other batches, and those into other packs than were planned.
        dataset_num_proc=None if CPU else 1,
        dataset_text_field="text",
        completion_only_loss=False,
        assistant_only_loss=False,
        loss_type="nll",
        logging_strategy="steps",
        logging_steps=training.logging_steps,
        logging_first_step=False,
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="non_padding",
        eval_strategy="no",
        save_strategy="steps",
        save_steps=training.save_steps,
        save_total_limit=None,
        load_best_model_at_end=False,
        torch_empty_cache_steps=None,
        auto_find_batch_size=False,
        dataloader_pin_memory=not CPU,
        dataloader_num_workers=0,
        dataloader_drop_last=False,
        report_to="none",
        disable_tqdm=True,
    )
    # On a CPU Unsloth turns packing off for fear of attention across documents. packed_attention keeps them apart: positions begin again
    # with each. tests/integration/test_training_model.py proves it.
    config.packing = config.padding_free = True
    return config


def build_trainer(loaded: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, config: SFTConfig, documents: list[Document]) -> SFTTrainer:
    """The trainer over the packed documents; what is trained is in fp32 (TRL casts a 4-bit model's adapter to bf16)."""
    set_seed(config.seed)
    if not CPU and not config.bf16:
        # Where the card has bfloat16, Unsloth turns its autocast on for a model in fp32; under this name it leaves it off.
        os.environ["UNSLOTH_MIXED_PRECISION"] = "bfloat16"
    trainer = SFTTrainer(model=loaded, args=config, train_dataset=Dataset.from_dict(as_columns(documents)), processing_class=tokenizer)
    for parameter in trainer.model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return trainer


def signs_of_packing(trainer: SFTTrainer) -> dict[str, bool]:
    """Each sign that rows are packed and documents kept apart → whether it is there."""
    return {
        "args.packing": bool(trainer.args.packing),
        "packing_strategy bfd": trainer.args.packing_strategy == "bfd",
        "padding-free batches": bool(getattr(trainer.data_collator, "padding_free", False)),
        "document lengths in the rows": "seq_lengths" in trainer.train_dataset.column_names,
        # With one, transformers takes a row for one document (github.com/huggingface/transformers/issues/46634).
        "batches without attention_mask": "attention_mask" not in trainer.data_collator([trainer.train_dataset[0]]),
    }


def trained_weights(loaded: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Copies in main memory of what is trained: a few hundred megabytes of an adapter, the whole model of `full`."""
    return {name: p.detach().to("cpu", copy=True) for name, p in loaded.named_parameters() if p.requires_grad}


def begin_again(loaded: PreTrainedModel, weights: dict[str, torch.Tensor] | None) -> None:
    """Leaves the model as if no trainer had been over it: without gradients and autocast's wrapper; and with these weights, if any.

    The trainer must be gone: the optimizer's states go with it.
    """
    for name, parameter in loaded.named_parameters():
        parameter.grad = None
        if weights and name in weights:
            parameter.data = weights[name].to(parameter.device, copy=True)
    # Without its mark accelerate wraps the forward pass again; with it the next trainer would compute without autocast.
    loaded.__dict__.pop("_is_accelerate_prepared", None)
    if (original := loaded.__dict__.pop("_original_forward", None)) is not None:
        loaded.forward = original
    release_memory()


def release_after_training() -> None:
    """Gives back what the libraries keep when the model is gone. The evaluation runs beside this process, and needs the room."""
    if CPU:
        return release_memory()
    # Buffers through which the layers' inputs went to RAM and back, as large as the longest batch: made again in their first size.
    if gradient_checkpointing.CPU_BUFFERS:
        gradient_checkpointing.initialize_unsloth_gradient_checkpointing()
    # Where a 4-bit weight was unpacked: 112 MiB of an 8B.
    kernels._SCRATCH.clear()
    release_memory()
    torch.accelerator.empty_host_cache()


def release_memory() -> None:
    """Gives back what a finished trainer held, which the next trainer or the evaluation needs."""
    # It keeps every embedding of a model that was trained by an 8-bit optimizer: 1 GiB of an 8B.
    GlobalOptimManager.get_instance().initialize()
    gc.collect()
    if not CPU:
        torch.cuda.empty_cache()


def card_memory() -> Card | None:
    """The card's memory and what other programs hold of it; None without a card."""
    if CPU:
        return None
    free, total = torch.cuda.mem_get_info()
    # What this process holds outside torch's allocator is CUDA's own context.
    others = max(total - free - torch.cuda.memory_reserved() - CUDA_CONTEXT, 0) + withheld(total)
    return Card(total, others, torch.cuda.get_device_name(), seen=True)


def device_name() -> str:
    return "CPU" if CPU else torch.cuda.get_device_name()


def device_in_words(config: SFTConfig) -> str:
    """The device and precision, for the screen."""
    precision = _("bfloat16 autocast") if config.bf16 else "float32"
    return f"{device_name()}, {precision}, Unsloth {unsloth.__version__}"
