"""WhatsApp's exported chats: a text with a date and a name before each message."""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import files

from tweetstyle.locale import later
from tweetstyle.sources.chat import ChatMessage
from tweetstyle.sources.dates import MONTHS
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
_SENDER = re.compile(r"([^:\n]{1,80}?)[ \u00a0\u202f]?:(?: |$)(.*)", re.S)
_DATED = re.compile(
    r"\W{0,3}(?:[^\W\d]{2,9}\.?,?\s)?\d{1,4}(?:er)?[\s./-]+(?:\d{1,2}|[^\W\d]{3,9}\.?)[\s,./-]+\d{2,4}\b"
    r"(?:[\W\d]|\b(?:h|min|s|[ap]m?|m|à|at|um)\b|(?<=\d)(?:h|min|s|[ap]m)(?![^\W\d]))*[^\W\d][^:\n]{0,60}:\s",
    re.I,
)
"""A date, an hour in most cases, and a name, however a messenger writes them."""
_EDITED = re.compile(r"\s*\u200e?<(?:this message was edited|ce message a été modifié)>\s*$", re.I)
_MENTION = re.compile("@\u2068([^\u2069]*)\u2069")
MEDIA, SYSTEM, EVENT = "media", "system", "event"
LONGEST_LINE = 300
"""Characters. What a person writes may be longer."""
_MARK = "\u200e"
"""Before what WhatsApp itself says on an iPhone."""


def looks_like_whatsapp(text: str) -> bool:
    """Whether the first line begins as WhatsApp's do, and one of them names who wrote it; or two do, behind lines of another kind."""
    heads = [_HEAD.match(line) for line in text.splitlines()[:200] if line.strip()]
    named = [found for found in heads if found and _SENDER.match(found[8])]
    return len(named) > 1 or bool(named and heads[0])


def looks_like_a_chat(text: str) -> bool:
    """Whether most lines begin with a date, and a name with a colon."""
    lines = [line for line in text.splitlines()[:200] if line.strip()]
    return len(lines) > 1 and sum(bool(_DATED.match(line)) for line in lines) > len(lines) / 2


def read_whatsapp(document: TextFile, name: str, notices: list) -> Iterator[ChatMessage]:
    """The messages of a chat in the file's order; what WhatsApp itself says is none.

    Times are the telephone's. Which number of a date is the day is decided by the whole file.
    """
    blocks: list[tuple[int, re.Match[str], list[str]]] = []
    for number, line in enumerate(lines_of(document, notices, lambda count: None), 1):
        if found := _HEAD.match(line.rstrip("\r\n")):
            blocks.append((number, found, [found[8]]))
        elif blocks:
            blocks[-1][2].append(line.rstrip("\r\n"))
    order = _order([found.groups() for _number, found, _lines in blocks], str(document), notices)
    for number, found, lines in blocks:
        said = "\n".join(lines)
        sender = _SENDER.match(said)
        if not sender or not_written(said) in (SYSTEM, EVENT):
            continue
        text = _MENTION.sub(lambda named: "@" + re.sub(r"\W", "_", named[1])[:20], _EDITED.sub("", sender[2]))
        file, _, caption = text.partition("\n")
        has_media = not_written(file) == MEDIA
        text = caption if has_media else text
        if not_written(text) != SYSTEM and (has_media or not text.startswith(_MARK)):
            moment = _moment(found.groups(), order)
            yield ChatMessage(f"{name}:{number:07}", sender[1], text, moment, f"{document}:{number}", has_media=has_media)


def not_written(text: str) -> str:
    """`MEDIA`, `SYSTEM` or, where a messenger puts it, `EVENT` for what nobody wrote: see not_written.txt; else empty."""
    plain = text.replace(_MARK, "").strip()
    return next((kind for kind, pattern in _not_written() if pattern.fullmatch(plain)), "") if len(plain) < LONGEST_LINE else ""


@cache
def _not_written() -> list[tuple[str, re.Pattern[str]]]:
    lines = files("tweetstyle").joinpath("sources/not_written.txt").read_text(encoding="utf-8").splitlines()
    kinds = [line.partition(" ") for line in lines if not line.startswith("#")]
    joined = {kind: "|".join(pattern for name, _, pattern in kinds if name == kind) for kind, _, _ in kinds}
    return [(kind, re.compile(pattern, re.I | re.S)) for kind, pattern in joined.items()]


def _order(heads: list[tuple[str, ...]], place: str, notices: list) -> str:
    """The order of year, month and day in all dates; where none proves it, 12-hour clocks go with the month first, and a notice says so."""
    if any(len(head[0]) == 4 for head in heads):
        return "ymd"
    if any(not head[1].isdecimal() for head in heads):
        return "dmy"
    for order, first in (("dmy", 0), ("mdy", 1)):
        if any(int(head[first]) > 12 for head in heads):
            return order
    values = {"file": place, "date": "/".join(heads[0][:3]) if heads else ""}
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
