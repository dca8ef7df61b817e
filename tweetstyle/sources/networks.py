"""Mastodon's outbox, Bluesky's repository and Discord's package: one person's own posts."""

import html
import re
from collections.abc import Iterator
from typing import Any

import libipld

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.sources.chat import OWNER, ChatMessage
from tweetstyle.sources.dates import read_date

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
BLUESKY_POST = "app.bsky.feed.post"
_BREAK = re.compile(r"<br\b[^>]*>|(?:\s*</?(?:p|blockquote|pre|div|[uo]l|li|h\d)\b[^>]*>)+\s*", re.I)
"""What ends a line: a line break, or a run of paragraphs and other blocks."""
_LINE = re.compile(r"<(?:br|/?div|/?li)\b", re.I)
"""Where one is in a `_BREAK`, the next line follows without a blank one."""
_TAG = re.compile(r"<[^>]+>")
_QUOTED = re.compile(r'<(?:p|span) class="[^"]*\bquote-inline\b[^"]*">.*?</a\s*>', re.S)
"""The line by which servers that know no quotes show them."""
_MARKUP = re.compile(r"<a?(:\w+:)\d+>|<(/[\w -]+):\d+>|<(?:(@)[!&]?|(#))\d+>|<t:\d+(?::\w)?>")
"""Discord's, in a text: emoji of a server, commands, people and roles, channels, times."""


def read_mastodon(value: Any, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """outbox.json: posts that are public or for followers; boosts, but of oneself, are others' words; direct messages are left closed."""
    for number, item in enumerate(value["orderedItems"], 1):
        readers = [*_listed(item.get("to")), *_listed(item.get("cc"))]
        if not any(reader in (PUBLIC, "as:Public") or reader.endswith("/followers") for reader in readers):
            continue
        post, where = item.get("object") or {}, f"{place}, #{number}"
        if isinstance(post, str):
            yield place, ChatMessage(item["id"], OWNER, post, read_date(item["published"]), where, is_others=True)
        elif post.get("content") is not None:
            is_others = item.get("type") != "Create" and (not item.get("actor") or post.get("attributedTo") != item["actor"])
            media, answers = bool(post.get("attachment")), post.get("inReplyTo") or ""
            text, moment = _text_of(post["content"]), read_date(post["published"])
            yield place, ChatMessage(post["id"], OWNER, text, moment, where, answers, media, is_others)


def _text_of(content: str) -> str:
    """The text of a page's part, with a line for a line and a blank one between paragraphs."""
    lines = _BREAK.sub(lambda tags: "\n" if _LINE.search(tags[0]) else "\n\n", _QUOTED.sub("", content))
    return html.unescape(_TAG.sub("", lines.strip("\n")))


def read_bluesky(value: Any, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """Records with their addresses, as com.atproto.repo.listRecords and tools that keep them write them."""
    entries = value if isinstance(value, list) else next(part for part in value.values() if isinstance(part, list))
    for number, entry in enumerate(entries, 1):
        item = entry.get("post", entry)
        post = item.get("value") or item.get("record") or item
        if post.get("$type") == BLUESKY_POST:
            answers, media = ((post.get("reply") or {}).get("parent") or {}).get("uri", ""), "embed" in post
            identifier, where = item.get("uri") or f"{place}:{number:07}", f"{place}, #{number}"
            is_others = "reason" in entry
            yield place, ChatMessage(identifier, OWNER, _with_links(post), read_date(post["createdAt"]), where, answers, media, is_others)


def _with_links(post: dict[str, Any]) -> str:
    """The text with its links whole: Bluesky's apps write their beginning and dots, and the address beside it."""
    raw, end = post["text"].encode(), len(post["text"].encode())
    for facet in sorted(post.get("facets") or (), key=lambda facet: (facet.get("index") or {}).get("byteStart", 0), reverse=True):
        begin, stop = ((facet.get("index") or {}).get(name, -1) for name in ("byteStart", "byteEnd"))
        address = next((feature["uri"] for feature in facet.get("features", ()) if "uri" in feature), "")
        if address and 0 <= begin < stop <= end and raw[begin:stop].decode(errors="ignore").encode() == raw[begin:stop]:
            raw, end = raw[:begin] + address.encode() + raw[stop:], begin
    return raw.decode()


def read_car(raw: bytes, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """A repository as Bluesky exports it: a CAR file whose tree gives each record its address (https://atproto.com/specs/repository)."""
    try:
        _header, blocks = libipld.decode_car(raw)
    except (ValueError, RecursionError) as error:
        what = _("is not a CAR file that can be read ({reason})", reason=str(error)[:80])
        raise TweetstyleError(what, where=place, hint=_("download the repository again: Settings → Account → Export my data")) from error
    author = next((block["did"] for block in blocks.values() if isinstance(block, dict) and "did" in block), "")
    records = []
    for node in blocks.values():
        key = b""
        for entry in node["e"] if isinstance(node, dict) and node.keys() == {"l", "e"} else ():
            key = key[: entry["p"]] + entry["k"]
            if key.startswith(BLUESKY_POST.encode() + b"/") and entry["v"] in blocks:
                records.append({"uri": f"at://{author}/{key.decode()}", "value": blocks[entry["v"]]})
    return read_bluesky(sorted(records, key=lambda record: record["uri"]), place)


def read_discord(value: Any, place: str) -> Iterator[tuple[str, ChatMessage]]:
    """messages.json of one channel in a package: the user's own messages alone."""
    for number, message in enumerate(value, 1):
        text = _MARKUP.sub(lambda mark: mark[1] or mark[2] or (f"{mark[3] or mark[4]}…" if mark[3] or mark[4] else ""), message["Contents"])
        media, moment = bool(message.get("Attachments")), read_date(message["Timestamp"])
        yield place, ChatMessage(str(message["ID"]), OWNER, text, moment, f"{place}, #{number}", has_media=media)


def _listed(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []
