"""Merges the adapter while it writes GGUF files, and writes the Modelfile."""

import functools
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.export.blocks import Block, convert_in_order, cut_into_blocks
from tweetstyle.export.gguf_file import ExportSource, GgufFile, check_tokenizer
from tweetstyle.export.modelfile import check_modelfile, check_name, head_length, modelfile
from tweetstyle.export.quantize import Choices, Order, Score, Stored, Wanted, possible_bases, write_best
from tweetstyle.files import complete_directory, complete_file, partial_sibling
from tweetstyle.locale import _
from tweetstyle.model.adapter import Adapter, read_adapter
from tweetstyle.model.base import BaseModel
from tweetstyle.model.imatrix import Imatrix
from tweetstyle.model.llama import check_tensors, read_llama, tensor_plan
from tweetstyle.model.nf4 import read_weights
from tweetstyle.model.tokenizer import Tokenizer
from tweetstyle.plan.disk import require_disk, room_needed
from tweetstyle.progress import Bar
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Export, Sampling


@dataclass(frozen=True)
class Exported:
    """gguf: type → file, in the recipe's order; choices: what was chosen, and why."""

    gguf: dict[str, Path]
    modelfile: Path
    choices: Choices


def export(
    weights: BaseModel,
    adapter: Path | None,
    template: Template,
    section: Export,
    sampling: Sampling,
    name: str,
    directory: Path,
    *,
    nf4: dict[str, dict[str, Any]] | None = None,
    imatrix: Imatrix | None = None,
    score: Score | None = None,
) -> Exported:
    """Writes directory/<name>-<type>.gguf for each of section.types, and directory/Modelfile over the smallest.

    weights: the base model under an adapter, or the whole model after full training (adapter None). Each weight is read
    once, merged as W + scale·B·A in float32 and written in every type; there is no merged copy on disk, and
    memory holds a few blocks of rows. The directory appears, or replaces the one before it, when all of it is written.

    nf4: nf4.record of the trained model, where that was in 4 bits; then the adapter may be added to those (section.merge_base).
    imatrix: weighs the errors of K-quants (section.imatrix). score: a GGUF's bits per byte on validation, by which `auto` chooses;
    without it `auto` takes the weights that were trained on, and no importance matrix.
    Raises TweetstyleError for what cannot be exported, no room, no right to write, damaged weights.
    """
    source = read_source(weights, template)
    merged = read_adapter(adapter, source.plan) if adapter else None
    types = tuple(dict.fromkeys(section.types))
    for file_type in types:
        check_name(f"{name}-{file_type}.gguf")
    bases = possible_bases(source.plan, source.stored, section.merge_base, nf4, choose=score is not None)
    # What a killed export left behind is room for this one.
    shutil.rmtree(partial_sibling(directory), ignore_errors=True)
    require_disk(directory, room_needed(weights, section))
    with complete_directory(directory) as partial:
        write = functools.partial(write_files, source, merged, name)
        choices = write_best(Order(types, name, section.imatrix, imatrix, bases, score), write, partial)
        write_modelfile(partial / "Modelfile", {t: f"{name}-{t}.gguf" for t in types}, template, section, sampling, weights.tokenizer)
    written = {file_type: directory / f"{name}-{file_type}.gguf" for file_type in types}
    return Exported(written, directory / "Modelfile", choices)


def write_modelfile(
    path: Path, names: dict[str, str], template: Template, section: Export, sampling: Sampling, tokenizer: Tokenizer
) -> None:
    """A Modelfile over the smallest of the files beside it. names: type → file name."""
    smallest = min(names.values(), key=lambda name: (path.parent / name).stat().st_size)
    with complete_file(path) as stream:
        stream.write(modelfile(smallest, template, section, sampling, head_length(template, tokenizer)))


def check_exportable(weights: BaseModel, template: Template) -> None:
    """Refuses, before a training that would be in vain, a model or a format that cannot be exported. Reads no weights."""
    read_source(weights, template)
    check_modelfile(template)


def read_source(weights: BaseModel, template: Template) -> ExportSource:
    """Reads config.json, the headers of the shards and tokenizer.json, and checks that they fit together."""
    llama = read_llama(weights.config, weights.path)
    plan, stored = list(tensor_plan(llama)), read_weights(weights.shards)
    check_tensors(plan, stored, weights.path)
    check_tokenizer(weights, template)
    return ExportSource(weights, template, llama, plan, stored)


def write_files(source: ExportSource, adapter: Adapter | None, name: str, wanted: list[Wanted], stored: Stored) -> None:
    """One pass over the weights `stored`: each block is read and merged once, and every file gets it in its own type."""
    files = [GgufFile(w.path, w.file_type, source, w.imatrix) for w in wanted]

    def blocks() -> Iterator[Block]:
        for tensor in source.plan:
            forms = frozenset(file.forms[tensor.name] for file in files)
            importance = next((w.imatrix.row(tensor.name) for w in wanted if w.imatrix), None)
            yield from cut_into_blocks(tensor, stored[tensor.source], adapter, forms, importance)

    total = sum(source.stored[tensor.source].nbytes for tensor in source.plan)
    with ExitStack() as stack:
        for file in files:
            stack.callback(file.close)
            file.begin(name)
        types = ", ".join(dict.fromkeys(w.file_type for w in wanted))
        bar = stack.enter_context(Bar(_("writing {types}", types=types), total, "B"))
        for block, rows in stack.enter_context(closing(convert_in_order(blocks()))):
            for file in files:
                file.write(block.tensor, rows)
            bar.advance(block.stored.nbytes * block.count // block.stored.rows)
