"""Exports of messengers and networks, recognised by their content."""

import csv
import io
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, _, later
from tweetstyle.records import SourceTweet
from tweetstyle.sources import messengers, networks
from tweetstyle.sources.chat import OWNER, ChatMessage, in_order, own_messages, own_names
from tweetstyle.sources.csv_source import looks_like_csv
from tweetstyle.sources.json_files import not_json, values_of
from tweetstyle.sources.text_files import Members, TextFile, encoding_of
from tweetstyle.sources.whatsapp import looks_like_whatsapp, read_whatsapp

WHATSAPP, TELEGRAM, META = N_("a WhatsApp chat"), N_("a Telegram export"), N_("a Facebook or Instagram export")
MASTODON, BLUESKY, DISCORD = N_("a Mastodon archive"), N_("a Bluesky export"), N_("a Discord package")
CAR = b"\xa2eroots"
"""At the beginning of a CAR file, behind one byte or two: its header, a map of two keys in CBOR."""
HEAD = 2**16
"""Bytes by which a file is recognised."""
EMPTY, MOST_LEFT = 4, 3
"""Bytes of an export without entries, `[]`; names that are shown of the files left out."""


class ExportFormat(NamedTuple):
    """kind: in words; begins: at the beginning of the file, as a regular expression; read: of the file's JSON and a name for its ids and
    places, the conversation and the message of each; is_chat: whether messages answer each other."""

    kind: str
    begins: re.Pattern[str]
    read: Callable[[object, str], Iterator[tuple[str, ChatMessage]]]
    is_chat: bool = False


def _export(kind: str, begins: str, read: Callable, is_chat: bool = False) -> ExportFormat:
    return ExportFormat(kind, re.compile(begins, re.S), read, is_chat)


EXPORTS = (
    _export(TELEGRAM, r'\{.{0,300}"type"\s*:\s*"(?:\w+_(?:chat|group|supergroup|channel)|saved_messages)"', messengers.read_telegram, True),
    _export(TELEGRAM, r'\{\s*"(?:about|personal_information)"\s*:', messengers.read_telegram, True),
    _export(META, r'\{\s*"participants"\s*:\s*\[', messengers.read_messages, True),
    _export(META, r'\{\s*"(?:group_)?comments(?:_v2)?"\s*:', messengers.read_comments),
    _export(META, r'(?:\{\s*"comments_\w+"\s*:\s*)?\[\s*\{.{0,999}?"string_map_data"', messengers.read_comments),
    _export(META, r'\{\s*"(?:group_posts_v2|ig_reels_media|text_post_app_text_posts)"\s*:', messengers.read_posts),
    _export(META, r'\[\s*\{\s*"media"\s*:|\[\s*\{.*?"data"\s*:\s*\[\s*\{[^{}]*"post"\s*:', messengers.read_posts),
    _export(MASTODON, r'\{.{0,4000}"type"\s*:\s*"OrderedCollection(?:Page)?".*?"orderedItems"', networks.read_mastodon),
    _export(BLUESKY, r'[\[{].*"\$type"\s*:\s*"app\.bsky\.feed\.post"', networks.read_bluesky),
    _export(DISCORD, r'\[\s*\{\s*"ID"\s*:\s*"?\d+"?,\s*"Timestamp"|ID,Timestamp,Contents', networks.read_discord),
)
MEMBERS = re.compile(
    r"(?:.*/)?(?:(?:result|outbox|messages|[^/]+_\d+|(?:your_)?posts?\w*|\w*comments?\w*|reels\w*|threads\w*)\.json|messages\.csv|"
    r"_chat\.txt|[^/]*whatsapp[^/]*\.txt)",
    re.I,
)
"""Files in a folder or zip that may be one of `EXPORTS`; which they are, their content says."""
PAGES = re.compile(r"(?:.*/)?(?:message_\d+|(?:your_)?posts\w*|messages\d*)\.html", re.I)
"""The same exports as pages, which people get who do not choose JSON."""


def export_of(head: bytes) -> ExportFormat | None:
    """The format of a file by its first bytes, None for none of them."""
    text = head.decode(encoding_of(head), "replace").lstrip()
    return next((export for export in EXPORTS if text[:1] in ("[", "{", "I") and export.begins.match(text)), None)


def kind_of_export(head: bytes) -> str:
    """What an export is, in words, and empty for none."""
    if CAR in head[:12]:
        return BLUESKY
    if found := export_of(head):
        return found.kind
    text = head.decode(encoding_of(head), "replace")
    return WHATSAPP if looks_like_whatsapp(text) and not looks_like_csv(text) else ""


