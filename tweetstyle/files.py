"""Files that are complete or absent, fingerprints, and small files read back."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _

WHOLE_FILE_LIMIT = 256 * 2**20
SAMPLED_BLOCKS, BLOCK = 64, 2**20
PARTIAL = ".partial"

Content = TypeVar("Content")


def sync_directory(path: Path) -> None:
    """Makes the renames inside a directory survive a power loss (POSIX fsync on the directory)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(path: Path) -> None:
    """Puts a directory on the disk: the content of its files, which native writers leave in the system's cache, then the names in it."""
    inside = sorted(path.rglob("*"))
    for file in filter(Path.is_file, inside):
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
    for directory in [*filter(Path.is_dir, reversed(inside)), path]:
        sync_directory(directory)


def partial_sibling(path: Path) -> Path:
    """The one name under which an output is written before it is complete: the next run finds it and clears it."""
    return path.with_name(f".{path.name}{PARTIAL}")


@contextlib.contextmanager
def clear_os_errors(path: Path) -> Iterator[None]:
    """Turns a full disk and a read-only place into one clear message; other OS errors pass."""
    try:
        yield
    except OSError as error:
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                free = shutil.disk_usage(existing_parent(path)).free
                what = _("the disk is full")
                hint = _("{free:,.0f} MiB are free; make room and run again: completed work is kept", free=free / 2**20)
            case errno.EACCES | errno.EROFS | errno.EPERM:
                what, hint = _("no right to write here"), _("check its owner and mode")
            case errno.EFBIG:
                what = _("no file may be this large here")
                hint = _("use another disk (FAT ends at 4 GiB), or raise the limit (ulimit -f)")
            case _:
                raise
        raise TweetstyleError(what, where=str(path), hint=hint) from error


def existing_parent(path: Path) -> Path:
    """The nearest directory above (or at) `path` that exists: where its disk space is."""
    path = path.absolute()
    while not path.is_dir():
        path = path.parent
    return path


@contextlib.contextmanager
def complete_file(path: Path, mode: str = "w", *, newline: str | None = None) -> Iterator[IO]:
    """Opens a stream whose content appears at `path` only when the block ends without an error."""
    temporary = partial_sibling(path)
    with clear_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open(mode, encoding=None if "b" in mode else "utf-8", newline=newline) as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


@contextlib.contextmanager
def complete_directory(path: Path) -> Iterator[Path]:
    """Gives an empty sibling directory that becomes `path` (replacing it) only when the block ends without an error.

    The one that it replaces is renamed first and removed last: killed at any moment, `path` is the old one, the new one or,
    until the next run puts the old one back, nothing; never half of either.
    """
    temporary, replaced = partial_sibling(path), path.with_name(f".{path.name}.replaced")
    with clear_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _put_back(replaced, path)
        if temporary.exists():
            shutil.rmtree(temporary)
        temporary.mkdir()
        try:
            yield temporary
            sync_tree(temporary)
            if path.exists():
                os.replace(path, replaced)
            os.replace(temporary, path)
        except BaseException:
            _put_back(replaced, path)
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_directory(path.parent)
        shutil.rmtree(replaced, ignore_errors=True)


def _put_back(replaced: Path, path: Path) -> None:
    """The old directory where its place is still empty; else it was replaced, and only its removal was cut off."""
    if replaced.exists() and not path.exists():
        os.replace(replaced, path)
    shutil.rmtree(replaced, ignore_errors=True)


def read_back(path: Path, content: type[Content]) -> Content | None:
    """What a small JSON file of the program's own holds; None where it is missing, damaged, or not of the type `content`."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(content).validate_json(path.read_bytes(), strict=True)
    except (OSError, ValidationError):
        return None


def read_object(path: Path) -> dict[str, Any]:
    """The same of any JSON object; {} where it is missing or damaged."""
    return read_back(path, dict[str, Any]) or {}


def read_json_lines(path: Path, *required: str) -> list[dict[str, Any]]:
    """The objects of a file that grows a line at a time, up to the first damaged line; [] where there is no file.

    A kill cuts the last line anywhere, also within a character. required: fields without which a line counts as damaged.
    """
    lines: list[dict[str, Any]] = []
    for text in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
        except ValueError:
            break
        if not isinstance(line, dict) or any(name not in line for name in required):
            break
        lines.append(line)
    return lines


def fingerprint(path: Path) -> str:
    """SHA-256 over a file: whole up to 256 MiB; beyond, which takes long, over its size and 64 blocks of 1 MiB spread evenly."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        if size <= WHOLE_FILE_LIMIT:
            while block := stream.read(BLOCK):
                digest.update(block)
        else:
            for index in range(SAMPLED_BLOCKS):
                stream.seek((size - BLOCK) * index // (SAMPLED_BLOCKS - 1))
                digest.update(stream.read(BLOCK))
    return digest.hexdigest()


def fingerprints(paths: list[Path], relative_to: Path | None = None) -> dict[str, str]:
    """path → fingerprint for each file, the paths as given or relative to a directory."""
    return {str(p.relative_to(relative_to) if relative_to else p): fingerprint(p) for p in paths}
