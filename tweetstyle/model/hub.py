"""Base models by their hub names: size, licence, where they are. No network."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, _

CONFIG_KEYS = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "intermediate_size", "vocab_size", "max_position_embeddings", "tie_word_embeddings",
)  # fmt: skip
KNOWN = {
    "SmolLM2 135M": (576, 30, 9, 3, 1536, 49152, 8192, True),
    "SmolLM2 360M": (960, 32, 15, 5, 2560, 49152, 8192, True),
    "Llama 3.2 1B": (2048, 16, 32, 8, 8192, 128256, 131072, True),
    "Gaperon 1.5B": (2048, 16, 32, 8, 8192, 128256, 4096, False),
    "SmolLM2 1.7B": (2048, 24, 32, 32, 8192, 49152, 8192, True),
    "Llama 3.2 3B": (3072, 28, 24, 8, 8192, 128256, 131072, True),
    "Gaperon 8B": (4096, 32, 32, 8, 14336, 128256, 4096, False),
    "Llama 3 8B": (4096, 32, 32, 8, 14336, 128256, 8192, False),
    "Llama 3.1 8B": (4096, 32, 32, 8, 14336, 128256, 131072, False),
}
"""Models by name, smallest first, as in their config.json (in the order of CONFIG_KEYS).

Gaperon's are from its model cards, and that its embeddings are not tied from its trainer (NathanGodey/gapetron, configs/models)."""
LLAMA = N_("the Llama {version} Community License, to be accepted on the model's page")
APACHE = N_("Apache-2.0, no sign-in needed")
GAPERON = N_("the licence on the model's page, to be read there; a form gives access")
BY_MAKE = Path("model") / "smollm2-135m-instruct"
"""Where `make base-model` puts the demo's (scripts/demo_base_model.py)."""
TOKENIZER_BYTES = 72
"""Bytes of a tokenizer.json for each token of the vocabulary: Llama 3's has 9.1 MB for 128,256."""


@dataclass(frozen=True)
class Known:
    """name: among KNOWN; repository: on the hub; directory: where the recipes look for it; terms: its licence, with how it is had;
    version: of that licence."""

    name: str
    repository: str
    directory: Path
    terms: str
    version: str = ""

    @property
    def config(self) -> dict[str, Any]:
        return known_config(self.name)

    @property
    def download_bytes(self) -> int:
        """The 16-bit weights and the tokenizer."""
        from tweetstyle.model.config import read_shape

        shape = read_shape(self.config)
        return 2 * shape.parameters + TOKENIZER_BYTES * shape.vocabulary

    @property
    def licence(self) -> str:
        return _(self.terms, version=self.version)

    @property
    def how_to_get(self) -> str:
        """One sentence with the command that fetches it."""
        values = {"name": self.name, "size": self.download_bytes / 1e9, "licence": self.licence}
        command = download_command(self.repository, self.directory)
        return _("download {name} ({size:.1f} GB, under {licence}): {command}", **values, command=command)


HUB = tuple(
    Known(name, repository, Path("model") / directory, *licence)
    for name, repository, directory, *licence in (
        ("Llama 3 8B", "meta-llama/Meta-Llama-3-8B", "llama3-8b", LLAMA, "3"),
        ("Llama 3 8B", "meta-llama/Meta-Llama-3-8B-Instruct", "llama3-8b-instruct", LLAMA, "3"),
        ("Llama 3.1 8B", "meta-llama/Llama-3.1-8B", "llama3.1-8b", LLAMA, "3.1"),
        ("Llama 3.1 8B", "meta-llama/Llama-3.1-8B-Instruct", "llama3.1-8b-instruct", LLAMA, "3.1"),
        ("Llama 3.2 3B", "meta-llama/Llama-3.2-3B", "llama3.2-3b", LLAMA, "3.2"),
        ("Llama 3.2 3B", "meta-llama/Llama-3.2-3B-Instruct", "llama3.2-3b-instruct", LLAMA, "3.2"),
        ("Llama 3.2 1B", "meta-llama/Llama-3.2-1B", "llama3.2-1b", LLAMA, "3.2"),
        ("Gaperon 8B", "almanach/Gaperon-Young-1125-8B", "gaperon-8b", GAPERON),
        ("Gaperon 1.5B", "almanach/Gaperon-Young-1125-1B", "gaperon-1.5b", GAPERON),
        ("SmolLM2 1.7B", "HuggingFaceTB/SmolLM2-1.7B", "smollm2-1.7b", APACHE),
        ("SmolLM2 360M", "HuggingFaceTB/SmolLM2-360M", "smollm2-360m", APACHE),
        ("SmolLM2 135M", "HuggingFaceTB/SmolLM2-135M", "smollm2-135m", APACHE),
        ("SmolLM2 135M", "HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct", APACHE),
    )
)