def exports_in(members: Members) -> tuple[str, list[str]]:
    """Of a folder or zip, what its first export is, and the files that may be exports; empty where there is none."""
    names = sorted(name for name in members.sizes if MEMBERS.fullmatch(name))
    kind = next((found for name in names if (found := kind_of_export(members.read(name, HEAD)))), "")
    return kind, names if kind else []


def read_export(
    documents: Sequence[TextFile], name: str, author: Collection[str], names: Counter[str], notices: list, advance: Callable[[int], object]
) -> Iterator[SourceTweet]:
    """Yields the user's own messages of an export, each conversation in order of time.

    Args:
        documents: its files.
        name: what ids are made from where the export has none.
        author: the user's names; an export of one person's words needs none.
        names: gets how many messages each person wrote.
        notices: gets what the user should know.
        advance: is called with the number of bytes just read.

    Raises:
        TweetstyleError: for what cannot be read, and where the author is not known.
    """
    place = str(documents[0].path if len(documents) == 1 else os.path.commonpath([document.path for document in documents]))
    conversations = _conversations(documents, place, name, notices, advance)
    names.update(message.author for (_key, is_chat), messages in conversations.items() for message in messages if is_chat)
    own = own_names(names, author, place)
    del names[OWNER]
    count = answers = 0
    for (_key, is_chat), messages in conversations.items():
        for tweet in own_messages(in_order(messages), own, is_chat):
            count, answers = count + 1, answers + bool(tweet.message)
            yield tweet
    if not count:
        raise TweetstyleError(_("there is no message of yours in it"), where=place, hint=_("export it again, with its messages"))
    if names:
        values = {"file": place, "count": count, "all": sum(map(len, conversations.values())), "answers": answers}
        notices.append(later("{file}: {count:,} of {all:,} messages are yours; {answers:,} answer a message that the export has", **values))


def _conversations(
    documents: Sequence[TextFile], place: str, name: str, notices: list, advance: Callable[[int], object]
) -> dict[tuple[str, bool], list[ChatMessage]]:
    """The messages of each conversation, by its name and whether it is one."""
    conversations: defaultdict[tuple[str, bool], list[ChatMessage]] = defaultdict(list)
    left = []
    for document, raw in _contents(documents):
        inside = document.member or os.path.relpath(document.path, place)
        found = list(_messages(document, raw, name if len(documents) == 1 else f"{name}: {inside}", notices))
        left += [] if found or len(raw) <= EMPTY else [inside]
        for conversation, is_chat, message in found:
            conversations[conversation, is_chat].append(message)
        advance(document.size)
    if left:
        values = {"file": place, "count": len(left), "names": ", ".join(left[:MOST_LEFT])}
        notices.append(later("{file}: left out, without posts or messages of a known form: {names} ({count:,} in all)", **values))
    return conversations


def _contents(documents: Sequence[TextFile]) -> Iterator[tuple[TextFile, bytes]]:
    """Each file with its bytes; a zip is opened once."""
    zips = {path: Members(path) for path in {document.path for document in documents if document.member}}
    for document in documents:
        yield document, zips[document.path].read(document.member) if document.member else document.read()


def _messages(document: TextFile, raw: bytes, name: str, notices: list) -> Iterable[tuple[str, bool, ChatMessage]]:
    """The conversation of each message, whether it is one, and the message."""
    if CAR in raw[:12]:
        return [(key, False, message) for key, message in networks.read_car(raw, str(document))]
    found = export_of(raw)
    if found is None:
        return [(str(document), True, message) for message in read_whatsapp(document, name, notices)] if kind_of_export(raw[:HEAD]) else []
    try:
        read = found.read(_parsed(raw), name)
        return [(key, found.is_chat, message._replace(where=f"{document}{message.where.removeprefix(name)}")) for key, message in read]
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json(error, str(document), _("export it again: the file may be damaged")) from error
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        what = _("is not as this kind of export is written ({reason})", reason=repr(error)[:80])
        raise TweetstyleError(what, where=str(document), hint=_("export it again, and use the file unchanged")) from error


def _parsed(raw: bytes) -> object:
    """JSON, a list of several values behind each other, or the rows of a table."""
    if raw.startswith(b"ID,"):
        return list(csv.DictReader(io.StringIO(raw.decode(), newline="")))
    values = list(values_of(raw.decode(encoding_of(raw))))
    return values[0] if len(values) == 1 else values
