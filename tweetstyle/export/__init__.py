"""export: the base model and its adapter, merged while they are written, as GGUF files and a Modelfile for Ollama."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from tweetstyle.base_model import BaseModel
from tweetstyle.errors import TweetstyleError
from tweetstyle.export.adapter import Adapter, read_adapter
from tweetstyle.export.blocks import Block, convert_in_order, cut_into_blocks
from tweetstyle.export.disk import disk_needed, require_disk
from tweetstyle.export.gguf_file import GgufFile
from tweetstyle.export.llama import Llama, Tensor, check_tensors, read_llama, tensor_plan
from tweetstyle.export.modelfile import check_modelfile, check_name, modelfile
from tweetstyle.export.stored_tensors import StoredTensor, read_headers
from tweetstyle.export.vocabulary import Vocabulary, read_vocabulary
from tweetstyle.files import complete_directory, partial_sibling
from tweetstyle.recipe import Export, Sampling
from tweetstyle.template import Template

__all__ = ["Exported", "check_exportable", "disk_needed", "export"]


@dataclass(frozen=True)
class Exported:
    """gguf: type → file, in the recipe's order; bytes_written: of all of them and the Modelfile."""

    gguf: dict[str, Path]
    modelfile: Path
    bytes_written: int


@dataclass(frozen=True)
class Source:
    """All that is known of a model before its weights are read."""

    llama: Llama
    plan: list[Tensor]
    stored: dict[str, StoredTensor]
    vocabulary: Vocabulary


def export(
    weights: BaseModel,
    adapter: Path | None,
    template: Template,
    section: Export,
    sampling: Sampling,
    name: str,
    directory: Path,
) -> Exported:
    """Writes directory/<name>-<type>.gguf for each of section.types, and directory/Modelfile over the smallest.

    weights: the base model under an adapter, or the whole model after full training (adapter None). Each weight is read
    once, merged as W + scale·B·A in float32 and written in every type; there is no merged copy on disk, and
    memory holds a few blocks of rows. The directory appears, or replaces the one before it, when all of it is written.
    Raises TweetstyleError for what cannot be exported, no room, no right to write, damaged weights.
    """
    source = read_source(weights, template)
    merged = read_adapter(adapter, source.plan) if adapter else None
    types = tuple(dict.fromkeys(section.types))
    names = {file_type: f"{name}-{file_type}.gguf" for file_type in types}
    for file_name in names.values():
        check_name(file_name)
    # What a killed export left behind is room for this one.
    shutil.rmtree(partial_sibling(directory), ignore_errors=True)
    require_disk(directory, disk_needed(weights, types))
    with complete_directory(directory) as partial:
        files = {t: GgufFile(partial / names[t], t, source.llama, source.plan) for t in types}
        try:
            _write(source, merged, files, template, name)
        except OSError as error:
            if error.errno == errno.EFBIG:
                hint = "use another disk (FAT ends at 4 GiB), or raise the limit (ulimit -f)"
                raise TweetstyleError("no file may be this large here", where=str(directory), hint=hint) from error
            raise
        smallest = min(types, key=lambda t: files[t].path.stat().st_size)
        text = modelfile(names[smallest], template, section, sampling)
        (partial / "Modelfile").write_text(text, encoding="utf-8")
    written = {file_type: directory / names[file_type] for file_type in types}
    total = sum(path.stat().st_size for path in (*written.values(), directory / "Modelfile"))
    return Exported(written, directory / "Modelfile", total)


def check_exportable(weights: BaseModel, template: Template) -> None:
    """Refuses, before a training that would be in vain, a model or a format that cannot be exported. Reads no weights."""
    read_source(weights, template)
    check_modelfile(template)


def read_source(weights: BaseModel, template: Template) -> Source:
    """Reads config.json, the headers of the shards and tokenizer.json, and checks that they fit together."""
    llama = read_llama(weights.config, weights.path)
    plan, stored = list(tensor_plan(llama)), read_headers(weights.shards)
    check_tensors(plan, stored, weights.path)
    return Source(llama, plan, stored, read_vocabulary(weights, template, llama.vocabulary))


def _write(source: Source, adapter: Adapter | None, files: dict[str, GgufFile], template: Template, name: str) -> None:
    """One pass over the weights; every file gets each block in its own type."""

    def blocks() -> Iterator[Block]:
        for tensor in source.plan:
            kinds = frozenset(file.kinds[tensor.name] for file in files.values())
            yield from cut_into_blocks(tensor, source.stored[tensor.source], adapter, kinds)

    total = sum(source.stored[tensor.source].nbytes for tensor in source.plan)
    with ExitStack() as stack:
        for file in files.values():
            stack.callback(file.close)
            file.begin(source.vocabulary, name, template.jinja())
        bar = stack.enter_context(tqdm(total=total, unit="B", unit_scale=True, desc="export " + "+".join(files), disable=None))
        converted = stack.enter_context(closing(convert_in_order(blocks())))
        for block, rows in converted:
            for file in files.values():
                file.write(block.tensor, rows)
            bar.update(block.source_bytes)
