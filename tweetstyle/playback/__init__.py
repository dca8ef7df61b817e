"""Playback: a local model writes the message that each tweet could answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.dataset.messages import KINDS, SPLITS_WITH_MESSAGES, Message, messages_path, write_messages
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file
from tweetstyle.playback.backends import MessageModel, message_model_of
from tweetstyle.playback.cache import FILE, Cache
from tweetstyle.playback.checks import counted
from tweetstyle.playback.collect import Collector
from tweetstyle.playback.filters import Judge, Look
from tweetstyle.playback.selection import Chosen, choose, main_language
from tweetstyle.records import read_split
from tweetstyle.text.visible import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tweetstyle.playback.filters import Look
    from tweetstyle.recipe import Playback

__all__ = ["Played", "SplitPlayed", "pairs", "playback", "rejected_path", "show_some", "table"]

FEWEST_PAIRS = 10
"""From fewer tweets with a message nothing is learned that one could call a conversation."""


@dataclass(frozen=True)
class SplitPlayed:
    """asked, usable: tweets; kinds: of the usable ones; rejected: reason → messages, every attempt counted; given_up: tweets.

    unknown_parent: replies that no message is wanted for; left_out: tweets beyond the sample.
    """

    asked: int
    usable: int
    kinds: dict[str, int]
    rejected: dict[str, int]
    given_up: int
    unknown_parent: int
    left_out: int


@dataclass(frozen=True)
class Played:
    """splits: train, validation, test; model: name and digest; answers, tokens, seconds: what was asked now and not cached."""

    model: str
    splits: dict[str, SplitPlayed]
    answers: int
    tokens: int
    seconds: float
    dropped_lines: int
    outputs: list[Path] = field(default_factory=list)


def playback(settings: Playback, likely: Sequence[str], train: Path, processed: Path, speaker: MessageModel | None = None) -> Played:
    """Writes the messages of the training split and of validation and test, each in a file of its own, and the rejected ones.

    Of one split after the other: where the training tweets have too few messages, the others' are not asked for.

    likely: languages that tweets are in. train: train.jsonl or mini-train.jsonl. The same answers give the same bytes; those that
    the cache has are not asked for again. Raises TweetstyleError where the model is not there or is lost on the way (the cache
    then has every answer so far), and where too few messages can be used; then no file is touched.
    """
    speaker = speaker or message_model_of(settings)
    with Cache(processed / FILE) as cache, Judge(settings, likely) as judge:
        collector = Collector(speaker, settings, cache, judge)
        chosen, looks, played = {}, {}, {}
        for split in SPLITS_WITH_MESSAGES:
            path = train if split == "train" else processed / f"{split}.jsonl"
            chosen[split] = _chosen(path, settings, likely, split)
            looks[split] = collector.collect(chosen[split].asks, split)
            played[split] = _played(chosen[split], looks[split])
            _check_enough(split, played[split], speaker)
    if collector.spent.answers:
        speaker.close()
    outputs = [messages_path(processed, split) for split in SPLITS_WITH_MESSAGES]
    for path, split in zip(outputs, SPLITS_WITH_MESSAGES, strict=True):
        write_messages(path, _used(chosen[split], looks[split]))
    outputs.append(rejected_path(processed))
    _write_rejected(outputs[-1], looks)
    spent = collector.spent
    return Played(speaker.identity, played, spent.answers, spent.tokens, spent.seconds, cache.dropped, outputs)


def show_some(
    settings: Playback, likely: Sequence[str], train: Path, processed: Path, count: int, speaker: MessageModel | None = None
) -> list[Look]:
    """The looks at `count` training tweets of the sample, for a person to judge, however many are of use.

    The answers are cached, nothing else is written.
    """
    speaker = speaker or message_model_of(settings)
    some = settings.model_copy(update={"train_tweets": count})
    asks = _chosen(train, some, likely, "train").asks
    with Cache(processed / FILE) as cache, Judge(settings, likely) as judge:
        return Collector(speaker, settings, cache, judge, patient=True).collect(asks, "train")


def rejected_path(processed: Path) -> Path:
    return processed / "messages-rejected.jsonl"


def _chosen(path: Path, settings: Playback, likely: Sequence[str], split: str) -> Chosen:
    tweets = list(read_split(path))
    most = settings.train_tweets if split == "train" else settings.held_out_tweets
    return choose(tweets, settings, most, main_language(tweets, likely))


def _used(chosen: Chosen, looks: Sequence[Look]) -> list[Message]:
    """In the order of the tweets."""
    said = {look.ask.id: look.message for look in looks if not look.reason}
    return [Message(ask.id, said[ask.id], ask.kind) for ask in chosen.asks if ask.id in said]


def _played(chosen: Chosen, looks: Sequence[Look]) -> SplitPlayed:
    used = _used(chosen, looks)
    kinds = Counter(message.kind for message in used)
    return SplitPlayed(
        asked=len(chosen.asks),
        usable=len(used),
        kinds={kind: kinds[kind] for kind in KINDS},
        rejected=counted(look.reason for look in looks),
        given_up=len(chosen.asks) - len(used),
        unknown_parent=chosen.unknown_parent,
        left_out=chosen.left_out,
    )


def _check_enough(split: str, of: SplitPlayed, speaker: MessageModel) -> None:
    fewest = FEWEST_PAIRS if split == "train" else 1
    if of.usable >= fewest:
        return
    reasons = ", ".join(f"{reason} {count}" for reason, count in of.rejected.items()) or "no tweet that stands alone"
    usable = f"only {of.usable}" if of.usable else "none"
    needed = f"at least {fewest} are needed" if fewest > 1 else "one is needed at least"
    what = f"{usable} of {of.asked} tweets of {split} have a message that can be used, {needed} ({reasons})"
    hint = "name a larger model, or raise playback.retries; tweetstyle playback RECIPE --show 20 shows what it answers"
    raise TweetstyleError(what, where=speaker.where, hint=hint)


def _write_rejected(path: Path, looks: dict[str, list[Look]]) -> None:
    """One JSON object a line for every message that was not used, to look through."""
    with complete_file(path) as stream:
        for split, of in looks.items():
            for look in of:
                if look.reason:
                    row = asdict(look.ask) | {"message": look.message, "reason": look.reason, "attempt": look.attempt, "split": split}
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def pairs(looks: Sequence[Look]) -> RenderableType:
    """One row a tweet: what was asked for, the message that is used or that none is, what was rejected before and why."""
    from rich.table import Table
    from rich.text import Text

    table = Table("kind", "message", "the tweet that answers it", "rejected", show_lines=True)
    of: dict[str, list[Look]] = {}
    for look in looks:
        of.setdefault(look.ask.id, []).append(look)
    for attempts in of.values():
        ask = attempts[0].ask
        used = next((look.message for look in attempts if not look.reason), None)
        message = Text(visible(used)) if used is not None else Text("none", style="red")
        rejected = "\n".join(f"{look.reason}: {visible(look.message)}" for look in attempts if look.reason)
        before = f"({visible(ask.before)}) " if ask.before else ""
        table.add_row(ask.kind, message, Text(before + visible(ask.text)), Text(rejected, style="yellow"))
    usable = sum(not look.reason for look in looks)
    table.caption = f"{usable} of {len(of)} tweets have a message that can be used; each was asked for at most {_attempts(looks)} times"
    return table


def table(played: Played) -> RenderableType:
    """How many tweets have a message, of which kinds, and why others have none."""
    from rich.table import Table

    names = list(played.splits)
    counts = Table("", *names, title=f"messages by {played.model.split()[0]}", title_justify="left")
    for column in counts.columns[1:]:
        column.justify = "right"

    def row(name: str, values: list[int]) -> None:
        if any(values):
            counts.add_row(name, *(f"{value:,}" for value in values))

    splits = list(played.splits.values())
    row("tweets asked for", [of.asked for of in splits])
    row("with a message", [of.usable for of in splits])
    for kind in KINDS:
        row(f"  {kind}", [of.kinds[kind] for of in splits])
    row("without one", [of.given_up for of in splits])
    reasons = dict.fromkeys(reason for of in splits for reason in of.rejected)
    for reason in reasons:
        row(f"  rejected: {reason}", [of.rejected.get(reason, 0) for of in splits])
    row("answer somebody unknown", [of.unknown_parent for of in splits])
    row("beyond the sample", [of.left_out for of in splits])
    return counts


def _attempts(looks: Sequence[Look]) -> int:
    return max((look.attempt for look in looks), default=0) + 1
