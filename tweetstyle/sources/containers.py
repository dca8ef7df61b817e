"""Files of an unpacked archive and members of a zip, as streams."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import zipfile
import zlib
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


LARGEST_TOTAL = 16 * 2**30
"""Bytes read from one zip, unpacked. A tweet takes about 2 kB: several million tweets."""
LARGEST_RATIO = 250
"""Unpacked bytes to packed ones. X's files reach 10 to 30; deflate can do 1,032, and bombs do."""
RATIO_COUNTS_FROM = 64 * 2**20
"""Bytes. What unpacks to less harms nobody, however well it was packed."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What zipfile raises for damage: ValueError is for names that are no UTF-8 and for offsets below 0, RuntimeError for encryption.
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, OverflowError)
_AGAIN = "the zip may be damaged or not wholly downloaded: download it again"


class ZipMembers:
    """The files in a zip. A context manager; `names` are those of the files, with /, in the zip's order.

    Raises TweetstyleError where the file is no readable zip, or where a name would lead out of a folder it is unpacked into.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._total = 0
        self._twice: set[str] = set()
        self._members: dict[str, zipfile.ZipInfo] = {}
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise TweetstyleError(f"is not a zip that can be read ({error})", where=str(path), hint=_AGAIN) from error
        try:
            for info in self._zip.infolist():
                self._add(info)
        except TweetstyleError:
            self._zip.close()
            raise
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

    def open(self, name: str) -> io.BufferedReader:
        """The unpacked bytes of a member. Reading raises TweetstyleError for damage, at the end for a wrong checksum."""
        info, place = self._members[name], self.place(name)
        if name in self._twice:
            raise TweetstyleError("occurs twice in the zip", where=place, hint="take the zip as X gave it")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise TweetstyleError("is a link or a device, not a file", where=place, hint="take the zip as X gave it")
        if info.flag_bits & 0x1:
            raise TweetstyleError("is encrypted", where=place, hint="unpack the zip with its password and name the folder")
        if info.compress_type not in _METHODS:
            hint = "unpack the zip with another program and name the folder"
            raise TweetstyleError(f"is packed by a method that is not read here ({info.compress_type})", where=place, hint=hint)
        try:
            return io.BufferedReader(_Unpacked(self, self._zip.open(info), info, place))
        except _DAMAGE as error:
            raise _damaged(place, error) from error

    def count(self, read: int, place: str) -> None:
        """Adds to the bytes read from all members; raises TweetstyleError beyond LARGEST_TOTAL."""
        self._total += read
        if self._total > LARGEST_TOTAL:
            what = f"the zip unpacks to more than {LARGEST_TOTAL / 2**30:,.0f} GiB"
            raise TweetstyleError(what, where=place, hint="this is no archive of tweets; take the zip as X gave it")

    def _add(self, info: zipfile.ZipInfo) -> None:
        # Some programs for Windows write the names with \.
        name = info.filename.replace("\\", "/")
        if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/") or "\0" in info.orig_filename:
            what = f"holds a file whose name leads out of the archive: {info.orig_filename[:80]!r}"
            raise TweetstyleError(what, where=str(self.path), hint="take the zip as X gave it")
        if name.endswith("/"):
            return
        if name in self._members:
            self._twice.add(name)
        self._members[name] = info


class _Unpacked(io.RawIOBase):
    """A member's bytes, counted while they are read, not trusting the headers."""

    def __init__(self, members: ZipMembers, stream: zipfile.ZipExtFile, info: zipfile.ZipInfo, place: str) -> None:
        self._members, self._stream, self._place = members, stream, place
        # A packed size beyond the zip's own would make any ratio look small.
        self._most = max(RATIO_COUNTS_FROM, LARGEST_RATIO * min(info.compress_size, members.path.stat().st_size))
        self._left, self._read = info.file_size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        try:
            data = self._stream.read(len(buffer))
        except _DAMAGE as error:
            raise _damaged(self._place, error) from error
        self._read += len(data)
        self._members.count(len(data), self._place)
        if self._read > self._most:
            what = f"unpacks to more than {LARGEST_RATIO} times its packed size"
            raise TweetstyleError(what, where=self._place, hint="this is no archive of tweets; take the zip as X gave it")
        if not data and len(buffer) and self._read < self._left:
            raise _damaged(self._place, f"it ends after {self._read:,} of {self._left:,} bytes")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _damaged(place: str, error: object) -> TweetstyleError:
    return TweetstyleError(f"cannot be unpacked ({str(error) or 'it ends too early'})", where=place, hint=_AGAIN)
