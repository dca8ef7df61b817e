"""Text from a loaded transformers model, sampled as llama.cpp and Ollama sample."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tweetstyle.inference.decoder import BatchedCache, SharedPrefix
from tweetstyle.inference.forward import logits_of
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template

if TYPE_CHECKING:
    import torch

    from tweetstyle.recipe import Sampling

REPEAT_LAST_N = 64
"""Tokens that repeat_penalty looks back on: Ollama's default, which its Modelfile leaves as it is."""
SHORTEST_PREFIX = 8
"""Tokens in common from which prompts' shared prefix is read once for all rows."""
FIRST = 128
"""Tokens that are sorted first: most next tokens are among them, whatever the order of the others."""
LIKELIEST = 1024
"""Tokens that are sorted where those do not decide. They mostly have the probability that top_p keeps; else eight times as many are."""
ROWS_SORTED = 8
"""Rows whose next tokens are drawn at a time: sorting a whole vocabulary takes many times the memory of its logits."""


@dataclass(frozen=True)
class Completion:
    """ids: of what was generated, its end not included; ended: by an end token, and not cut at num_predict."""

    ids: list[int]
    ended: bool


def read_shared_prefix(model: Any, prompts: Sequence[list[int]]) -> SharedPrefix | None:
    """The longest one that leaves of each prompt a token to continue from; None where it is too short to pay."""
    ids = os.path.commonprefix(prompts)[: min(map(len, prompts)) - 1]
    if len(ids) < SHORTEST_PREFIX or len(prompts) == 1:
        return None
    with _evaluating(model):
        rows = BatchedCache(model, 1, len(ids))
        rows.prompts([ids])
    return rows.as_shared_prefix(ids)