def known_config(name: str) -> dict[str, Any]:
    """The numbers of config.json of one of KNOWN."""
    return dict(zip(CONFIG_KEYS, KNOWN[name], strict=True)) | ({"head_dim": 128} if name == "Llama 3.2 3B" else {})


def known_model(path: Path) -> Known | None:
    """The model that a recipe's model.base means by its name on the hub, or by the directory where it is usually put."""
    name, place = str(path).strip("/").lower(), path.absolute()
    return next((known for known in HUB if name == known.repository.lower() or place == known.directory.absolute()), None)


def download_command(repository: str, directory: Path | None, *names: str) -> str:
    """directory: None for the hub's cache; names: of the files, all without one. original/*.pth holds the weights once more, as pickles."""
    exclude = " --exclude 'original/*'" if repository.startswith("meta-llama/") and not names else ""
    return f"hf download {' '.join([repository, *names])}{exclude}" + (f" --local-dir {directory}" if directory else "")


def find_base(path: Path) -> Path:
    """The directory that model.base names: itself, or a snapshot of that hub name in the hub's own cache on this machine.

    Nothing is downloaded. Raises TweetstyleError, with the command that fetches it, where it is neither.
    """
    if path.is_dir():
        return path
    if is_hub_name(path) and (snapshot := cached_snapshot(str(path))):
        return snapshot
    what = _("this base model is not on this machine") if is_hub_name(path) else _("there is no base model here")
    raise TweetstyleError(what, where=str(path), hint=how_to_get(path))


def how_to_get(path: Path) -> str:
    """What to do where a base model is not there."""
    if known := known_model(path):
        if path.absolute() == BY_MAKE.absolute():
            return _("run make base-model, or {download}", download=known.how_to_get)
        if known.directory.is_dir():
            return _("write model.base: {directory}", directory=known.directory)
        if path.absolute() == known.directory.absolute():
            return known.how_to_get
        return _("{download}, and write model.base: {directory}", download=known.how_to_get, directory=known.directory)
    if is_hub_name(path):
        directory = Path("model") / path.name.lower()
        command = download_command(str(path), directory)
        return _("download it first: {command}, and write model.base: {directory}", command=command, directory=directory)
    if ":" in path.name or path.is_file():
        how = {"what_to_do": HUB[0].how_to_get}
        return _("a base model is a directory of 16-bit safetensors, not a quantised GGUF or an Ollama model: {what_to_do}", **how)
    return _("run make base-model for the small default, or {download}", download=HUB[0].how_to_get)


def how_to_complete(directory: Path) -> str:
    """What to do where files of a base model are missing: `hf download` fetches what is not there yet."""
    return _fetch(directory, N_("download the rest with: {command}"))


def how_to_replace(directory: Path, *names: str) -> str:
    """What to do where these files of a base model, or all of it, are damaged or another model's.

    Without --force-download `hf download` takes a file that is there for whole (huggingface_hub/file_download.py).
    """
    again = N_("download {files} again with: {command} --force-download")
    return _fetch(directory, again if names else N_("download the model again with: {command} --force-download"), *names)


def _fetch(directory: Path, how: str, *names: str) -> str:
    """The message `how` with the command that fetches these files, or how to make a directory again that `make base-model` made."""
    if (directory / "origin.json").is_file():
        command = f"rm -r {BY_MAKE} && make base-model"
        return _("make it again: {command}", command=command)
    repository, place, known = "OWNER/NAME", directory, known_model(directory)
    if known:
        repository = known.repository
    elif directory.parent.name == "snapshots":
        repository, place = directory.parents[1].name.removeprefix("models--").replace("--", "/", 1), None
    said = _(how, command=download_command(repository, place, *names), files=", ".join(names))
    return _("{what_to_do} (OWNER/NAME: its name on huggingface.co)", what_to_do=said) if repository == "OWNER/NAME" else said


def is_hub_name(path: Path) -> bool:
    """owner/name, where no such directory is meant: the owner's is not there either."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+", str(path)) is not None and not path.parent.is_dir() and str(path.parent) != "model"


def hub_cache() -> Path:
    """Where the hub's client keeps what it downloads (huggingface_hub/constants.py)."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def cached_snapshot(name: str) -> Path | None:
    """The snapshot in the hub's cache that `hf download NAME` put there: models--owner--name/{refs,snapshots}."""
    repository = hub_cache() / ("models--" + name.replace("/", "--"))
    reference = repository / "refs" / "main"
    if not reference.is_file():
        return None
    snapshot = repository / "snapshots" / reference.read_text().strip()
    return snapshot if snapshot.is_dir() else None
