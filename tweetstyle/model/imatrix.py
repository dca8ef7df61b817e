"""llama.cpp's importance matrix file, read and written."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file
from tweetstyle.locale import _

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

    with complete_file(path, "wb") as stream:
        writer = GGUFWriter(stream.name, "")
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


def read_imatrix(path: Path) -> Imatrix:
    """Raises TweetstyleError for a file that is missing or not an importance matrix."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
        values = {key: field.contents() for key, field in reader.fields.items()}
        tensors = {tensor.name: np.array(tensor.data, np.float32).reshape(-1) for tensor in reader.tensors}
        sums = {name.removesuffix(SUMS): row for name, row in tensors.items() if name.endswith(SUMS)}
        count = int(tensors[f"{next(iter(sums))}{COUNTS}"][0])
        return Imatrix(sums, count, int(values[CHUNK_SIZE]), tuple(values[DATASETS]))
    except (OSError, ValueError, KeyError, IndexError, TypeError, StopIteration) as error:
        hint = _("remove it and run: tweetstyle fit RECIPE")
        raise TweetstyleError(_("this is not an importance matrix in llama.cpp's format"), where=str(path), hint=hint) from error
