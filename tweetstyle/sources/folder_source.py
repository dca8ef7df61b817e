"""Reads the files of an unpacked archive: only files that lie within its folder, and only such as stay the same meanwhile."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from tweetstyle.errors import TweetstyleError


class FolderMembers:
    """The .js files of a folder, of its folder data, and of both one folder deeper. The same methods as ZipMembers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []
        try:
            self._root = path.resolve(strict=True)
            for inside in ("", "data", *self._deeper()):
                self.names += self._scripts(inside)
        except OSError as error:
            raise _unreadable(str(path), error) from error

    def __enter__(self) -> FolderMembers:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    def place(self, name: str) -> str:
        """How messages call a file."""
        return str(self.path / name)

    def size(self, name: str) -> int:
        """Bytes. Raises TweetstyleError where the file is gone."""
        return self._status(name).st_size

    def open(self, name: str) -> io.BufferedReader:
        """The bytes of a file. Raises TweetstyleError for links out of the folder, and where the file changes before its end."""
        place = self.place(name)
        try:
            inside = (self.path / name).resolve(strict=True).is_relative_to(self._root)
        except (OSError, RuntimeError) as error:
            raise TweetstyleError(f"is a link that leads nowhere ({error})", where=place, hint="unpack the archive again") from error
        if not inside:
            raise TweetstyleError("is a link that leads out of the archive", where=place, hint="put the file itself in its place")
        # A pipe would wait for ever.
        if not stat.S_ISREG(self._status(name).st_mode):
            raise TweetstyleError("is not a file", where=place, hint="unpack the archive again")
        try:
            return io.BufferedReader(_Steady(open(self.path / name, "rb", buffering=0), place))
        except OSError as error:
            raise _unreadable(place, error) from error

    def _status(self, name: str) -> os.stat_result:
        try:
            return (self.path / name).stat()
        except OSError as error:
            raise _unreadable(self.place(name), error) from error

    def _deeper(self) -> list[str]:
        """An archive unpacked into a folder of its own lies a level deeper: in it, or since 2020 in its folder data."""
        folders = sorted(entry.name for entry in os.scandir(self._root) if entry.is_dir() and entry.name != "data")
        return [inside for name in folders for inside in (name, f"{name}/data")]

    def _scripts(self, inside: str) -> list[str]:
        folder = self._root / inside
        names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(".js")) if folder.is_dir() else []
        return [f"{inside}/{name}" if inside else name for name in names]


class _Steady(io.RawIOBase):
    """An open file that must not change until its end is reached."""

    def __init__(self, file: io.FileIO, place: str) -> None:
        self._file, self._place = file, place
        self._before = self._mark()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        try:
            count = self._file.readinto(buffer) or 0
            if not count and self._mark() != self._before:
                raise TweetstyleError("changed while it was read", where=self._place, hint="wait until it is complete and run this again")
            return count
        except OSError as error:
            raise _unreadable(self._place, error) from error

    def close(self) -> None:
        self._file.close()
        super().close()

    def _mark(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns


def _unreadable(place: str, error: OSError) -> TweetstyleError:
    return TweetstyleError(f"cannot be read ({error.strerror or error})", where=place, hint="check that it is there, its owner and mode")
