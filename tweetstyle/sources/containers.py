"""Files of an unpacked archive and members of a zip, as streams."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tweetstyle.errors import TweetstyleError

LARGEST_FILE = 16 * 2**30
"""Bytes of one file in a zip, unpacked. A tweet takes about 2 kB: several million tweets."""

# What zipfile raises: ValueError for names that are not UTF-8 and for offsets below 0, RuntimeError for encryption and unknown methods.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError)
_NO_ZIP = (*_DAMAGE, ValueError, RuntimeError)
_AGAIN = "the zip may be damaged or not wholly downloaded: download it again"


def unreadable(path: Path, error: OSError) -> TweetstyleError:
    hint = "check that it is there, its owner and its mode"
    return TweetstyleError(f"cannot be read ({error.strerror or error})", where=str(path), hint=hint)


class FolderMembers:
    """The .js files of a folder, of its folder data, and of both one folder deeper. The same methods as ZipMembers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            deeper = sorted(entry.name for entry in os.scandir(path) if entry.is_dir() and entry.name != "data")
            folders = ["", "data", *(inside for name in deeper for inside in (name, f"{name}/data"))]
            self.names = [str(Path(inside, name)) for inside in folders for name in _scripts(path / inside)]
        except OSError as error:
            raise unreadable(path, error) from error

    def __enter__(self) -> FolderMembers:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    def place(self, name: str) -> str:
        """How messages call a file."""
        return str(self.path / name)

    def size(self, name: str) -> int:
        """Bytes. Raises TweetstyleError where the file is gone."""
        try:
            return (self.path / name).stat().st_size
        except OSError as error:
            raise unreadable(self.path / name, error) from error

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """The bytes of a file. Raises TweetstyleError where it cannot be read."""
        try:
            with (self.path / name).open("rb") as stream:
                yield stream
        except OSError as error:
            raise unreadable(self.path / name, error) from error


def _scripts(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".js") and entry.is_file())


class ZipMembers:
    """The files in a zip. A context manager; `names` are those of the files, with /, in the zip's order. Nothing is unpacked to disk.

    Raises TweetstyleError where the file is no readable zip.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except _NO_ZIP as error:
            raise TweetstyleError(f"is not a zip that can be read ({error})", where=str(path), hint=_AGAIN) from error
        # Some programs for Windows write the names with \.
        self._members = {info.filename.replace("\\", "/"): info for info in self._zip.infolist() if not info.filename.endswith(("/", "\\"))}
        self.names = list(self._members)

    def __enter__(self) -> ZipMembers:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def place(self, name: str) -> str:
        """How messages call a member."""
        return f"{self.path}: {name}"

    def size(self, name: str) -> int:
        """Bytes, unpacked, as the zip's directory says."""
        return self._members[name].file_size

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """The unpacked bytes of a member. Raises TweetstyleError for damage while it is read, at the end for a wrong checksum."""
        place = self.place(name)
        if self.size(name) > LARGEST_FILE:
            what = f"unpacks to {self.size(name) / 2**30:,.0f} GiB: no archive of tweets is so large"
            raise TweetstyleError(what, where=place, hint="take the zip as X gave it")
        try:
            stream = self._zip.open(self._members[name])
        except RuntimeError as error:  # encrypted, or packed by a method that Python does not know
            hint = "unpack the zip with another program and name the folder"
            raise TweetstyleError(f"cannot be unpacked ({error})", where=place, hint=hint) from error
        except (*_DAMAGE, ValueError) as error:
            raise _damaged(place, error) from error
        try:
            with stream:
                yield stream
        except _DAMAGE as error:
            raise _damaged(place, error) from error


def _damaged(place: str, error: Exception) -> TweetstyleError:
    return TweetstyleError(f"cannot be unpacked ({str(error) or 'it ends too early'})", where=place, hint=_AGAIN)
