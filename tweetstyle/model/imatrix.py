"""llama.cpp's importance matrix file, read and written."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file

GENERAL_TYPE, DATASETS, CHUNKS, CHUNK_SIZE = "imatrix", "imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"
SUMS, COUNTS = ".in_sum2", ".counts"
"""llama.cpp, tools/imatrix/imatrix.cpp (the GGUF format, since July 2025)."""


@dataclass(frozen=True)
class Imatrix:
    """sums: GGUF tensor name → float32 [columns], the squares of its inputs summed over `count` tokens.

    chunk: tokens that llama.cpp would call a chunk; datasets: what the tokens were of, in words.
    """

    sums: dict[str, np.ndarray]
    count: int
    chunk: int
    datasets: tuple[str, ...]

    @property
    def chunks(self) -> int:
        return -(-self.count // self.chunk)

    def row(self, name: str) -> np.ndarray | None:
        """float32 [columns]: the mean square of each input, as ggml_quantize_chunk takes it; None where the tensor has none."""
        return self.sums[name] / np.float32(self.count) if name in self.sums else None


def write_imatrix(imatrix: Imatrix, path: Path) -> None:
    """The file, complete or not at all; the same matrix gives the same bytes."""
    from gguf import GGUFWriter

    with tempfile.TemporaryDirectory() as room, complete_file(path, "wb") as stream:
        # GGUFWriter opens its file itself.
        written = Path(room) / path.name
        writer = GGUFWriter(written, "")
        # An imatrix has no architecture, which GGUFWriter writes unasked.
        writer.kv_data[0].pop("general.architecture", None)
        writer.add_type(GENERAL_TYPE)
        writer.add_array(DATASETS, list(imatrix.datasets))
        writer.add_uint32(CHUNKS, imatrix.chunks)
        writer.add_uint32(CHUNK_SIZE, imatrix.chunk)
        for name in sorted(imatrix.sums):
            writer.add_tensor(name + SUMS, np.ascontiguousarray(imatrix.sums[name], np.float32).reshape(1, -1))
            writer.add_tensor(name + COUNTS, np.full((1, 1), imatrix.count, np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        stream.write(written.read_bytes())


def read_imatrix(path: Path) -> Imatrix:
    """Raises TweetstyleError for what is no such file, or one whose numbers cannot weigh anything."""
    from gguf import GGUFReader

    hint = "remove it: the fit stage makes it again"
    try:
        reader = GGUFReader(path)
        values = {key: field.contents() for key, field in reader.fields.items()}
        tensors = {tensor.name: np.array(tensor.data, np.float32).reshape(-1) for tensor in reader.tensors}
        kind, chunk, datasets = values["general.type"], values[CHUNK_SIZE], tuple(values[DATASETS])
        sums = {name.removesuffix(SUMS): sums for name, sums in tensors.items() if name.endswith(SUMS)}
        counts = {float(tensors[name + COUNTS][0]) for name in sums}
    except FileNotFoundError as error:
        raise TweetstyleError("there is no importance matrix", where=str(path), hint="tweetstyle fit RECIPE makes it") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise TweetstyleError("not an importance matrix in llama.cpp's format", where=str(path), hint=hint) from error
    sound = all(np.isfinite(row).all() and (row >= 0).all() for row in sums.values())
    if kind != GENERAL_TYPE or not sums or len(counts) != 1 or not min(counts) > 0 or chunk < 1 or not sound:
        raise TweetstyleError("not an importance matrix that can be used", where=str(path), hint=hint)
    return Imatrix(sums, int(counts.pop()), int(chunk), datasets)
