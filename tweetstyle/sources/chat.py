"""Conversations: whose messages are learned, and what each answers."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.records import SourceTweet
from tweetstyle.sources.dates import as_utc
from tweetstyle.sources.text_files import as_learned

OWNER = ""
"""Author of what an export holds of its owner alone, or marks as the owner's."""
UNKNOWN = "?"
"""What a post answers where the export does not say it."""
SOON = timedelta(hours=6)
"""Between a message and its answer in a conversation of two; in the same group others answer too."""
SOON_IN_A_GROUP = timedelta(hours=1)
MOST_HEARD = 5
"""Messages in a row that one answer may answer."""
MOST_NAMES = 20


class ChatMessage(NamedTuple):
    """A message or post of any author. moment: naive, UTC or the telephone's time; answers: id of what it answers, where the export
    says so, of whatever author; is_others: forwarded or shared, so in none of its author's words."""

    id: str
    author: str
    text: str
    moment: datetime | None
    where: str
    answers: str = ""
    has_media: bool = False
    is_others: bool = False


class AuthorUnknown(TweetstyleError):
    """Several people wrote, and which of them is the user is not known. names: name → messages, most first."""

    def __init__(self, what: str, where: str, names: dict[str, int]) -> None:
        self.names = names
        super().__init__(what, where=where, hint=_("write the name that is yours at data.author (tweetstyle inspect: --author NAME)"))


def own_names(names: Counter[str], author: Collection[str], where: str) -> set[str]:
    """Those of the names by which the user is called; without an author, the only one. An export that marks its owner, or has no
    names, needs none. Raises AuthorUnknown."""
    wanted = set(map(_folded, author))
    own = {name for name in names if _folded(name) in wanted}
    if own or not names or OWNER in names or (not author and len(names) == 1):
        return {OWNER, *(own or ([] if OWNER in names else names))}
    listed = ", ".join(f"{name} ({count})" for name, count in names.most_common(MOST_NAMES))
    what = _("holds messages of {count} people: {names}", count=len(names), names=listed)
    if author:
        what = _("has no message of {author}; it holds messages of: {names}", author=", ".join(author), names=listed)
    raise AuthorUnknown(what, where, dict(names.most_common()))


def own_messages(conversation: Sequence[ChatMessage], own: Collection[str], is_chat: bool) -> Iterator[SourceTweet]:
    """The user's messages of one conversation or list of posts, in order of time, each with the one of someone else that it answers.

    Where the export does not say what a message answers, in a chat it is what someone else said just before; further messages of the
    user in a row continue the first as a thread does.
    """
    known = {message.id: message for message in conversation}
    soon = SOON if len({message.author for message in conversation} - set(own)) == 1 else SOON_IN_A_GROUP
    heard: list[ChatMessage] = []
    before: ChatMessage | None = None
    for message in conversation:
        if message.author not in own:
            heard = [*heard[1 - MOST_HEARD :], message] if heard and heard[-1].author == message.author else [message]
            before = None
            continue
        answered, said, reply_to = known.get(message.answers), "", ""
        if answered and answered.author in own:
            reply_to = answered.id
        elif answered:
            said = answered.text
        elif is_chat and not message.answers and before and _within(soon, before, message):
            reply_to = before.id
        elif is_chat and not message.answers:
            said = "\n".join(other.text for other in heard if other.text and not other.is_others and _within(soon, other, message))
        yield _tweet(message, reply_to, said)
        if message.text:  # a picture alone answers nothing: the words below it do
            heard, before = [], message


def _tweet(message: ChatMessage, reply_to: str, said: str) -> SourceTweet:
    return SourceTweet(
        message.id,
        as_learned(message.text),
        as_utc(message.moment) if message.moment else "",
        message.where,
        reply_to,
        is_reply=bool(said) or (bool(message.answers) and not reply_to),
        has_media=message.has_media or not message.text,
        is_retweet=message.is_others,
        message=as_learned(said),
    )


def in_order(messages: Iterable[ChatMessage]) -> list[ChatMessage]:
    """By time; undated ones, and those of one moment, as the export has them."""
    return sorted(messages, key=lambda message: message.moment or datetime.min)


def _within(pause: timedelta, before: ChatMessage, after: ChatMessage) -> bool:
    return before.moment is not None and after.moment is not None and after.moment - before.moment <= pause


def _folded(name: str) -> str:
    """A name as people type it: WhatsApp puts ~ and marks of direction around some."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    return " ".join(plain.strip("~ ").casefold().split())
