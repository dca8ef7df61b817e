"""What a tweet answers: its message, and threads of the author as conversations."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

from tweetstyle.cleaning.near_duplicates import chronological
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file
from tweetstyle.locale import _
from tweetstyle.locale.libraries import reason
from tweetstyle.prompt.template import Template
from tweetstyle.records import REPLY, Tweet, read_split

Kind = Literal["question", "remark", "request"]
"""What a message is: a question, a statement, or a request for a tweet about a subject."""
KINDS: tuple[Kind, ...] = get_args(Kind)
SPLITS_WITH_MESSAGES = ("train", "validation", "test")
Conversation = list[Tweet]
"""Tweets that follow each other, each with the message that it answers as its topic."""

LONGEST_PAUSE = timedelta(days=1)
"""Between a tweet and one that continues it. A thread is written in one go or over a day; an author who answers later usually reports
what happened since, to people who have not just read the first tweet."""


@dataclass(frozen=True, slots=True)
class Message:
    """id: of the tweet that answers it."""

    id: str
    message: str
    kind: Kind


@dataclass(frozen=True)
class ConversationCounts:
    """What a split's tweets become. turns: tweets that train as answers; replies: of an unknown parent; without_message: the others."""

    tweets: int
    turns: int
    conversations: int
    replies: int
    without_message: int

    def __str__(self) -> str:
        lines = [_("trained on as answers: {turns:,} tweets in {conversations:,} conversations", **asdict(self))]
        if further := self.turns - self.conversations:
            lines.append(_("further turns of a thread: {count:,}", count=further))
        if self.replies:
            lines.append(_("left out, replies to unknown tweets: {count:,}", count=self.replies))
        if self.without_message:
            lines.append(_("left out, without a message: {count:,}", count=self.without_message))
        return "; ".join(lines)


# -- messages -----------------------------------------------------------------------------------------------


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
    hint = _("run the playback stage again: tweetstyle-fit RECIPE --from playback")
    if not path.is_file():
        raise TweetstyleError(_("the tweets have no messages yet"), where=str(path), hint=hint)
    found: dict[str, str] = {}
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                row = Message(**json.loads(line))
            except (ValueError, TypeError) as error:
                what = _("not a row that playback wrote ({reason})", reason=reason(error))
                raise TweetstyleError(what, where=f"{path}:{number}", hint=hint) from error
            found[row.id] = row.message
    return found


# -- which tweets answer what -------------------------------------------------------------------------------


def is_answerable(tweet: Tweet) -> bool:
    """Whether a message may be sought that the tweet answers.

    A reply has answered something already. Where that is the author's own tweet, the thread continues and the message would come between
    the two; where the archive does not have it, any message would be a wrong one.
    """
    return tweet.type != REPLY or bool(tweet.message) or (bool(tweet.thread) and tweet.thread != tweet.id)


def with_messages(tweets: Iterable[Tweet], messages: dict[str, str]) -> list[Tweet]:
    """The tweets that answer a message, each with it as its topic."""
    return [replace(t, topic=messages[t.id].strip()) for t in tweets if t.id in messages and is_answerable(t)]


def read_tweets(path: Path, template: Template) -> Iterator[Tweet]:
    """The tweets of a split under this template: in a conversation only those that answer a message, which is their topic then.

    Raises TweetstyleError where the split or the file of messages beside it is missing or has unexpected fields.
    """
    if template.turns is None:
        return read_split(path)
    return iter(with_messages(read_split(path), read_messages(messages_path(path.parent, path.stem))))


def files_read(path: Path, template: Template) -> list[Path]:
    """The files that a split is read from under this template."""
    return [path, messages_path(path.parent, path.stem)] if template.turns else [path]


def before_held_out(template: Template, tweet: Tweet) -> str | None:
    """What precedes a held-out tweet: the message that it answers; never a subject, which is taken from the tweet and leaks it."""
    return tweet.topic if template.turns else None


def goes_on_from(tweets: Iterable[Tweet]) -> dict[str, Tweet]:
    """Id → the tweet that it continues, as the next turn of one conversation, for each of `tweets` that continues another.

    The tweet before is exactly the one that it answers, has a lower id, and was written at most `LONGEST_PAUSE` before. Where
    several tweets answer one, the earliest continues it: the others were written beside it, not after it.
    """
    there = {tweet.id: tweet for tweet in tweets}
    next_of: dict[str, str] = {}
    for tweet in sorted(there.values(), key=chronological):
        before = there.get(tweet.follows)
        if before and _continues(before, tweet):
            next_of.setdefault(before.id, tweet.id)
    return {after: there[before] for before, after in next_of.items()}


def _continues(before: Tweet, after: Tweet) -> bool:
    """Of undated tweets the answer itself is all that is known."""
    pause = timedelta(0)
    if before.created_at and after.created_at:
        pause = datetime.fromisoformat(after.created_at) - datetime.fromisoformat(before.created_at)
    return timedelta(0) <= pause <= LONGEST_PAUSE and (len(before.id), before.id) < (len(after.id), after.id)


def conversations(tweets: Sequence[Tweet], answered: Sequence[Tweet]) -> list[Conversation]:
    """The answered tweets as conversations, in the order of their first ones in the split: within one, each continues the one before.

    tweets: all of the split; answered: those of them `with_messages`. Between tweets that are not neighbours something was said that the
    model does not see: behind a tweet without a message a new conversation begins.
    """
    before = goes_on_from(filter(is_answerable, tweets))
    ids = {tweet.id for tweet in answered}
    next_of = {before[tweet.id].id: tweet for tweet in answered if tweet.id in before and before[tweet.id].id in ids}
    later = {tweet.id for tweet in next_of.values()}
    found = [[tweet] for tweet in answered if tweet.id not in later]
    for turns in found:
        while following := next_of.get(turns[-1].id):
            turns.append(following)
    return found


def read_conversations(path: Path) -> tuple[list[Conversation], ConversationCounts]:
    """A split's conversations, and what of it they are made of. Raises TweetstyleError as `read_tweets` does."""
    tweets = list(read_split(path))
    answered = with_messages(tweets, read_messages(messages_path(path.parent, path.stem)))
    found = conversations(tweets, answered)
    replies = sum(not is_answerable(tweet) for tweet in tweets)
    return found, ConversationCounts(len(tweets), len(answered), len(found), replies, len(tweets) - len(answered) - replies)


def thread_roots(tweets: Iterable[tuple[str, str]]) -> dict[str, str]:
    """From (id, id that it answers or "") of one author's tweets: the id of the thread's first tweet, for each tweet in a thread.

    A tweet outside any thread is left out. A thread begins where the answered tweet is not among those given. Of a repeated id
    the first pair counts. Linear in the tweets.
    """
    answered: dict[str, str] = {}
    for tweet, reply_to in tweets:
        answered.setdefault(tweet, reply_to)
    roots: dict[str, str] = {}
    for tweet in answered:
        chain = []
        while tweet in answered and tweet not in roots:
            roots[tweet] = ""
            chain.append(tweet)
            tweet = answered[tweet]
        root = roots.get(tweet) or chain[-1]
        roots.update(dict.fromkeys(chain, root))
    sizes = Counter(roots.values())
    return {tweet: root for tweet, root in roots.items() if sizes[root] > 1}
