"""One text file, on disk or in a zip, as a stream of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources.containers import ZipMembers

HEAD = 2**16
"""Bytes by which a file is recognised."""


class TextFile(NamedTuple):
    """path: the file on disk; size: bytes of the text, unpacked; member: the name within `path`, where that is a zip."""

    path: Path
    size: int
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.member}" if self.member else str(self.path)

    @property
    def name(self) -> str:
        """The name of the file of text, without its folders."""
        return (self.member or self.path.name).rsplit("/", 1)[-1]

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The stream of bytes. Raises TweetstyleError where there is none, and while it is read for damage."""
        try:
            if self.member:
                with ZipMembers(self.path) as archive, archive.open(self.member) as stream:
                    yield stream
            else:
                with self.path.open("rb") as stream:
                    yield stream
        except OSError as error:
            raise unreadable(self.path, error) from error

    def head(self) -> bytes:
        with self.opened() as stream:
            return stream.read(HEAD)


def on_disk(path: Path) -> TextFile:
    try:
        return TextFile(path, path.stat().st_size)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> TweetstyleError:
    hint = "check that it is there, its owner and its mode"
    return TweetstyleError(f"cannot be read ({error.strerror or error})", where=str(path), hint=hint)
