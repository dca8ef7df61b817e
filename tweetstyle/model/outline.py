"""A base model as far as a plan must know it: config.json alone, or, before anything is downloaded, its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.base import check_architecture, check_kind
from tweetstyle.model.hub import TOKENIZER_BYTES, find_base, known_model
from tweetstyle.model.json_files import read_json
from tweetstyle.model.weight_files import find_weights, weight_names


@dataclass(frozen=True)
class Outline:
    """missing: names of files that training needs and that are not there; known_as: whose shape stands in for a missing config.json."""

    path: Path
    config: dict[str, Any]
    missing: tuple[str, ...]
    known_as: str | None = None

    @property
    def whole(self) -> bool:
        """Whether every file is there, by its name."""
        return not self.missing and self.known_as is None

    @property
    def tokenizer_bytes(self) -> int:
        """Of tokenizer.json; as large as Llama 3's for its vocabulary where it is not there."""
        file = self.path / "tokenizer.json"
        return file.stat().st_size if file.is_file() else TOKENIZER_BYTES * self.config["vocab_size"]

    @property
    def bytes_there(self) -> int:
        """Of the weights in the directory: of those that are loaded, or of all while some are missing."""
        files = [self.path / name for name in weight_names(self.path, self.config)] if self.whole else self.path.glob("*.safetensors")
        return sum(file.stat().st_size for file in files)


def outline_base_model(path: Path) -> Outline:
    """Reads config.json and looks which other files are there; a model known by its name need not be there at all.

    Raises TweetstyleError for an unknown model that is not there, one that is named as on the hub and lies in its usual directory, no
    config.json, another architecture than Llama's, what is no base model (an adapter, pickles, a GGUF), and, where every file is there,
    what weight_files.find_weights refuses.
    """
    known = None if path.exists() else known_model(path)
    try:
        directory = find_base(path)
    except TweetstyleError:
        if known is None or known.directory.is_dir():
            raise
        return Outline(path, known.config, (), known.name)
    check_kind(directory)
    config = read_json(directory / "config.json")
    check_architecture(directory, config)
    names = ["tokenizer.json", "tokenizer_config.json", *weight_names(directory, config)]
    missing = tuple(name for name in names if not (directory / name).is_file())
    if not missing:
        find_weights(directory, config)
    return Outline(directory, config, missing)
