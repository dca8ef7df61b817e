"""Writes one GGUF file: metadata, table of tensors, tensors block by block."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
from gguf import GGUFWriter

from tweetstyle.export.blocks import WEIGHTED, Form
from tweetstyle.export.vocabulary import Vocabulary
from tweetstyle.model.imatrix import Imatrix
from tweetstyle.model.llama import FILE_TYPES, TAKE_IMPORTANCE, Llama, Tensor, rope_factors, tensor_type, type_bytes

ROPE_FACTORS = "rope_freqs.weight"


class GgufFile:
    """A GGUF of one type. Opened by `begin`, fed in the plan's order by `write`, closed by `close`.

    imatrix: what the errors of its tensors are weighed by; None: by nothing.
    """

    def __init__(self, path: Path, file_type: str, llama: Llama, plan: list[Tensor], imatrix: Imatrix | None = None) -> None:
        self.path = path
        self._imatrix = imatrix
        self.kinds = {tensor.name: tensor_type(file_type, tensor, llama) for tensor in plan}
        self.forms: dict[str, Form] = {
            name: (kind, WEIGHTED) if imatrix and name in imatrix.sums and kind in TAKE_IMPORTANCE else kind
            for name, kind in self.kinds.items()
        }
        self._bytes_left = {tensor.name: type_bytes(self.kinds[tensor.name], tensor.shape) for tensor in plan}
        self._file_type, self._llama, self._plan = file_type, llama, plan
        self._writer = GGUFWriter(path, "llama")

    def begin(self, vocabulary: Vocabulary, name: str, chat_template: str | None) -> None:
        """Writes everything before the weights, and the rotary factors, which are computed."""
        writer, factors = self._writer, rope_factors(self._llama)
        self._describe(name)
        vocabulary.write(writer)
        if chat_template is not None:
            writer.add_chat_template(chat_template)
        if factors is not None:
            writer.add_tensor_info(ROPE_FACTORS, factors.shape, factors.dtype, factors.nbytes)
        for tensor in self._plan:
            kind, size = self.kinds[tensor.name], self._bytes_left[tensor.name]
            writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), size, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        (self._stream,) = writer.fout
        self._pad()
        if factors is not None:
            self._stream.write(factors.tobytes())
            self._pad()

    def write(self, tensor: Tensor, converted: dict[Form, np.ndarray]) -> None:
        """The next rows of `tensor`, in the type that it has in this file."""
        data = converted[self.forms[tensor.name]]
        self._stream.write(data)
        self._bytes_left[tensor.name] -= data.nbytes
        if not self._bytes_left[tensor.name]:
            self._pad()

    def close(self) -> None:
        self._writer.close()

    def _pad(self) -> None:
        self._writer.write_padding(self._stream, self._stream.tell())

    def _describe(self, name: str) -> None:
        writer, llama = self._writer, self._llama
        writer.add_type("model")
        writer.add_name(name)
        writer.add_file_type(FILE_TYPES[self._file_type])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        writer.add_block_count(llama.layers)
        writer.add_context_length(llama.positions)
        writer.add_embedding_length(llama.hidden)
        writer.add_feed_forward_length(llama.intermediate)
        writer.add_head_count(llama.heads)
        writer.add_head_count_kv(llama.kv_heads)
        writer.add_key_length(llama.head)
        writer.add_value_length(llama.head)
        writer.add_layer_norm_rms_eps(llama.rms_norm_eps)
        writer.add_rope_freq_base(llama.rope_theta)
        writer.add_rope_dimension_count(llama.head)
        writer.add_vocab_size(llama.vocabulary)
        if self._imatrix:
            # llama-quantize's own keys.
            writer.add_string("quantize.imatrix.dataset", ", ".join(self._imatrix.datasets))
            writer.add_int32("quantize.imatrix.entries_count", len(self._imatrix.sums))
            writer.add_int32("quantize.imatrix.chunks_count", self._imatrix.chunks)
