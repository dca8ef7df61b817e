"""Chooses an export's base weights and quantisation by their loss on validation.

The candidates are written beside each other, scored on validation tweets by llama.cpp as they will run, and the better one stays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.model.imatrix import Imatrix
from tweetstyle.model.llama import WEIGHTED_TYPES, Tensor
from tweetstyle.model.nf4 import nf4_as_trained, only_nf4

SIXTEEN, NF4 = "16bit", "dequantised_nf4"
SMALLEST_FIRST = ("q4_k_m", "q5_k_m", "q6_k", "q8_0", "f16", "bf16", "f32")
STORED = "as it is stored"
"""The only base that a model has which was not trained over 4 bits."""

Stored = dict[str, Any]
"""Weight name → StoredTensor, or what reads like one."""
Score = Callable[[Path], float]


@dataclass(frozen=True)
class Wanted:
    """A file to write. imatrix: what weighs its errors."""

    path: Path
    file_type: str
    imatrix: Imatrix | None = None


Write = Callable[[list[Wanted], Stored], None]


@dataclass(frozen=True)
class Order:
    """The exports to make. bases: name → its weights, one or two of them; use: the recipe's export.imatrix."""

    types: tuple[str, ...]
    name: str
    use: str
    imatrix: Imatrix | None
    bases: dict[str, Stored]
    score: Score | None


@dataclass(frozen=True)
class Choices:
    """merge_base: the base that was kept; weighted: the types written with the importance matrix.

    scores: candidate → bits per byte on validation, for everything that was compared.
    """

    merge_base: str
    weighted: tuple[str, ...]
    scores: dict[str, float]


def possible_bases(plan: list[Tensor], stored: Stored, wanted: str, nf4: dict[str, Any] | None, *, choose: bool) -> dict[str, Stored]:
    """name → weights: the bases that are to be compared, or the one that is requested or possible.

    nf4: nf4.record of the trained model. Raises TweetstyleError where the recipe names a base that does not exist.
    """
    bases = {NF4 if only_nf4(stored) else STORED: stored}
    if nf4 is not None and not only_nf4(stored):
        bases = {NF4: nf4_as_trained(stored, plan, nf4), SIXTEEN: stored}
    if wanted == "auto":
        return bases if choose else dict(list(bases.items())[:1])
    if wanted not in bases and (wanted, *bases) != (SIXTEEN, STORED):
        what = _("there are no {name} weights: only qlora trains on 4-bit weights, and some base models exist in 4 bits only", name=wanted)
        raise TweetstyleError(what, where=f"export.merge_base: {wanted}", hint=_("write auto"))
    return {wanted: bases[wanted]} if wanted in bases else bases


def write_best(order: Order, write: Write, directory: Path) -> Choices:
    """Writes every type's file into `directory`, each the better of its candidates."""
    scores: dict[str, float] = {}
    base = _choose_base(order, write, directory, scores)
    files = {t: directory / f"{order.name}-{t}.gguf" for t in order.types}
    always = order.use == "always"
    weighs = order.imatrix and (always or (order.use == "auto" and order.score))
    candidates = {t: directory / f"{order.name}-{t}.weighted.gguf" for t in order.types if weighs and t in WEIGHTED_TYPES}
    plain = [Wanted(path, t) for t, path in files.items() if not always or t not in candidates]
    write([*plain, *(Wanted(path, t, order.imatrix) for t, path in candidates.items())], order.bases[base])
    weighted = []
    for file_type, candidate in candidates.items():
        if not always:
            without = scores[f"{file_type} without importance matrix"] = order.score(files[file_type])
            with_it = scores[f"{file_type} with importance matrix"] = order.score(candidate)
        if always or with_it < without:
            candidate.replace(files[file_type])
            weighted.append(file_type)
        else:
            candidate.unlink()
    return Choices(base, tuple(weighted), scores)


def _choose_base(order: Order, write: Write, directory: Path, scores: dict[str, float]) -> str:
    """By the smallest type, in which it matters most and whose candidates take the least room."""
    if len(order.bases) == 1 or order.score is None:
        return next(iter(order.bases))
    smallest = min(order.types, key=SMALLEST_FIRST.index)
    by_base = {}
    for base, stored in order.bases.items():
        path = directory / f"{order.name}.{base}.gguf"
        write([Wanted(path, smallest)], stored)
        scores[f"{smallest} over {base}"] = by_base[base] = order.score(path)
        path.unlink()
    return min(by_base, key=by_base.__getitem__)
