"""Base models by their hub names: size, licence, where they are. No network."""

import os
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, _

TERMS = {
    "llama": N_("the Llama {version} Community License, to be accepted on the model's page"),
    "apache": N_("Apache-2.0, no sign-in needed"),
    "gaperon": N_("the licence on the model's page, to be read there; a form gives access"),
}
BY_MAKE = Path("model") / "smollm2-135m-instruct"
"""Where `make base-model` puts the demo's (scripts/demo_base_model.py)."""
TOKENIZER_BYTES = 72
"""Bytes of a tokenizer.json for each token of the vocabulary: Llama 3's has 9.1 MB for 128,256."""


@dataclass(frozen=True)
class Known:
    """name: among KNOWN; repository: on the hub; directory: where the recipes look for it; terms: its licence, of TERMS, in `version`."""

    name: str
    repository: str
    directory: Path
    terms: str
    version: str = ""

    @property
    def config(self) -> dict[str, Any]:
        return KNOWN[self.name]

    @property
    def download_bytes(self) -> int:
        """The 16-bit weights and the tokenizer."""
        from tweetstyle.model.config import read_shape

        shape = read_shape(self.config)
        return 2 * shape.parameters + TOKENIZER_BYTES * shape.vocabulary

    @property
    def how_to_get(self) -> str:
        """One sentence with the command that fetches it."""
        values = {"name": self.name, "size": self.download_bytes / 1e9, "licence": _(TERMS[self.terms], version=self.version)}
        command = download_command(self.repository, self.directory)
        return _("download {name} ({size:.1f} GB, under {licence}): {command}", **values, command=command)


_TABLE = yaml.safe_load(files("tweetstyle").joinpath("model/known_models.yaml").read_text(encoding="utf-8"))
KNOWN: dict[str, dict[str, Any]] = {name: dict(zip(_TABLE["keys"], shape, strict=True)) for name, shape in _TABLE["shapes"].items()}
"""Models by name, smallest first, with the numbers of their config.json."""
HUB = tuple(Known(name, repository, Path("model") / directory, *licence) for name, repository, directory, *licence in _TABLE["hub"])


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
    download = HUB[0].how_to_get
    if ":" in path.name or path.is_file():
        return _(
            "a base model is a directory of 16-bit safetensors, not a quantised GGUF or an Ollama model: {what_to_do}", what_to_do=download
        )
    return _("run make base-model for the small default, or {download}", download=download)


def how_to_complete(directory: Path) -> str:
    """What to do where files of a base model are missing: `hf download` fetches what is not there yet."""
    return how_to_make_again(directory) or _("download the rest with: {command}", command=fetch_command(directory))


def how_to_replace(directory: Path, *names: str) -> str:
    """What to do where these files of a base model, or all of it, are damaged or another model's.

    Without --force-download `hf download` takes a file that is there for whole (huggingface_hub/file_download.py).
    """
    command = fetch_command(directory, *names)
    return how_to_make_again(directory) or _("download it again with: {command} --force-download", command=command)


def how_to_make_again(directory: Path) -> str:
    """For a directory that `make base-model` made; empty for others."""
    command = f"rm -r {BY_MAKE} && make base-model"
    return _("make it again: {command}", command=command) if (directory / "origin.json").is_file() else ""


def fetch_command(directory: Path, *names: str) -> str:
    """The command that fetches these files of the base model there, or all of it. OWNER/NAME: a name that only the user knows."""
    if known := known_model(directory):
        return download_command(known.repository, directory, *names)
    if directory.parent.name == "snapshots":
        return download_command(directory.parents[1].name.removeprefix("models--").replace("--", "/", 1), None, *names)
    return download_command("OWNER/NAME", directory, *names)


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
