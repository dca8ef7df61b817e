"""Disk space of a run by disk, and disk space and memory of its export."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tweetstyle.hardware.disk import DiskUse, bytes_missing, free_bytes, require_free_space
from tweetstyle.hardware.machine import cores
from tweetstyle.model.base import BaseConfig, BaseModel
from tweetstyle.model.config import read_shape
from tweetstyle.model.hub import known_model
from tweetstyle.model.llama import read_llama, tensor_plan, tensor_type, type_bytes
from tweetstyle.plan.tensors import trained_parameters
from tweetstyle.recipe import Export, Recipe
from tweetstyle.sources import open_archive

STORED_OPTIMIZER_BYTES = 8
"""Bytes of optimizer state a trained parameter: two moments in fp32. In 8 bits it is less, but a CPU has no such optimizer."""
STILL_TO_COME = "base model, still to come"
BLOCK_ELEMENTS = 2**21
"""Weights in a block: 8 MiB in float32. Memory is bounded by a few blocks, not by the largest tensor."""
MOST_THREADS = 16
"""Beyond, disks are the limit anyway."""
TABLE_BYTES = 128
"""Upper bound of one tensor's entry in the table of tensors, padding of its data included."""
LIBRARIES = 600 * 2**20
"""Python with torch, numpy and llama.cpp, before they hold a model. Measured: 0.5 GiB."""
BLOCK_BYTES = 20 * 2**20
"""A block in float32 with all that is made of it; each thread has two."""


@dataclass(frozen=True)
class ExistingOutputs:
    """What exists of a run and is not written again.

    prepared: the tweets; run: bytes that an interrupted training has written; trained: its final model; exported: the export, or none is
    needed.
    """

    prepared: bool = False
    run: int = 0
    trained: bool = False
    exported: bool = False


NO_OUTPUTS = ExistingOutputs()


@dataclass(frozen=True)
class DiskEstimate:
    """Bytes. parts: of a whole run, by what for; free: where the run is written; uses: what is still to be written, and where; missing:
    to be freed before the run, 0 where there is room."""

    parts: dict[str, int]
    free: int
    uses: tuple[DiskUse, ...]
    missing: int

    @property
    def to_come(self) -> int:
        return sum(use.bytes for use in self.uses)


def estimate_disk(recipe: Recipe, base: BaseConfig | BaseModel, existing: ExistingOutputs) -> DiskEstimate:
    parts = {use.why: use.bytes for use in disk_uses(recipe, base)}
    uses = disk_uses(recipe, base, existing)
    return DiskEstimate(parts, free_bytes(recipe.run_directory), uses, bytes_missing(uses))


def written_to(recipe: Recipe) -> tuple[Path, ...]:
    """The directories of a run, wherever their disks are."""
    return (recipe.run_directory, recipe.export_directory, recipe.data.processed)


def disk_uses(recipe: Recipe, base: BaseConfig | BaseModel, existing: ExistingOutputs = NO_OUTPUTS) -> tuple[DiskUse, ...]:
    """What a run may write, without what exists. An older export is kept until the new one is complete, so it makes no room.

    Checkpoints: weights in fp32 and optimizer state, one more than are kept. The base model where it is not there yet or not whole: as
    16 bits a weight. Prepared data where the archive is there.
    """
    shape, uses = read_shape(base.config), []
    trained = trained_parameters(shape, recipe.model)
    if isinstance(base, BaseConfig) and not base.whole and (to_come := max(2 * shape.parameters - base.bytes_there, 0)):
        uses.append(DiskUse(_comes_to(base), to_come, STILL_TO_COME))
    if all(path.exists() for path in recipe.data.source):
        prepared = 0 if existing.prepared else 3 * open_archive(recipe.data.source, recipe.data.separator).size
        uses.append(DiskUse(recipe.data.processed, prepared, "prepared data"))
    checkpoints = max(trained * (4 + STORED_OPTIMIZER_BYTES) * (recipe.training.save_total_limit + 1) - existing.run, 0)
    return (
        *uses,
        DiskUse(recipe.run_directory, 0 if existing.trained else checkpoints, "checkpoints"),
        DiskUse(recipe.run_directory, 0 if existing.trained else 4 * trained, "final model"),
        DiskUse(recipe.export_directory, 0 if existing.exported else sum(export_sizes(base, recipe.export.types).values()), "export"),
    )


def _comes_to(base: BaseConfig | BaseModel) -> Path:
    """Where the base model is, or will be by the command that fetches it."""
    known = None if base.path.is_dir() else known_model(base.path)
    return known.directory if known else base.path


def export_sizes(weights: BaseModel | BaseConfig, types: Iterable[str]) -> dict[str, int]:
    """type → bytes of its GGUF, a little too much: the weights exactly, the vocabulary by the size of tokenizer.json.

    Reads config.json's numbers only. Raises TweetstyleError for a model that cannot be exported.
    """
    llama = read_llama(weights.config, weights.path)
    plan = list(tensor_plan(llama))
    # A token or merge of a GGUF has at most 8 bytes more than in JSON: its length instead of the punctuation, and its type.
    head = weights.tokenizer_bytes + 16 * llama.vocabulary + TABLE_BYTES * (len(plan) + 64)
    return {t: head + sum(type_bytes(tensor_type(t, tensor, llama), tensor.shape) for tensor in plan) for t in types}


def require_disk(directory: Path, needed: Mapping[str, int]) -> None:
    """Refuses where the files of an export do not fit beside what is there: an older one is kept until the new one is complete."""
    require_free_space([DiskUse(directory, count, name) for name, count in needed.items()])


def memory_needed(weights: BaseModel | BaseConfig, section: Export) -> dict[str, int]:
    """part → bytes at its peak; the parts come one after the other.

    writing: blocks of rows, and the largest linear in float32 six times; gate: the largest file as llama.cpp holds it.
    """
    plan = tensor_plan(read_llama(weights.config, weights.path))
    largest = max(math.prod(tensor.shape) for tensor in plan if tensor.layer is not None)
    blocks = 2 * min(cores(), MOST_THREADS) * BLOCK_BYTES + 4 * BLOCK_ELEMENTS
    return {
        "writing": LIBRARIES + blocks + 6 * 4 * largest,
        "gate": LIBRARIES + max(export_sizes(weights, section.types).values()),
    }
