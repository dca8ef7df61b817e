"""HTML pages: the files they are made of. Nothing is loaded from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

SECURITY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page may load nothing and run nothing, whatever an archive contains."""


@cache
def asset(path: str) -> str:
    """A text file of the package, by its path in it, such as pages/style.css."""
    return files("tweetstyle").joinpath(path).read_text(encoding="utf-8")
