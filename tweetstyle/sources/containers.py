"""The files of an archive, a zip or a folder, read by name."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tweetstyle.errors import TweetstyleError

SCRIPTS = ("*.js", "data/*.js", "*/*.js", "*/data/*.js")
"""Files of an unpacked archive: in the folder itself, in data/, and in both of them one folder deeper."""


def unreadable(path: Path, error: OSError) -> TweetstyleError:
    hint = "check that it is there, its owner and its mode"
    return TweetstyleError(f"cannot be read ({error.strerror or error})", where=str(path), hint=hint)


class Members:
    """The files of a zip, or the .js files of a folder. `sizes`: name, with /, → bytes. Nothing is unpacked to disk.

    Raises TweetstyleError where the zip or the folder cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._is_folder = path, path.is_dir()
        if self._is_folder:
            files = [file for pattern in SCRIPTS for file in sorted(path.glob(pattern)) if file.is_file()]
            self.sizes = {file.relative_to(path).as_posix(): file.stat().st_size for file in files}
        else:
            with _opened(path, str(path)) as archive:
                self.sizes = {info.filename: info.file_size for info in archive.infolist() if not info.is_dir()}

    def place(self, name: str) -> str:
        """How messages call a file."""
        return str(self.path / name) if self._is_folder else f"{self.path}: {name}"

    def read(self, name: str, limit: int = -1) -> bytes:
        """The bytes of a file, at most `limit`. Raises TweetstyleError for damage and, at the end of a file, for a wrong checksum."""
        if self._is_folder:
            return read_file(self.path / name, limit)
        with _opened(self.path, self.place(name)) as archive, archive.open(name) as stream:
            return stream.read(limit)


def read_file(path: Path, limit: int = -1) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(limit)
    except OSError as error:
        raise unreadable(path, error) from error


@contextmanager
def _opened(path: Path, place: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    # ValueError: names that are not UTF-8, offsets below 0; RuntimeError: encryption, unknown methods
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        hint = "the zip may be damaged or not wholly downloaded: download it again, or unpack it and name the folder"
        raise TweetstyleError(f"cannot be unpacked ({str(error) or 'it ends too early'})", where=place, hint=hint) from error
