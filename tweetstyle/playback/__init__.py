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
from tweetstyle.playback.checks import Checked, Judge, counted
from tweetstyle.playback.collect import FILE, Cache, Collector
from tweetstyle.playback.selection import Chosen, choose, main_language
from tweetstyle.records import read_split
from tweetstyle.text.visible import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tweetstyle.recipe import Playback

__all__ = ["Played", "SplitPlayed", "pairs", "playback", "rejected_path", "show_some", "table"]

FEWEST_PAIRS = 10
"""From fewer tweets with a message nothing is learned that one could call a conversation."""


@dataclass(frozen=True)
class SplitPlayed:
    """asked, usable, given_up: tweets; kinds: of the usable ones; rejected: reason → messages, every attempt counted.

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
    """splits: train, validation, test; model: name and digest; answers, tokens, seconds: of this run, without cached replies."""

    model: str
    splits: dict[str, SplitPlayed]
    answers: int
    tokens: int
    seconds: float
    dropped_lines: int
    outputs: list[Path] = field(default_factory=list)


def playback(settings: Playback, likely: Sequence[str], train: Path, processed: Path, speaker: MessageModel | None = None) -> Played:
    """Writes the messages of the training split and of validation and test, each in a file of its own, and the rejected ones.

    One split after the other: if the training tweets get too few messages, the other splits are not started.

    likely: languages that tweets are in. train: train.jsonl or mini-train.jsonl. The same answers give the same bytes; those that
    the cache has are not requested again. Raises TweetstyleError where the model is not there or is lost on the way (the cache
    then has every answer so far), and where too few messages can be used; then no file is touched.
    """
    speaker = speaker or message_model_of(settings)
    with Cache(processed / FILE) as cache, Judge(settings, likely) as judge:
        collector = Collector(speaker, settings, cache, judge)
        chosen, checked, played = {}, {}, {}
        for split in SPLITS_WITH_MESSAGES:
            path = train if split == "train" else processed / f"{split}.jsonl"
            chosen[split] = _chosen(path, settings, likely, split)
            checked[split] = collector.collect(chosen[split].requests, split)
            played[split] = _played(chosen[split], checked[split])
            _check_enough(split, played[split], speaker)
    if collector.spent.answers:
        speaker.close()
    outputs = [messages_path(processed, split) for split in SPLITS_WITH_MESSAGES]
    for path, split in zip(outputs, SPLITS_WITH_MESSAGES, strict=True):
        write_messages(path, _used(chosen[split], checked[split]))
    outputs.append(rejected_path(processed))
    _write_rejected(outputs[-1], checked)
    spent = collector.spent
    return Played(speaker.identity, played, spent.answers, spent.tokens, spent.seconds, cache.dropped, outputs)


def show_some(
    settings: Playback, likely: Sequence[str], train: Path, processed: Path, count: int, speaker: MessageModel | None = None
) -> list[Checked]:
    """The checked messages of `count` training tweets of the sample, for a person to judge, usable or not.

    The answers are cached, nothing else is written.
    """
    speaker = speaker or message_model_of(settings)
    some = settings.model_copy(update={"train_tweets": count})
    requests = _chosen(train, some, likely, "train").requests
    with Cache(processed / FILE) as cache, Judge(settings, likely) as judge:
        return Collector(speaker, settings, cache, judge, patient=True).collect(requests, "train")


def rejected_path(processed: Path) -> Path:
    return processed / "messages-rejected.jsonl"


def _chosen(path: Path, settings: Playback, likely: Sequence[str], split: str) -> Chosen:
    tweets = list(read_split(path))
    most = settings.train_tweets if split == "train" else settings.held_out_tweets
    return choose(tweets, settings, most, main_language(tweets, likely))


def _used(chosen: Chosen, checked: Sequence[Checked]) -> list[Message]:
    """In the order of the tweets."""
    said = {check.request.id: check.message for check in checked if not check.reason}
    return [Message(request.id, said[request.id], request.kind) for request in chosen.requests if request.id in said]


def _played(chosen: Chosen, checked: Sequence[Checked]) -> SplitPlayed:
    used = _used(chosen, checked)
    kinds = Counter(message.kind for message in used)
    return SplitPlayed(
        asked=len(chosen.requests),
        usable=len(used),
        kinds={kind: kinds[kind] for kind in KINDS},
        rejected=counted(check.reason for check in checked),
        given_up=len(chosen.requests) - len(used),
        unknown_parent=chosen.unknown_parent,
        left_out=chosen.left_out,
    )


def _check_enough(split: str, of: SplitPlayed, speaker: MessageModel) -> None:
    fewest = FEWEST_PAIRS if split == "train" else 1
    if of.usable >= fewest:
        return
    reasons = ", ".join(f"{reason} {count}" for reason, count in of.rejected.items()) or "no tweet without a thread"
    usable = f"only {of.usable}" if of.usable else "none"
    needed = f"at least {fewest} are needed" if fewest > 1 else "one is needed at least"
    what = f"{usable} of {of.asked} tweets of {split} have a message that can be used, {needed} ({reasons})"
    hint = "name a larger model, or raise playback.retries; tweetstyle playback RECIPE --show 20 shows what it answers"
    raise TweetstyleError(what, where=speaker.where, hint=hint)


def _write_rejected(path: Path, checked: dict[str, list[Checked]]) -> None:
    """One JSON object a line for every message that was not used, to check through."""
    with complete_file(path) as stream:
        for split, of in checked.items():
            for check in of:
                if check.reason:
                    row = asdict(check.request) | {
                        "message": check.message,
                        "reason": check.reason,
                        "attempt": check.attempt,
                        "split": split,
                    }
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def pairs(checked: Sequence[Checked]) -> RenderableType:
    """One row a tweet: the kind requested, the message that is used if any, and what was rejected before and why."""
    from rich.table import Table
    from rich.text import Text

    table = Table("kind", "message", "the tweet that answers it", "rejected", show_lines=True)
    of: dict[str, list[Checked]] = {}
    for check in checked:
        of.setdefault(check.request.id, []).append(check)
    for attempts in of.values():
        request = attempts[0].request
        used = next((check.message for check in attempts if not check.reason), None)
        message = Text(visible(used)) if used is not None else Text("none", style="red")
        rejected = "\n".join(f"{check.reason}: {visible(check.message)}" for check in attempts if check.reason)
        before = f"({visible(request.before)}) " if request.before else ""
        table.add_row(request.kind, message, Text(before + visible(request.text)), Text(rejected, style="yellow"))
    usable = sum(not check.reason for check in checked)
    table.caption = f"{usable} of {len(of)} tweets have a message that can be used; at most {_attempts(checked)} attempts each"
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
    row("tweets with a request", [of.asked for of in splits])
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


def _attempts(checked: Sequence[Checked]) -> int:
    return max((check.attempt for check in checked), default=0) + 1
