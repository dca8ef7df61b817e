"""Telegram's, Facebook's and Instagram's JSON: messages, posts and comments."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tweetstyle.sources.chat import OWNER, UNKNOWN, ChatMessage
from tweetstyle.sources.whatsapp import EVENT, MEDIA, SYSTEM, not_written

TELEGRAM_MEDIA = ("photo", "file", "media_type", "location_information", "contact_information", "poll")
META_MEDIA = ("photos", "videos", "audio_files", "files", "gifs", "sticker", "share")
_SHARED = re.compile(r"comments?|commentaires?", re.I)
"""What Instagram calls a comment's text, by the account's language."""


def read_telegram(value: Any, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """The chat and each of its messages. In the export of an account its owner is known by number."""
    lists = (value.get(name, {}).get("list", ()) for name in ("chats", "left_chats"))
    chats = [value] if "messages" in value else [chat for chats in lists for chat in chats]
    owner = f"user{value.get('personal_information', {}).get('user_id', '')}"
    for chat in chats:
        key = f"{place}:{chat['id']}"
        for message in chat["messages"]:
            if message["type"] != "message":
                continue
            number, answered = message["id"], message.get("reply_to_message_id")
            yield (
                key,
                ChatMessage(
                    f"{key}:{number}",
                    OWNER if message.get("from_id") == owner else message.get("from") or message.get("from_id") or UNKNOWN,
                    _plain(message.get("text", "")),
                    _telegram_moment(message),
                    f"{key}, #{number}",
                    f"{key}:{answered}" if answered else "",
                    any(name in message for name in TELEGRAM_MEDIA),
                    "forwarded_from" in message or "via_bot" in message,
                ),
            )


def _plain(parts: str | list) -> str:
    """A text without styles; where it has styles or links, a list of its parts."""
    return parts if isinstance(parts, str) else "".join(part if isinstance(part, str) else part["text"] for part in parts)


def _telegram_moment(message: dict[str, Any]) -> datetime:
    if "date_unixtime" in message:
        return datetime.fromtimestamp(int(message["date_unixtime"]), UTC).replace(tzinfo=None)
    return datetime.fromisoformat(message["date"]).replace(tzinfo=None)


def read_messages(value: Any, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """message_1.json and its like: one conversation may have several, each with its latest message first."""
    key = place.rpartition("/")[0] or place
    messages = list(reversed(value["messages"]))
    for number, message in enumerate(messages, 1):
        text, milliseconds = as_written(message.get("content", "")), message["timestamp_ms"]
        kind, sender = not_written(text), as_written(message["sender_name"])
        about = kind == EVENT and text.startswith((sender.split(" ")[0], "You ", "Vous "))
        if message.get("is_unsent") or kind == SYSTEM or about:
            continue
        text, media = "" if kind == MEDIA else text, kind == MEDIA or any(name in message for name in META_MEDIA)
        identifier = f"{key}:{milliseconds}:{number:05}"
        where = f"{place}, #{len(messages) + 1 - number}"
        yield key, ChatMessage(identifier, sender, text, _moment(milliseconds / 1000), where, has_media=media)


def read_posts(value: Any, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """Facebook's posts, and the words below Instagram's pictures."""
    for number, post in enumerate(value, 1):
        first = (post.get("media") or [{}])[0]
        text = next((data["post"] for data in post.get("data", ()) if data.get("post")), "") or post.get("title") or first.get("title", "")
        text = "" if "data" in post and not any(data.get("post") for data in post["data"]) else text
        seconds = post.get("timestamp") or post.get("creation_timestamp") or first["creation_timestamp"]
        media = "media" in post or bool(post.get("attachments"))
        identifier = f"{place}:{seconds}:{number:05}"
        yield place, ChatMessage(identifier, OWNER, as_written(text), _moment(seconds), f"{place}, #{number}", has_media=media)


def read_comments(value: Any, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """Comments on posts that the export does not have."""
    for number, entry in enumerate(value if isinstance(value, list) else next(iter(value.values())), 1):
        if "string_map_data" in entry:
            data = entry["string_map_data"]
            text = next((part["value"] for name, part in data.items() if _SHARED.fullmatch(as_written(name))), "")
            seconds = next(part["timestamp"] for part in data.values() if part.get("timestamp"))
        else:
            comment = next((part["comment"] for part in entry.get("data", ()) if "comment" in part), {})
            text, seconds = comment.get("comment", ""), entry["timestamp"]
        identifier = f"{place}:{seconds}:{number:05}"
        yield place, ChatMessage(identifier, OWNER, as_written(text), _moment(seconds), f"{place}, #{number}", UNKNOWN)


def as_written(text: str) -> str:
    r"""The text of which \u00c3\u00a9 is é; one that is no such text as it is."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
