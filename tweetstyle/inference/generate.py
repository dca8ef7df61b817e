"""Text from a loaded transformers model, sampled as llama.cpp and Ollama sample."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tweetstyle.inference.forward import input_device, last_hidden_states, logits_of
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template

if TYPE_CHECKING:
    import torch

    from tweetstyle.recipe import Sampling

REPEAT_LAST_N = 64
"""Tokens that repeat_penalty looks back on: Ollama's default, which its Modelfile leaves as it is."""
PAD = 0
"""What fills the shorter rows of a batch. No token attends to it: any id would do."""
SHORTEST_BEGINNING = 64
"""Tokens in common from which reading them once pays for the copies of their keys and values."""


@dataclass(frozen=True)
class Completion:
    """ids: of what was generated, its end not included; ended: by an end token, and not cut at num_predict."""

    ids: list[int]
    ended: bool


@dataclass(frozen=True)
class Beginning:
    """What prompts begin with in common, read once. ids: its tokens; cache: transformers' keys and values of them, of one row."""

    ids: list[int]
    cache: Any


def read_beginning(model: Any, prompts: Sequence[list[int]]) -> Beginning | None:
    """The longest one that leaves of each prompt a token to continue from; None where it is too short to pay."""
    import torch

    ids = os.path.commonprefix(prompts)[: min(map(len, prompts)) - 1]
    if len(ids) < SHORTEST_BEGINNING or len(prompts) == 1:
        return None
    with torch.inference_mode():
        # Of the logits, which are not wanted, the last alone: of a thousand tokens they would be as large as the model.
        done = model(input_ids=torch.tensor([ids], device=input_device(model)), use_cache=True, logits_to_keep=1)
    return Beginning(ids, done.past_key_values)


def weighed(scores: torch.Tensor, ids: torch.Tensor, real: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Logits from which the next token is drawn. scores: [rows, vocabulary]; ids: [rows, n] so far; real: [rows, up to n], 0 for padding.

    repeat_penalty over the last 64 tokens, then top_k, top_p, min_p, and the temperature last: llama.cpp's samplers in its order
    (transformers puts the temperature first). At temperature 0 the best token alone is left.
    """
    import torch

    scores = scores.float()
    if sampling.repeat_penalty != 1:
        later = real.new_ones(ids.shape[0], ids.shape[1] - real.shape[1])
        tokens = torch.cat([real, later], dim=1)
        recent = tokens * (tokens.flip(1).cumsum(1).flip(1) <= REPEAT_LAST_N)
        said = torch.zeros_like(scores, dtype=torch.int32).scatter_add_(1, ids, recent.int())
        penalised = torch.where(scores > 0, scores / sampling.repeat_penalty, scores * sampling.repeat_penalty)
        scores = torch.where(said > 0, penalised, scores)
    if sampling.temperature == 0:
        best = scores.argmax(dim=1, keepdim=True)
        return torch.full_like(scores, -torch.inf).scatter_(1, best, 0.0)
    # Sorted once, for all three cut its tail; without what top_k cuts of a large vocabulary.
    count = min(sampling.top_k or scores.shape[1], scores.shape[1])
    ordered, order = scores.topk(count, dim=1)
    chances = ordered.softmax(dim=1)
    keep = torch.ones_like(ordered, dtype=torch.bool)
    if sampling.top_p < 1:
        # The token that crosses top_p is kept.
        keep &= chances.cumsum(dim=1) - chances < sampling.top_p
    keep &= chances >= sampling.min_p * chances[:, :1]
    keep[:, 0] = True
    left = torch.where(keep, ordered / sampling.temperature, -torch.inf)
    return torch.full_like(scores, -torch.inf).scatter_(1, order, left)


def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    ends: Sequence[int],
    seed: int,
    beginning: Beginning | None = None,
) -> list[Completion]:
    """One answer to each prompt of a batch, by transformers' generate; on one machine the same for the same batch and seed.

    beginning: of all these prompts, by the same model, so that it is not read again.
    """
    import torch
    from transformers import GenerationConfig, LogitsProcessorList

    ids, real = _padded(prompts, input_device(model), len(beginning.ids) if beginning else 0)
    # transformers is to do nothing with the logits itself: `weighed` does all of it.
    neutral = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
    config = GenerationConfig(**neutral, max_new_tokens=sampling.num_predict, eos_token_id=list(ends), pad_token_id=PAD)
    sampler = LogitsProcessorList([lambda so_far, scores: weighed(scores, so_far, real, sampling)])
    # What a call leaves open (a penalty, min_p) transformers takes from the base model's generation_config.json.
    model.generation_config = GenerationConfig()
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        cache = copy.deepcopy(beginning.cache) if beginning else None  # generation makes it longer
        if beginning:
            cache.batch_repeat_interleave(len(prompts))
        written = model.generate(
            input_ids=ids, attention_mask=real, generation_config=config, logits_processor=sampler, past_key_values=cache
        )
    return [_until_the_end(row, ends) for row in written[:, ids.shape[1] :].tolist()]


def generate_while_training(
    model: Any, prompts: Sequence[Sequence[int]], sampling: Sampling, ends: Sequence[int], seed: int
) -> list[Completion]:
    """As `generate`, on a model in training: no cache, whose code a trainer rewrites, and nothing of the model's state is changed.

    Padded on the right: under causal attention a token never sees what is to its right.
    """
    import torch

    was_training = model.training
    model.eval()
    written: list[list[int]] = [[] for _ in prompts]
    going = list(range(len(prompts)))
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _ in range(sampling.num_predict):
            so_far = [[*prompts[number], *written[number]] for number in going]
            width = max(map(len, so_far))
            hidden = last_hidden_states(model, torch.tensor([row + [PAD] * (width - len(row)) for row in so_far]))
            logits = logits_of(model, hidden[range(len(going)), [len(row) - 1 for row in so_far]]).cpu()
            for place, number in enumerate(going):
                row = torch.tensor([so_far[place]])
                chances = weighed(logits[place : place + 1], row, torch.ones_like(row), sampling).softmax(dim=1)
                written[number].append(int(torch.multinomial(chances, 1, generator=random)))
            going = [number for number in going if written[number][-1] not in ends]
            if not going:
                break
    model.train(was_training)
    return [_until_the_end(ids, ends) for ids in written]


def _padded(prompts: Sequence[Sequence[int]], device: Any, beginning: int) -> tuple[torch.Tensor, torch.Tensor]:
    """ids and mask [rows, width], padded on the left of what follows the first `beginning` tokens."""
    import torch

    width = max(map(len, prompts))
    ids = [[*prompt[:beginning], *[PAD] * (width - len(prompt)), *prompt[beginning:]] for prompt in prompts]
    real = [[*[1] * beginning, *[0] * (width - len(prompt)), *[1] * (len(prompt) - beginning)] for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(real, device=device)


def _until_the_end(ids: list[int], ends: Sequence[int]) -> Completion:
    place = next((place for place, token in enumerate(ids) if token in ends), None)
    return Completion(ids[:place], place is not None)


def as_read(base: BaseModel, template: Template, answer: Completion) -> str:
    """The text as chat shows it, cut at the first stop text, as llama.cpp and Ollama do. Of a character that is cut nothing is left."""
    text = base.tokenizer.decode(answer.ids)
    if not answer.ended:
        text = text.rstrip("\ufffd")
    for stop in template.stops:
        text = text.split(stop, 1)[0]
    return template.shown(text).strip()
