"""A training step of transformers, PEFT and bitsandbytes over fake tensors, every byte counted: a second source for the memory plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from bitsandbytes.functional import QuantState
from bitsandbytes.nn import Linear4bit
from peft import LoraConfig, get_peft_model
from support.live_bytes import LiveBytes, nbytes, on_a_fake_cpu
from transformers import LlamaConfig, LlamaForCausalLM

from tweetstyle.model.config import read_shape

TARGETS = tuple(read_shape({"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8, "vocab_size": 8,
                            "max_position_embeddings": 8}).linears)  # fmt: skip


class TracedStep:
    """Forward and backward of one batch; the gradients stand before, as in an accumulation.

    method: as the recipe's; 4-bit and `lora` bases in 16 bits where `sixteen`, else weights in fp32. autocast: to bfloat16.
    resident: bytes of weights, adapter and gradients; after_forward, peak: bytes made since that stand at the forward's end, at most.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        method: str,
        *,
        r: int = 16,
        targets: Iterable[str] = TARGETS,
        sixteen: bool = False,
        autocast: bool = False,
        checkpointing: bool = False,
        batch: int = 1,
        length: int = 128,
    ) -> None:
        model = _model(config, method, r, targets, torch.bfloat16 if sixteen else torch.float32)
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model.train()
        with on_a_fake_cpu(model):
            states = _into_four_bits(model) if method == "qlora" else []
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.grad = torch.zeros_like(parameter)
            gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
            self.resident = nbytes([*model.parameters(), *gradients, *states])
            ids = torch.zeros(batch, length, dtype=torch.long)
            with LiveBytes() as counted:
                with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                    loss = model(input_ids=ids, labels=ids).loss
                self.after_forward = counted.live
                loss.backward()
                self.peak = counted.peak

    @property
    def whole(self) -> int:
        return self.resident + self.peak


def _model(config: Mapping[str, Any], method: str, r: int, targets: Iterable[str], dtype: torch.dtype) -> torch.nn.Module:
    torch.set_default_dtype(dtype)
    try:
        with torch.device("meta"):
            model = LlamaForCausalLM(LlamaConfig(**config, attn_implementation="sdpa", use_cache=False))
            if method == "qlora":
                model.is_loaded_in_4bit = True
                for layer in model.model.layers:
                    for parent in (layer.self_attn, layer.mlp):
                        for name, linear in list(parent.named_children()):
                            if isinstance(linear, torch.nn.Linear):
                                setattr(parent, name, Linear4bit(linear.in_features, linear.out_features, False, dtype, quant_type="nf4"))
            if method != "full":
                torch.set_default_dtype(torch.float32)
                model = get_peft_model(model, LoraConfig(r=r, target_modules=list(targets)), autocast_adapter_dtype=False)
                for name, parameter in model.named_parameters():
                    if "lora_" in name:
                        parameter.data = parameter.data.float()
                model.enable_input_require_grads()
    finally:
        torch.set_default_dtype(torch.float32)
    return model


def _into_four_bits(model: torch.nn.Module) -> list[torch.Tensor]:
    """Gives every Linear4bit empty packed weights, double-quantised, as bitsandbytes' own quantize_4bit lays them out; its states."""
    found = []
    for module in model.modules():
        if isinstance(module, Linear4bit):
            shape = torch.Size((module.out_features, module.in_features))
            blocks = -(-shape.numel() // 64)
            second = QuantState(
                absmax=torch.empty(-(-blocks // 256)), code=torch.empty(256), blocksize=256, dtype=torch.float32
            )  # fmt: skip
            state = QuantState(
                absmax=torch.empty(blocks, dtype=torch.uint8), shape=shape, code=torch.empty(16), blocksize=64, quant_type="nf4",
                dtype=module.compute_dtype, offset=torch.empty(()), state2=second,
            )  # fmt: skip
            packed = torch.nn.Parameter(torch.empty(-(-shape.numel() // 2), 1, dtype=torch.uint8), requires_grad=False)
            packed.quant_state = state
            module._parameters["weight"] = packed
            found += [state.absmax, state.code, state.offset, second.absmax, second.code]
    return found
