"""Merges the adapter while it writes GGUF files, and writes the Modelfile."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.export.blocks import Block, convert_in_order, cut_into_blocks
from tweetstyle.export.gguf_file import ExportSource, GgufFile, check_tokenizer
from tweetstyle.export.modelfile import check_name, head_length, modelfile
from tweetstyle.files import complete_directory, complete_file, partial_sibling
from tweetstyle.locale import _
from tweetstyle.model.adapter import Adapter, read_adapter
from tweetstyle.model.base import BaseModel
from tweetstyle.model.imatrix import Imatrix
from tweetstyle.model.llama import WEIGHTED_TYPES, Tensor, check_tensors, read_llama, tensor_plan
from tweetstyle.model.nf4 import nf4_as_trained, only_nf4, read_weights
from tweetstyle.model.tokenizer import Tokenizer
from tweetstyle.model.weight_files import StoredTensor
from tweetstyle.plan.disk import export_sizes, require_disk
from tweetstyle.progress import Bar
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Export, Sampling

SIXTEEN, NF4 = "16bit", "dequantised_nf4"
"""The recipe's names of the weights that an adapter is added to."""


@dataclass(frozen=True)
class Exported:
    """gguf: type → file, in the recipe's order; merge_base: what the adapter was added to; weighted: types with importance matrix."""

    gguf: dict[str, Path]
    modelfile: Path
    merge_base: str
    weighted: tuple[str, ...]


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
) -> Exported:
    """Writes directory/<name>-<type>.gguf for each of section.types, and directory/Modelfile over the smallest.

    weights: the base model under an adapter, or the whole model after full training (adapter None). Each weight is read
    once, merged as W + scale·B·A in float32 and written in every type; there is no merged copy on disk, and
    memory holds a few blocks of rows. The directory appears, or replaces the one before it, when all of it is written.

    nf4: nf4.record of the trained model, where that was in 4 bits; then the adapter is added to those, but for merge_base: 16bit.
    imatrix: weighs the errors of K-quants, but for imatrix: never.
    Raises TweetstyleError for what cannot be exported, no room, no right to write, damaged weights.
    """
    source = read_source(weights, template)
    scale = 1.0 if section.adapter_scale == "auto" else section.adapter_scale
    merged = read_adapter(adapter, source.plan, scale) if adapter else None
    types = tuple(dict.fromkeys(section.types))
    for file_type in types:
        check_name(f"{name}-{file_type}.gguf")
    base, stored = merge_weights(source, section.merge_base, nf4)
    weighted = tuple(t for t in types if t in WEIGHTED_TYPES and imatrix and section.imatrix != "never")
    # What a killed export left behind is room for this one.
    shutil.rmtree(partial_sibling(directory), ignore_errors=True)
    require_disk(directory, export_sizes(weights, types))
    with complete_directory(directory) as partial:
        files = [GgufFile(partial / f"{name}-{t}.gguf", t, source, imatrix if t in weighted else None) for t in types]
        write_files(files, source.plan, stored, merged, name)
        write_modelfile(partial / "Modelfile", {t: f"{name}-{t}.gguf" for t in types}, template, section, sampling, weights.tokenizer)
    written = {file_type: directory / f"{name}-{file_type}.gguf" for file_type in types}
    return Exported(written, directory / "Modelfile", base, weighted)


def merge_weights(source: ExportSource, wanted: str, nf4: dict[str, dict[str, Any]] | None) -> tuple[str, dict[str, StoredTensor]]:
    """The weights that an adapter is added to, by their name and name by name: those it was trained over, unless `wanted` says otherwise.

    Raises TweetstyleError where the recipe names weights that do not exist.
    """
    saved = only_nf4(source.stored)
    there = [NF4] if saved else [NF4, SIXTEEN] if nf4 else [SIXTEEN]
    name = there[0] if wanted == "auto" else wanted
    if name not in there:
        what = _("there are no {name} weights: only qlora trains on 4-bit weights, and some base models exist in 4 bits only", name=name)
        raise TweetstyleError(what, where=f"export.merge_base: {name}", hint=_("write auto"))
    return name, source.stored if saved or name == SIXTEEN else nf4_as_trained(source.stored, source.plan, nf4)


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
    modelfile("model.gguf", template, Export(), Sampling(), 0)


def read_source(weights: BaseModel, template: Template) -> ExportSource:
    """Reads config.json, the headers of the shards and tokenizer.json, and checks that they fit together."""
    llama = read_llama(weights.config, weights.path)
    plan, stored = list(tensor_plan(llama)), read_weights(weights.shards)
    check_tensors(plan, stored, weights.path)
    check_tokenizer(weights, template)
    return ExportSource(weights, template, llama, plan, stored)


def write_files(files: list[GgufFile], plan: list[Tensor], stored: dict[str, StoredTensor], adapter: Adapter | None, name: str) -> None:
    """One pass over the weights: each block is read and merged once, and every file gets it in its own type. name: of the model."""

    def blocks() -> Iterator[Block]:
        for tensor in plan:
            forms = frozenset(file.forms[tensor.name] for file in files)
            importance = next((file.imatrix.row(tensor.name) for file in files if file.imatrix), None)
            yield from cut_into_blocks(tensor, stored[tensor.source], adapter, forms, importance)

    with ExitStack() as stack:
        for file in files:
            stack.callback(file.close)
            file.begin(name)
        types = ", ".join(file.file_type for file in files)
        total = sum(stored[tensor.source].nbytes for tensor in plan)
        bar = stack.enter_context(Bar(_("writing {types}", types=types), total, "B"))
        for block, rows in stack.enter_context(closing(convert_in_order(blocks()))):
            for file in files:
                file.write(block.tensor, rows)
            bar.advance(block.stored.nbytes * block.count // block.stored.rows)
