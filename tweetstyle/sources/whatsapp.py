"""WhatsApp's exported chats: a text with a date and a name before each message."""

import re
from collections.abc import Iterator
from datetime import datetime

from tweetstyle.locale import later
from tweetstyle.sources.chat import ChatMessage
from tweetstyle.sources.dates import MONTHS
from tweetstyle.sources.not_written import MARK, MEDIA, SYSTEM, is_event, not_written
from tweetstyle.sources.text_files import TextFile, lines_of

_HEAD = re.compile(
    rf"""[\u200e\u200f\ufeff]*\[?(\d{{1,4}})(?:er)?[./\s-]\s?
        (\d{{1,2}}|(?:{"|".join(sorted(MONTHS, reverse=True))})(?=\W))\.?[./\s-]\s?(\d{{1,4}})
        (?:,|\ à|\ at)?\s+(\d{{1,2}})(?:[:.]|\s?h\s?)(\d\d)(?:(?:[:.]|\s?min\s?)(\d\d)(?:\s?s\b)?|\s?min\b)?(?:\s?([ap])\.?\s?m\.?)?
        (?:\]\ ?|\ [-–]\ |(?(6):\ |(?!)))(.*)""",
    re.X | re.I | re.S,
)
"""Day, hour and the rest, as an iPhone ([05/03/2021, 18:04:11] Name: text), Android (05/03/2021 à 18:04 - Name: text) and tools
(05/03/2021 18:04:11: Name: text) write them."""
_TIME_FIRST = re.compile(
    r"^([\u200e\u200f\ufeff]*\[?)(\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:\s?[ap]\.?\s?m\.?)?),?\s(\d{1,4}[./-]\d{1,2}[./-]\d{1,4})", re.I
)
_SENDER = re.compile(r"([^:\n]{1,80}?)[ \u00a0\u202f]?:(?: |$)(.*)", re.S)
_DATED = re.compile(
    r"\W{0,3}(?:[^\W\d]{2,9}\.?,?\s)?\d{1,4}(?:er)?[\s./-]+(?:\d{1,2}|[^\W\d]{3,9}\.?)[\s,./-]+\d{2,4}\b"
    r"(?:[\W\d]|\b(?:h|min|s|[ap]m?|m|à|at|um)\b|(?<=\d)(?:h|min|s|[ap]m)(?![^\W\d]))*[^\W\d][^:\n]{0,60}:\s",
    re.I,
)
"""A date, an hour in most cases, and a name, however a messenger writes them."""
_EDITED = re.compile(r"\s*\u200e?<(?:this message was edited|ce message a été modifié)>\s*$", re.I)
_MENTION = re.compile("@\u2068([^\u2069]*)\u2069")


def looks_like_whatsapp(text: str) -> bool:
    """Whether the first line begins as WhatsApp's do, and one of them names who wrote it; or two do, behind lines of another kind."""
    heads = [_head(line) for line in text.splitlines()[:200] if line.strip()]
    named = [found for found in heads if found and _SENDER.match(found[8])]
    return len(named) > 1 or bool(named and heads[0])


def looks_like_a_chat(text: str) -> bool:
    """Whether most lines begin with a date, and a name with a colon."""
    lines = [line for line in text.splitlines()[:200] if line.strip()]
    return len(lines) > 1 and sum(bool(_DATED.match(line)) for line in lines) > len(lines) / 2


def read_whatsapp(document: TextFile, name: str, notices: list) -> Iterator[ChatMessage]:
    """The messages of a chat in the file's order; what WhatsApp itself says, which has no name before it or a mark, is none.

    Times are the telephone's. Which number of a date is the day is decided by the whole file.
    """
    blocks: list[tuple[int, re.Match[str], list[str]]] = []
    for number, line in enumerate(lines_of(document, notices, lambda count: None), 1):
        if found := _head(line.rstrip("\r\n")):
            blocks.append((number, found, [found[8]]))
        elif blocks:
            blocks[-1][2].append(line.rstrip("\r\n"))
    order = _order([found.groups() for _number, found, _lines in blocks], str(document), notices)
    for number, found, lines in blocks:
        sender = _SENDER.match("\n".join(lines))
        if not sender or is_event(sender[1]):
            continue
        text = _MENTION.sub(lambda named: "@" + re.sub(r"\W", "_", named[1])[:20], _EDITED.sub("", sender[2]))
        text, has_media = _without_media(text)
        if not_written(text) != SYSTEM and (has_media or not text.startswith(MARK)):
            moment = _moment(found.groups(), order)
            yield ChatMessage(f"{name}:{number:07}", sender[1], text, moment, f"{document}:{number}", has_media=has_media)


def _head(line: str) -> re.Match[str] | None:
    return _HEAD.match(_TIME_FIRST.sub(r"\1\3, \2", line))


def _without_media(text: str) -> tuple[str, bool]:
    """The words below or, on an iPhone, before a picture or a file, and whether there is one."""
    first, _, below = text.partition("\n")
    if not_written(first) == MEDIA:
        return below, True
    before, mark, attached = text.rpartition(MARK)
    if mark and not_written(attached) == MEDIA:
        return "" if before.partition("•")[0].strip() in attached else before.strip(), True
    return text, False


def _order(heads: list[tuple[str, ...]], place: str, notices: list) -> str:
    """The order of year, month and day in all dates: what they or their sequence prove; else 12-hour clocks go with the month first,
    and a notice says so."""
    if any(len(head[0]) == 4 for head in heads):
        return "ymd"
    if any(not head[1].isdecimal() for head in heads):
        return "dmy"
    for order, first in (("dmy", 0), ("mdy", 1)):
        if any(int(head[first]) > 12 for head in heads):
            return order
    values = {"file": place, "date": "/".join(heads[0][:3]) if heads else ""}
    days = {order: [(int(head[2]), int(head[month]), int(head[1 - month])) for head in heads] for order, month in (("dmy", 1), ("mdy", 0))}
    in_order = [order for order, found in days.items() if found == sorted(found)]
    if len(in_order) == 1:
        return in_order[0]
    if any(head[6] for head in heads):
        notices.append(later("{file}: in dates such as {date} the first number is read as the month", **values))
        return "mdy"
    notices.append(later("{file}: in dates such as {date} the first number is read as the day", **values))
    return "dmy"


def _moment(head: tuple[str, ...], order: str) -> datetime | None:
    """Naive, as the telephone says it; None where there is no such day or hour."""
    numbers = dict(zip(order, (MONTHS.get(part.lower()) or int(part) for part in head[:3]), strict=True))
    hour = int(head[3]) % 12 + 12 * (head[6] in "pP") if head[6] else int(head[3])
    year = numbers["y"] + 2000 * (numbers["y"] < 100)
    try:
        return datetime(year, numbers["m"], numbers["d"], hour, int(head[4]), int(head[5] or 0))
    except ValueError:
        return None
