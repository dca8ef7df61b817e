"""One f16 GGUF, asked greedily, says the same in Ollama, in llama.cpp and in Hugging Face: token for token, up to measured near-ties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.llama_cpp import LlamaServer
from support.ollama import OllamaServer
from support.tiny_llama import write_adapter

from tweetstyle.export import export
from tweetstyle.inference.llama_cpp import Logits
from tweetstyle.model.base import BaseModel, read_base_model
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Export, Sampling

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MESSAGES = ("l'hiver", "*", "le métro 😀", "#montréal", "my cat", "la neige tombe encore", "échecs", "1234", "WHY", "une recette de pâtes")
LENGTH = 32


def tuned(base: BaseModel, project: Path, room: Path) -> Path:
    """The adapter of `make demo` where that has been run, otherwise a random one, small enough to leave the base its language."""
    learned = project / "model/demo/final_model"
    return learned if (learned / "adapter_model.safetensors").is_file() else write_adapter(room / "adapter", base, lora_alpha=0.8)


def merged_by_peft(base: BaseModel, adapter: Path):
    """transformers in float32 on the CPU, whatever else the machine has."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32, local_files_only=True)
    return PeftModel.from_pretrained(model, adapter.absolute()).merge_and_unload().eval()


def greedy(model, ids: list[int], count: int) -> tuple[list[int], np.ndarray]:
    """transformers in float32, one token after the other: the tokens, and the logits [count, vocabulary] they were chosen by."""
    import torch

    chosen, rows, past, fed = [], [], None, torch.tensor([ids])
    with torch.inference_mode():
        for _ in range(count):
            out = model(input_ids=fed, past_key_values=past, use_cache=True)
            past, row = out.past_key_values, out.logits[0, -1].numpy()
            rows.append(row)
            chosen.append(int(row.argmax()))
            fed = torch.tensor([[chosen[-1]]])
    return chosen, np.stack(rows)


def until(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids


def test_they_part_at_near_ties_alone(ollama: OllamaServer, base_model_dir: Path, project: Path, tmp_path: Path):
    base = read_base_model(base_model_dir)
    adapter, template = tuned(base, project, tmp_path), build_template("inst", "Nimzo", base.tokens)
    sampling = Sampling(temperature=0.0, repeat_penalty=1.0, num_predict=LENGTH, top_p=1.0, min_p=0.0)
    exported = export(base, adapter, template, Export(types=("f16",)), sampling, "greedy", tmp_path / "out")
    ollama.create("greedy", exported.modelfile)
    model, end = merged_by_peft(base, adapter), base.tokenizer.end_id(template)
    prompts = {message: base.tokenizer.prompt_ids(template.prompt(message), add_bos=template.add_bos) for message in MESSAGES}
    theirs = {message: greedy(model, ids, LENGTH) for message, ids in prompts.items()}
    # How far the same logits lie apart in Hugging Face's float32 and in llama.cpp's f16: by twice that two tokens may change places.
    with Logits(exported.gguf["f16"], n_ctx=128) as logits:
        apart = [np.abs(logits(prompts[m] + chosen[:-1])[len(prompts[m]) - 1 :] - rows).max() for m, (chosen, rows) in theirs.items()]
    near_tie = 2 * max(apart)
    assert near_tie < 0.5
    with LlamaServer(exported.gguf["f16"]) as server:
        by_llama_cpp = {
            m: server.complete(ids, n_predict=LENGTH, temperature=0.0, repeat_penalty=1.0, top_k=1, return_tokens=True).ids
            for m, ids in prompts.items()
        }
    # Ollama gives ids made again from its text, in which two line ends may have become one token: the text is compared.
    by_ollama = {m: ollama.generate("greedy", m)["response"] for m in MESSAGES}
    parted = []
    for message, (chosen, rows) in theirs.items():
        expected, found = until(chosen, end), until(by_llama_cpp[message], end)
        if (n := first_other_id(expected, found)) is not None:
            gap = float(rows[n].max() - rows[n][found[n] if n < len(found) else end])
            assert gap < near_tie, f"llama.cpp, {message!r}: its token {n} is {gap:.3f} below the best"
            parted.append(("llama.cpp", message, n, gap))
        if (n := first_other_text(base, expected, by_ollama[message])) is not None:
            gap = text_gap(base, expected[:n], rows[n], by_ollama[message], end)
            assert gap < near_tie, f"Ollama, {message!r}: its token {n} is {gap:.3f} below the best"
            parted.append(("Ollama", message, n, gap))
    print(f"{adapter}: near-tie {near_tie:.3f}; parted {len(parted)} of {2 * len(MESSAGES)}: {parted}")
    assert sum(len(until(chosen, end)) for chosen, _ in theirs.values()) > 5 * len(MESSAGES)
    assert len(parted) <= len(MESSAGES) // 2


def first_other_id(expected: list[int], found: list[int]) -> int | None:
    """Where they part, or one ends before the other."""
    return next((n for n in range(max(len(expected), len(found))) if expected[n : n + 1] != found[n : n + 1]), None)


def first_other_text(base: BaseModel, expected: list[int], found: str) -> int | None:
    """The token with which the ids' text leaves the other one."""
    for count in range(1, len(expected) + 1):
        text = base.tokenizer.decode(expected[:count]).rstrip("\ufffd")  # half a character so far
        if not found.lstrip().startswith(text.strip()):
            return count - 1
    return None if found.strip() == base.tokenizer.decode(expected).strip() else len(expected)


def text_gap(base: BaseModel, same: list[int], row: np.ndarray, found: str, end: int) -> float:
    """How far below the best logit the next one lies with whose token `found` can go on after the ids `same`; infinite where none can.

    Spaces and parts of a character do not show in a text: such a token can always be the one.
    """
    for token in np.argsort(-row)[1:50].tolist():
        text = base.tokenizer.decode([*same, *([] if token == end else [token])]).rstrip("\ufffd").strip()
        if found.strip() == text or (token != end and found.strip().startswith(text)):
            return float(row.max() - row[token])
    return float("inf")
