"""What is computed in the same words on the emulated card and on the CPU, to be held side by side. Plain data in and out.

Imports unsloth.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.small_runs import inst_template, small_training

from tweetstyle.dataset.examples import read_documents, read_held_out
from tweetstyle.inference.forward import input_device
from tweetstyle.inference.generate import generate
from tweetstyle.model.base import read_base_model
from tweetstyle.recipe import Lora, Model, Sampling, Training
from tweetstyle.train import trainer as product
from tweetstyle.train.validation import score

STEPS = 4
TRAINING = {"max_length": 96, "max_steps": STEPS, "gradient_accumulation_steps": 2, "learning_rate": 2e-3, "eval_steps": 4, "save_steps": 4}


def _loaded(base_dir: str, data: str, method: str, training: Training) -> tuple[Any, list[Any], Any, Callable[..., Any]]:
    """Base model, training tweets, the model with an adapter of rank 4, and what makes the product's trainer of it in a directory."""
    base = read_base_model(Path(base_dir))
    documents = read_documents(base, inst_template(base.path), Path(data) / "train.jsonl", training.max_length)
    model = Model(base=base.path, method=method, lora=Lora(r=4, lora_alpha=8))
    loaded, tokenizer = product.load_model(base, model, training)

    def trainer(directory: str, documents: list[Any] = documents) -> Any:
        return product.build_trainer(loaded, tokenizer, product.sft_config(training, Path(directory)), documents)

    return base, documents, loaded, trainer


def training_of(base_dir: str, data: str, method: str, directory: str, bf16: bool = True, checkpointing: Any = "unsloth") -> dict[str, Any]:
    """Some steps of the product's own trainer without dropout.

    losses: of each step; bits: per byte on the validation tweets, before and after; gradients: of each step, flat, in the order of the
    parameters' names, in `directory`/gradients.npy; apart, mixed: see `isolation`.
    """
    import numpy as np
    import torch
    from transformers import TrainerCallback

    training = small_training(**TRAINING, bf16=bf16, gradient_checkpointing=checkpointing)
    base, _, loaded, trainer_in = _loaded(base_dir, data, method, training)
    held_out = read_held_out(base, inst_template(base.path), Path(data) / "validation.jsonl", training.max_length)
    trainer = trainer_in(directory)
    losses, gradients = [], []

    class Watch(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, model, **_):
            named = sorted((name, p.grad) for name, p in model.named_parameters() if p.grad is not None)
            gradients.append(torch.cat([grad.detach().float().cpu().flatten() for _, grad in named]).numpy())

        def on_log(self, args, state, control, logs, **_):
            if "loss" in logs:
                losses.append(logs["loss"])

    trainer.add_callback(Watch())
    before = score(loaded, held_out, base.pad_id).bits_per_byte
    apart, mixed = isolation(trainer)
    trainer.train()
    np.save(Path(directory) / "gradients.npy", np.stack(gradients))
    bits = [before, score(trainer.model, held_out, base.pad_id).bits_per_byte]
    devices = sorted({str(p.device) for p in trainer.model.parameters()})
    return {"losses": losses, "bits": bits, "apart": apart, "mixed": mixed, "devices": devices}


def isolation(trainer: Any) -> tuple[float, float]:
    """Largest difference of a logit of the first pack of several documents from that of its document alone: packed, and without bounds."""
    import torch

    batch = next(batch for batch in trainer.get_train_dataloader() if (batch["position_ids"] == 0).sum() > 1)
    device = input_device(trainer.model)
    batch = {name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in batch.items()}
    ids = batch["input_ids"]
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    starts = [*(batch["position_ids"][0] == 0).nonzero().flatten().tolist(), ids.shape[1]]
    packed, mixed = _logits(trainer, **inputs), _logits(trainer, input_ids=ids)
    apart = together = 0.0
    for begin, end in zip(starts[1:], starts[2:], strict=False):
        alone = _logits(trainer, input_ids=ids[:, begin:end])[0]
        apart = max(apart, (packed[0, begin:end] - alone).abs().max().item())
        together = max(together, (mixed[0, begin:end] - alone).abs().max().item())
    return apart, together


def _logits(trainer: Any, **inputs: Any) -> Any:
    import torch

    trainer.model.eval()
    with torch.no_grad(), trainer.compute_loss_context_manager():
        logits = trainer.model(**inputs, use_cache=False).logits.float().cpu()
    trainer.model.train()
    return logits


def precision_of(base_dir: str, data: str, method: str, directory: str) -> str:
    """That in which accelerate lets a trainer with bf16: false compute."""
    trainer = _loaded(base_dir, data, method, small_training(bf16=False))[3](directory)
    return f"{trainer.accelerator.mixed_precision}, bf16 {trainer.args.bf16}, fp16 {trainer.args.fp16}"


