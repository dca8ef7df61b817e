"""Which files of a source its tweets depend on: what has to change before it is read again."""

from __future__ import annotations

from pathlib import Path

PATTERNS = ("tweets.csv", "manifest.js", "tweet*.js", "data/manifest.js", "data/account.js", "data/tweet*.js", "data/note-tweet*.js",
            "data/community-tweet*.js")  # fmt: skip


def files_of(source: Path) -> list[Path]:
    """The file itself; of a folder, the files in it that hold tweets or say who wrote them, in a fixed order."""
    if not source.is_dir():
        return [source]
    return sorted({file for pattern in PATTERNS for file in source.glob(pattern) if file.is_file()})
