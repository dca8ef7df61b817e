"""Telegram's, Facebook's and Instagram's JSON: messages, posts and comments."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tweetstyle.sources.chat import OWNER, UNKNOWN, ChatMessage
from tweetstyle.sources.not_written import MEDIA, SYSTEM, not_written

META_MEDIA = ("photos", "videos", "audio_files", "files", "gifs", "sticker", "share", "media")
META_MARKS = ("call_duration", "missed", "is_unsent", "isUnsent", "is_taken_down")
"""Fields of a message that nobody wrote, or that was taken back."""
META_WRITTEN = ("Generic", "Share", "text", "media", "link")
"""Values of `type`, which not all exports have, of what someone wrote; the others are joins, calls, plans, payments."""
_SHARED = re.compile(r"comments?|commentaires?", re.I)
"""What Instagram calls a comment's text, by the account's language."""


def read_telegram(value: Any, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """The chat and each of its messages; chats with bots are none. In the export of an account its owner is known by number."""
    lists = (value.get(name, {}).get("list", ()) for name in ("chats", "left_chats"))
    chats = [value] if "messages" in value else [chat for chats in lists for chat in chats if chat.get("type") != "bot_chat"]
    owner = str(value.get("personal_information", {}).get("user_id", ""))
    for chat in chats:
        key = f"{place}:{chat['id']}"
        for message in chat["messages"]:
            if message["type"] == "message":
                yield key, _telegram_message(message, key, owner)


def _telegram_message(message: dict[str, Any], chat: str, owner: str) -> ChatMessage:
    number, answered, sender = message["id"], message.get("reply_to_message_id"), str(message.get("from_id") or "")
    return ChatMessage(
        f"{chat}:{number}",
        OWNER if owner and sender.removeprefix("user") == owner else message.get("from") or sender or UNKNOWN,
        _plain(message.get("text", "")),
        _telegram_moment(message),
        f"{chat}, #{number}",
        UNKNOWN if "reply_to_peer_id" in message else f"{chat}:{answered}" if answered else "",
        is_others=any(name in message for name in ("forwarded_from", "saved_from", "via_bot")),
    )


def _plain(parts: str | list) -> str:
    """A text without styles; where it has styles or links, a list of its parts."""
    return parts if isinstance(parts, str) else "".join(part if isinstance(part, str) else part["text"] for part in parts)


def _telegram_moment(message: dict[str, Any]) -> datetime:
    if "date_unixtime" in message:
        return datetime.fromtimestamp(int(message["date_unixtime"]), UTC).replace(tzinfo=None)
    return datetime.fromisoformat(message["date"]).replace(tzinfo=None)


def read_messages(value: Any, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """message_1.json and its like, one conversation may have several, each with its latest message first; and Bob_7.json, as the export
    of encrypted chats has them, which names its fields otherwise."""
    key = value.get("threadName") or place.rpartition("/")[0] or place
    messages = list(reversed(value["messages"]))
    for number, message in enumerate(messages, 1):
        marked = any(message.get(mark, False) is not False for mark in META_MARKS)
        written = not marked and message.get("type", META_WRITTEN[0]) in META_WRITTEN
        text, milliseconds = as_written(message.get("content") or message.get("text") or ""), _either(message, "timestamp_ms", "timestamp")
        sender = as_written(_either(message, "sender_name", "senderName"))
        kind, media = not_written(text, sender), any(message.get(name) for name in META_MEDIA)
        if written and kind != SYSTEM and (text or media):
            identifier, where = f"{key}:{milliseconds}:{number:05}", f"{place}, #{len(messages) + 1 - number}"
            text = "" if kind == MEDIA else text
            yield key, ChatMessage(identifier, sender, text, _moment(milliseconds / 1000), where, has_media=media)


def _either(fields: dict[str, Any], one: str, other: str) -> Any:
    return fields[one] if one in fields else fields[other]


def read_posts(value: Any, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """Facebook's posts, whose titles it writes itself, and the words below Instagram's pictures, reels and in Threads."""
    for number, post in enumerate(_entries(value), 1):
        first = (post.get("media") or [{}])[0]
        if "timestamp" in post:
            seconds, text = post["timestamp"], next((data["post"] for data in post.get("data", ()) if data.get("post")), "")
        else:
            seconds = post.get("creation_timestamp") or first["creation_timestamp"]
            text = post.get("title") or first.get("title", "")
        identifier, media = f"{place}:{seconds}:{number:05}", "media" in post or bool(post.get("attachments"))
        yield place, ChatMessage(identifier, OWNER, as_written(text), _moment(seconds), f"{place}, #{number}", has_media=media)


def _entries(value: Any) -> list[dict[str, Any]]:
    """Of a list, or of an object that holds one."""
    return value if isinstance(value, list) else next(iter(value.values()))


def read_comments(value: Any, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """Comments on posts that the export does not have."""
    for number, entry in enumerate(_entries(value), 1):
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
