"""Ollama's own converter and quantiser, as a second source: what `ollama create` makes of a safetensors directory."""

import json
import subprocess
import tempfile
import weakref
from pathlib import Path

import gguf
from support.ollama import OllamaError, OllamaServer
from support.tiny_llama import write_llama

_LOADED: weakref.WeakSet[OllamaServer] = weakref.WeakSet()
"""Servers that have loaded a model."""


def by_ollama(ollama: OllamaServer, name: str, model: Path, quantisation: str | None, room: Path) -> gguf.GGUFReader:
    """The GGUF of the Hugging Face directory `model`, which must hold its weights: Ollama pulls a FROM that it does not find.

    name: of the model in Ollama; quantisation: as `-q` takes it, None for none (F16, or BF16 where the weights are); room: for a Modelfile.
    """
    if quantisation and ollama not in _LOADED:
        _load_a_model(ollama)
    if not (model / "config.json").is_file():
        raise FileNotFoundError(model / "config.json")
    (room / "Modelfile").write_text(f"FROM {model.absolute()}\n")
    command = [str(ollama.binary), "create", name, *(["-q", quantisation] if quantisation else []), "-f", str(room / "Modelfile")]
    done = subprocess.run(command, env=ollama.environment, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise OllamaError(f"ollama create: {done.stderr[-500:]}")
    manifest = json.loads((ollama.home / "models/manifests/registry.ollama.ai/library" / name / "latest").read_text())
    (digest,) = [layer["digest"] for layer in manifest["layers"] if layer["mediaType"].endswith(".model")]
    return gguf.GGUFReader(ollama.home / "models/blobs" / digest.replace(":", "-"))


def tensors(reader: gguf.GGUFReader) -> dict[str, gguf.ReaderTensor]:
    return {tensor.name: tensor for tensor in reader.tensors}


def types(found: dict[str, gguf.ReaderTensor]) -> dict[str, str]:
    """Name → type."""
    return {name: tensor.tensor_type.name for name, tensor in found.items()}


def metadata(reader: gguf.GGUFReader) -> dict[str, object]:
    """Every key of the file; not the counts of its header, which follow."""
    return {key: field.contents() for key, field in reader.fields.items() if not key.startswith("GGUF.")}


def _load_a_model(ollama: OllamaServer) -> None:
    """Ollama 0.11.4 looks half floats up in a table that is filled when its server first loads a model. Before that F16 weights and
    the scales of K-quants are read as zero: `create -q` on a server just started writes a model of zeros, without a word."""
    with tempfile.TemporaryDirectory() as room:
        by_ollama(ollama, "loaded-first", write_llama(Path(room) / "model").path, None, Path(room))
    ollama.generate("loaded-first", "a", {"num_predict": 1}, raw=True)
    _LOADED.add(ollama)
