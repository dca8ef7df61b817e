"""Finds pickled weights and refuses them with the reason."""

from __future__ import annotations

from pathlib import Path

from tweetstyle.errors import TweetstyleError

PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
"""Endings under which weights lie as pickles."""
A_PROGRAM = "a pickle is a program, which runs when it is loaded"
WHY_NO_PICKLE = A_PROGRAM + "; take the model's safetensors files, or let someone who trusts the file convert it"


def pickled(directory: Path) -> list[str]:
    """Files that may be pickled weights, Meta's own original/consolidated.*.pth among them."""
    return sorted(str(f.relative_to(directory)) for place in (".", "original") for e in PICKLED for f in directory.glob(f"{place}/{e}"))


def require_safetensors(directory: Path, name: str, hint: str) -> None:
    """Refuses a directory without the weights `name`; where there are pickled ones in their place, with the reason."""
    if (directory / name).is_file():
        return
    if named := pickled(directory):
        raise TweetstyleError(f"there are only pickled weights ({named[0]})", where=str(directory), hint=WHY_NO_PICKLE)
    raise TweetstyleError(f"there is no {name}", where=str(directory), hint=hint)
