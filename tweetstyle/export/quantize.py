"""Measures which merge base and which importance-weighted types are better.

The candidates are written beside each other, scored on validation tweets by llama.cpp as they will run, and the better one stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
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

    def path(self, directory: Path, file_type: str) -> Path:
        return directory / f"{self.name}-{file_type}.gguf"


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

    nf4: nf4.record of the 4-bit weights that the adapter was trained over. Raises TweetstyleError where the recipe names a base
    that there is not.
    """
    if only_nf4(stored):
        if wanted == SIXTEEN:
            hint = "write auto or dequantised_nf4"
            raise TweetstyleError("this base model exists in 4 bits only", where="export.merge_base: 16bit", hint=hint)
        return {NF4: stored}
    if nf4 is None:
        if wanted == NF4:
            hint = "write auto: only an adapter of method qlora was trained over 4 bits"
            raise TweetstyleError("no 4-bit weights were trained on", where="export.merge_base: dequantised_nf4", hint=hint)
        return {STORED: stored}
    if wanted == SIXTEEN:
        return {SIXTEEN: stored}
    bases = {NF4: nf4_as_trained(stored, plan, nf4)}
    return bases | {SIXTEEN: stored} if wanted == "auto" and choose else bases


def write_best(order: Order, write: Write, directory: Path) -> Choices:
    """Writes every type's file into `directory`, each the best of its candidates."""
    scores: dict[str, float] = {}
    base, done = _choose_base(order, write, directory, scores)
    weighted = [t for t in order.types if order.imatrix and order.use != "never" and t in WEIGHTED_TYPES]
    if order.use == "auto" and order.score is None:
        weighted = []
    always = order.use == "always"
    if always and done in weighted:
        order.path(directory, done).unlink()
    candidates = {t: directory / f"{order.name}-{t}.weighted.gguf" for t in weighted}
    plain = [t for t in order.types if t != done and not (always and t in weighted)]
    wanted = [Wanted(order.path(directory, t), t) for t in plain]
    wanted += [Wanted(order.path(directory, t) if always else candidates[t], t, order.imatrix) for t in weighted]
    if wanted:
        write(wanted, order.bases[base])
    if not always:
        weighted = [t for t in weighted if _keep_better(order, t, order.path(directory, t), candidates[t], scores)]
    return Choices(base, tuple(weighted), scores)


def _choose_base(order: Order, write: Write, directory: Path, scores: dict[str, float]) -> tuple[str, str | None]:
    """The base, and the type whose file that choice has left in its place."""
    if len(order.bases) == 1 or order.score is None:
        return next(iter(order.bases)), None
    # The type in which it matters most, and whose candidates take the least room.
    smallest = min(order.types, key=SMALLEST_FIRST.index)
    paths = {base: directory / f"{order.name}.{base}.gguf" for base in order.bases}
    by_base = {}
    for base, stored in order.bases.items():
        write([Wanted(paths[base], smallest)], stored)
        scores[f"{smallest} over {base}"] = by_base[base] = order.score(paths[base])
    best = min(by_base, key=by_base.__getitem__)
    paths.pop(best).replace(order.path(directory, smallest))
    for path in paths.values():
        path.unlink()
    return best, smallest


def _keep_better(order: Order, file_type: str, plain: Path, weighted: Path, scores: dict[str, float]) -> bool:
    """Whether the file with the importance matrix took the place of the one without."""
    without = scores[f"{file_type} without importance matrix"] = order.score(plain)
    with_it = scores[f"{file_type} with importance matrix"] = order.score(weighted)
    if with_it < without:
        weighted.replace(plain)
        return True
    weighted.unlink()
    return False
