"""The synthetic message that each tweet answers, in a file beside each split."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file

Kind = Literal["question", "remark", "request"]
"""What a message is: a question, a statement, or a request for a tweet about a subject."""
KINDS: tuple[Kind, ...] = get_args(Kind)
SPLITS_WITH_MESSAGES = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Message:
    """id: of the tweet that answers it."""

    id: str
    message: str
    kind: Kind


def messages_path(processed: Path, split: str) -> Path:
    """The file with the messages of a split: mini-train is part of train, and so are its messages."""
    return processed / f"messages-{'train' if split == 'mini-train' else split}.jsonl"


def write_messages(path: Path, messages: Iterable[Message]) -> None:
    """One JSON object a line, complete or not at all."""
    with complete_file(path) as stream:
        for message in messages:
            stream.write(json.dumps(asdict(message), ensure_ascii=False) + "\n")


def read_messages(path: Path) -> dict[str, str]:
    """Tweet id → message, in the file's order. A tweet that no message was found for is not in it.

    Raises TweetstyleError naming file and line where the file is missing or a row does not have the expected fields.
    """
    hint = "run the playback stage again: tweetstyle-fit RECIPE --from playback"
    if not path.is_file():
        raise TweetstyleError("the tweets have no messages yet", where=str(path), hint=hint)
    found: dict[str, str] = {}
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                row = Message(**json.loads(line))
            except (ValueError, TypeError) as error:
                raise TweetstyleError(f"not a row that playback wrote ({error})", where=f"{path}:{number}", hint=hint) from error
            found[row.id] = row.message
    return found
