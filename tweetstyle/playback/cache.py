"""Replies of the message model, appended one by one, so a killed run resumes."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tweetstyle.files import clear_os_errors

FILE = "playback-answers.jsonl"


@dataclass(frozen=True, slots=True)
class ModelReply:
    """text: as the model gave it; tokens: how many it took."""

    text: str
    tokens: int


def key_of(*parts: str | float) -> str:
    """What an answer is found by: a digest of everything that decided it."""
    return hashlib.blake2b(json.dumps(parts, ensure_ascii=True).encode(), digest_size=16).hexdigest()


class Cache(AbstractContextManager):
    """key → answer, in memory and in a file of JSON lines. Use as a context manager; many threads may add.

    A last line without its end was cut off by a kill or a power loss: it is dropped and its answer requested again. So is any line
    that does not read; `dropped` counts them.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.dropped = path, 0
        self._answers: dict[str, ModelReply] = {}
        self._lock = threading.Lock()
        self._stream: BinaryIO | None = None
        self._whole = self._read()

    def __len__(self) -> int:
        return len(self._answers)

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            with clear_os_errors(self.path):
                self._stream.flush()
                os.fsync(self._stream.fileno())
                self._stream.close()
            self._stream = None

    def get(self, key: str) -> ModelReply | None:
        return self._answers.get(key)

    def add(self, key: str, id: str, answer: ModelReply) -> None:
        """Remembers an answer: what this returns from has been handed to the operating system, and survives this process."""
        line = json.dumps({"key": key, "id": id, "answer": answer.text, "tokens": answer.tokens}) + "\n"
        with self._lock, clear_os_errors(self.path):
            self._open().write(line.encode())
            self._answers[key] = answer

    def _read(self) -> int:
        """Bytes of whole lines."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return 0
        whole = content.rfind(b"\n") + 1
        self.dropped += whole < len(content)
        for line in content[:whole].splitlines():
            try:
                row = json.loads(line)
                if not (isinstance(row["key"], str) and isinstance(row["answer"], str) and isinstance(row["tokens"], int)):
                    raise TypeError
                self._answers[row["key"]] = ModelReply(row["answer"], row["tokens"])
            except (ValueError, KeyError, TypeError):
                self.dropped += 1
        return whole

    def _open(self) -> BinaryIO:
        """Opened at the first answer, the incomplete last line removed: a run without requests writes nothing."""
        if self._stream is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.path.open("ab", buffering=0)
            self._stream.truncate(self._whole)
            self._stream.seek(0, os.SEEK_END)
        return self._stream