def with_embeddings_in_ram(base_dir: str, data: str, method: str, directory: str) -> dict[str, Any]:
    """With the embeddings on the card and, after Unsloth has moved them, in RAM: where they are, nats, ids of samples, loss of a step."""
    from unsloth.models.vision import offload_input_embedding

    training = small_training(max_steps=1, gradient_checkpointing="unsloth")
    base, documents, loaded, trainer_in = _loaded(base_dir, data, method, training)
    beginning, documents, found = product.trained_weights(loaded), documents[:8], {}
    for place in ("card", "ram"):
        if place == "ram":
            offload_input_embedding(loaded)
        trainer = trainer_in(directory, documents)
        nats = score(trainer.model, documents, base.pad_id).nll
        prompts, sampling = [document.ids[:9] for document in documents[:2]], Sampling(num_predict=2)
        samples = generate(trainer.model, prompts, sampling, [base.eos_id], [(0, 0), (0, 1)])
        loss = trainer.train().training_loss
        device = loaded.get_input_embeddings().weight.device.type
        found[place] = {"device": device, "nats": nats, "samples": [answer.ids for answer in samples], "loss": loss}
        del trainer
        product.begin_again(loaded, beginning)
    return found


def command(*arguments: str) -> None:
    """`tweetstyle-fit` in this process."""
    import os
    import sys

    from tweetstyle.cli import fit_command

    sys.stdin = open(os.devnull)  # noqa: SIM115

    fit_command.main(list(arguments), prog_name="tweetstyle-fit")


def trained_again(recipe: str, directory: str) -> None:
    """The training of a recipe whose tweets are prepared, from its beginning, into another directory and without the probe."""
    from tweetstyle.run import Run
    from tweetstyle.train import FitInputs, fit

    run = Run(Path(recipe))
    training = run.recipe.training.model_copy(update={"probe": "never"})
    splits = run.split(training.split), run.split("validation")
    fit(FitInputs(run.base, run.template, run.recipe.model, training, splits), Path(directory))


def self_check() -> dict[str, Any]:
    """What says that this process has the card, and that what it computes is right."""
    import torch
    import triton
    import unsloth
    from unsloth.utils import attention_dispatch

    ours, host = torch.ones(3, device="cuda"), torch.ones(3)
    try:
        ours + host
        mixed = ""
    except RuntimeError as error:
        mixed = str(error)
    try:
        torch.empty(13 * 2**30, dtype=torch.uint8, device="cuda")
        beyond = ""
    except torch.OutOfMemoryError as error:
        beyond = str(error)
    held = torch.cuda.memory_allocated()
    kept = torch.zeros(2**20, device="cuda")
    counted = torch.cuda.memory_allocated() - held
    del kept
    freed = torch.cuda.memory_allocated() - held
    return {
        "unsloth": unsloth.DEVICE_TYPE, "interpreter": triton.knobs.runtime.interpret, "devices": [str(ours.device), str(host.device)],
        "result": str((ours + ours).device), "mixed": mixed, "beyond": beyond, "counted": counted,
        "freed": freed,
        "norms": [norm_error(width) for width in (64, 192)],
        "attention": flash_against_sdpa(),
        "packed_attention": attention_dispatch.select_attention_backend(use_varlen=True),
    }  # fmt: skip


def norm_error(width: int) -> float:
    """Largest relative error of Unsloth's RMS norm in bfloat16: 64 columns are calculated in many rows at a time, 192 in one."""
    import torch
    from unsloth.kernels.rms_layernorm import Fast_RMS_Layernorm

    x, weight = (torch.randn(70, width, device="cuda") * 3).bfloat16(), torch.randn(width, device="cuda").bfloat16()
    exact = (x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-5)) * weight.float()
    off = Fast_RMS_Layernorm.apply(x, weight, 1e-5, False).float() - exact
    return (off.abs() / exact.abs().clamp(min=1e-2)).max().item()


def flash_against_sdpa() -> list[float]:
    """Largest differences of output and gradients of the emulated flash attention from SDPA's, over one document, in fp32."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    q, k, v = (torch.randn(7, heads, 8, device="cuda") for heads in (4, 2, 2))
    grad, bounds = torch.randn_like(q), torch.tensor([0, 7], dtype=torch.int32, device="cuda")
    forward, backward = torch.ops.aten._flash_attention_forward, torch.ops.aten._flash_attention_backward
    out, lse, seed, offset, _ = forward(q, k, v, bounds, bounds, 7, 7, 0.0, True, False)
    found = [out, *backward(grad, q, k, v, out, lse, bounds, bounds, 7, 7, 0.0, True, seed, offset)]
    q, k, v = (x.transpose(0, 1).cpu().requires_grad_() for x in (q, k, v))
    expected = scaled_dot_product_attention(q, k.repeat_interleave(2, 0), v.repeat_interleave(2, 0), is_causal=True)
    wanted = [expected, *torch.autograd.grad(expected, (q, k, v), grad.transpose(0, 1).cpu())]
    return [(ours.cpu() - theirs.transpose(0, 1)).abs().max().item() for ours, theirs in zip(found, wanted, strict=True)]