def candidates(scores: torch.Tensor, recent: Sequence[Sequence[int]], sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """What the next token is drawn from: logits [rows, n], largest first and -inf where cut, and their token ids [rows, n].

    repeat_penalty over the last 64 tokens, then top_k, top_p, min_p, and the temperature last: llama.cpp's samplers in its order
    (transformers puts the temperature first). At temperature 0 the best token alone is left.

    Args:
        scores: logits [rows, vocabulary].
        recent: the tokens of each row so far, or the last of them.
    """
    import torch

    scores = _penalised(scores.float(), recent, sampling)
    if sampling.temperature == 0:
        best = scores.argmax(dim=1, keepdim=True)
        return torch.zeros_like(best, dtype=scores.dtype), best
    ordered, order, chances = _likeliest(scores, sampling)
    # The token that crosses top_p is kept.
    keep = chances.cumsum(dim=1) - chances < sampling.top_p if sampling.top_p < 1 else torch.ones_like(ordered, dtype=torch.bool)
    keep &= chances >= sampling.min_p * chances[:, :1]
    keep[:, 0] = True
    return torch.where(keep, ordered / sampling.temperature, -torch.inf), order


def _penalised(scores: torch.Tensor, recent: Sequence[Sequence[int]], sampling: Sampling) -> torch.Tensor:
    """Logits with repeat_penalty on the tokens of the last 64."""
    import torch

    if sampling.repeat_penalty == 1:
        return scores
    seen = [list(set(row[-REPEAT_LAST_N:])) for row in recent]
    ids = torch.tensor([row + row[:1] * (REPEAT_LAST_N - len(row)) for row in seen], device=scores.device)
    found = scores.gather(1, ids)
    penalised = torch.where(found > 0, found / sampling.repeat_penalty, found * sampling.repeat_penalty)
    return scores.scatter(1, ids, penalised)


def _likeliest(scores: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, ids and probabilities [rows, n] of the tokens that top_k and top_p leave, and of some more; the largest first."""
    most = min(sampling.top_k or scores.shape[1], scores.shape[1])
    count = most if sampling.top_k else min(LIKELIEST, most)
    while True:
        ordered, order = scores.topk(count, dim=1)
        whole = ordered if sampling.top_k else scores  # of which the probabilities are shares
        chances = (ordered - whole.logsumexp(dim=1, keepdim=True)).exp()
        enough = chances[:, -1] < sampling.min_p * chances[:, 0]
        if sampling.top_p < 1:
            enough |= chances.sum(dim=1) >= sampling.top_p
        if count == most or enough.all():
            return ordered, order, chances
        del ordered, order, chances
        count = min(8 * count, most)


def draw(logits: torch.Tensor, recent: Sequence[Sequence[int]], sampling: Sampling, chance: Sequence[float]) -> list[int]:
    """The next token of each row. logits: [rows, vocabulary]; recent: as for `candidates`; chance: a number of [0, 1) for each row."""
    drawn: list[int] = []
    for start in range(0, len(recent), ROWS_SORTED):
        part = slice(start, start + ROWS_SORTED)
        scores, before, shares = logits[part], recent[part], chance[part]
        found = _among_the_first(scores, before, sampling, shares)
        if left := [row for row, token in enumerate(found) if token is None]:
            tokens = _among_all(scores[left], [before[row] for row in left], sampling, [shares[row] for row in left])
            for row, token in zip(left, tokens, strict=True):
                found[row] = token
        drawn += found
    return drawn


def _draw_each(logits: torch.Tensor, recent: Sequence[Sequence[int]], settings: Sequence[Sampling], chance: Sequence[float]) -> list[int]:
    """The next token of each row, by the row's own settings; otherwise as `draw`."""
    if len(different := set(settings)) == 1:
        return draw(logits, recent, settings[0], chance)
    drawn = [0] * len(recent)
    for sampling in different:
        same = [row for row, of in enumerate(settings) if of == sampling]
        for start in range(0, len(same), ROWS_SORTED):
            rows = same[start : start + ROWS_SORTED]  # a copy of so many rows' logits at a time
            tokens = draw(logits[rows], [recent[row] for row in rows], sampling, [chance[row] for row in rows])
            for row, token in zip(rows, tokens, strict=True):
                drawn[row] = token
    return drawn


def _among_all(logits: torch.Tensor, recent: Sequence[Sequence[int]], sampling: Sampling, chance: Sequence[float]) -> list[int]:
    import torch

    left, ids = candidates(logits, recent, sampling)
    sums = left.double().softmax(dim=1).cumsum(dim=1)
    goals = torch.tensor(chance, dtype=sums.dtype, device=sums.device)[:, None] * sums[:, -1:]
    return ids.gather(1, torch.searchsorted(sums, goals, right=True))[:, 0].tolist()


def _among_the_first(
    logits: torch.Tensor, recent: Sequence[Sequence[int]], sampling: Sampling, chance: Sequence[float]
) -> list[int | None]:
    """The next tokens that a few of the likeliest decide; None in other rows, and where other settings than top_p cut.

    What top_p keeps ends with the token that crosses it, the likeliest of the others at most: so much is known of its probability, of
    which `chance` is a share.
    """
    import torch

    if (sampling.temperature, sampling.top_k, sampling.min_p) != (1, 0, 0) or logits.shape[1] <= FIRST:
        return [None] * len(recent)
    scores = _penalised(logits.float(), recent, sampling)
    ordered, order = scores.topk(FIRST, dim=1)
    chances = (ordered - scores.logsumexp(dim=1, keepdim=True)).double().exp()
    sums, top_p = chances.cumsum(dim=1), torch.full_like(chances[:, :1], sampling.top_p)
    crossing = torch.searchsorted(sums, top_p)
    kept = sums.gather(1, crossing.clamp(max=FIRST - 1))
    least = torch.where(crossing < FIRST, kept, top_p)
    most = torch.where(crossing < FIRST, kept, (top_p + chances[:, -1:]).clamp(max=1))
    goals = torch.tensor(chance, dtype=sums.dtype, device=sums.device)[:, None] * torch.cat([least, most], dim=1)
    low, high = torch.searchsorted(sums, goals, right=True).unbind(1)
    ids = order.gather(1, low.clamp(max=FIRST - 1)[:, None])[:, 0].tolist()
    return [id if place == other < FIRST else None for id, place, other in zip(ids, low.tolist(), high.tolist(), strict=True)]


def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling | Sequence[Sampling],
    ends: Sequence[int],
    seeds: Sequence[Sequence[int]],
    prefix: SharedPrefix | None = None,
) -> list[Completion]:
    """One answer to each prompt of a batch, also by a model in training, of which nothing is changed.

    Args:
        sampling: of all prompts, or one for each.
        ends: token ids at which an answer ends.
        seeds: of each prompt; its answer depends on nothing else that is random.
        prefix: of all these prompts, by the same model, so that it is not read again.
    """
    own = [list(prompt[len(prefix.ids) if prefix else 0 :]) for prompt in prompts]
    random = [np.random.default_rng(seed) for seed in seeds]
    so_far, written = [list(prompt[-REPEAT_LAST_N:]) for prompt in prompts], [[] for _ in prompts]
    going, settings = list(range(len(prompts))), list(sampling) if isinstance(sampling, Sequence) else [sampling] * len(prompts)
    with _evaluating(model):
        rows = BatchedCache(model, len(prompts), max(map(len, own)) + max(each.num_predict for each in settings), prefix)
        hidden = rows.prompts(own)
        while going:
            recent = [so_far[number] + written[number] for number in going]
            chance = [random[number].random() for number in going]
            tokens = _draw_each(logits_of(model, hidden), recent, [settings[number] for number in going], chance)
            for number, token in zip(going, tokens, strict=True):
                written[number].append(token)
            for place in reversed(range(len(going))):
                ids = written[going[place]]
                if ids[-1] in ends or len(ids) == settings[going[place]].num_predict:
                    rows.move(len(going) - 1, place)
                    going[place] = going[-1]
                    going.pop()
            if going:
                starts = [len(own[number]) + len(written[number]) - 1 for number in going]
                hidden = rows.read([written[number][-1:] for number in going], starts)[:, 0]
    return [Completion(ids[:-1], True) if ids[-1] in ends else Completion(ids, False) for ids in written]


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Without dropout and gradients. Not inference_mode: buffers made in it (Unsloth's caches) could not be used in training afterwards."""
    import torch

    was_training = model.training
    if was_training:
        model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if was_training:
            model.train()


def as_read(base: BaseModel, template: Template, answer: Completion) -> str:
    """The text as chat shows it, cut at the first stop text, as llama.cpp and Ollama do. Of a character that is cut nothing is left."""
    text = base.tokenizer.decode(answer.ids)
    if not answer.ended:
        text = text.rstrip("\ufffd")
    for stop in template.stops:
        text = text.split(stop, 1)[0]
    return template.shown(text).strip()
