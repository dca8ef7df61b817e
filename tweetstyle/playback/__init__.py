"""Playback: a local model writes the message that each tweet could answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.dataset.threads import KINDS, SPLITS_WITH_MESSAGES, Message, messages_path, write_messages
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file
from tweetstyle.inference.ollama import OllamaLost
from tweetstyle.locale import _, current_language, localised
from tweetstyle.playback.backends import MessageModel, message_model_of
from tweetstyle.playback.checks import Checked, counted, in_words
from tweetstyle.playback.collect import Collector
from tweetstyle.playback.requests import Chosen, choose, main_language
from tweetstyle.records import read_split
from tweetstyle.text.languages import unload
from tweetstyle.text.visible import visible
from tweetstyle.wording.words import Say, by_name

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tweetstyle.recipe import Playback

__all__ = ["Played", "SplitPlayed", "pairs", "playback", "show_some", "table"]

CACHE, REJECTED = "playback-answers.jsonl", "messages-rejected.jsonl"
FEWEST_PAIRS = {"train": 10, "validation": 1, "test": 1}
"""From fewer tweets with a message nothing is learned that one could call a conversation."""


@dataclass(frozen=True)
class SplitPlayed:
    """asked, usable, given_up, real: tweets; real: usable ones with a message of the archive's, which none is asked for; kinds: of the
    usable ones; rejected: reason → messages, every attempt counted.

    unknown_parent: replies that no message is wanted for; left_out: tweets beyond the sample.
    """

    asked: int
    usable: int
    kinds: dict[str, int]
    rejected: dict[str, int]
    given_up: int
    unknown_parent: int
    left_out: int
    real: int = 0


@dataclass(frozen=True)
class Played:
    """splits: train, validation, test; model: name and digest; answers: of this run, without cached replies."""

    model: str
    splits: dict[str, SplitPlayed]
    answers: int
    outputs: list[Path] = field(default_factory=list)


def playback(settings: Playback, likely: Sequence[str], train: Path, processed: Path, model: MessageModel | None = None) -> Played:
    """Writes the messages of the training split and of validation and test, each in a file of its own, and the rejected ones.

    One split after the other: if the training tweets get too few messages, the other splits are not started. The same replies
    give the same bytes; those in the cache are not requested again.

    Args:
        settings: the recipe's section.
        likely: languages that tweets are in, ISO 639-1.
        train: train.jsonl or mini-train.jsonl.
        processed: the directory of the splits.
        model: instead of the recipe's.

    Raises:
        TweetstyleError: where the model is not there or is lost on the way (the cache then has the replies so far), and where
            too few messages can be used; then no file is touched.
    """
    model = model or message_model_of(settings)
    collector = Collector(model, settings, likely, processed / CACHE)
    checked, messages, played = [], {}, {}
    for split in SPLITS_WITH_MESSAGES:
        chosen = _chosen(train if split == "train" else processed / f"{split}.jsonl", settings, likely, split)
        of_split = collector.collect(chosen.requests, split, patient=split != "train")
        usable = {check.request.id: check.message for check in of_split if not check.reason}
        real = [Message(tweet.id, tweet.message, "question" if "?" in tweet.message else "remark") for tweet in chosen.real]
        messages[split] = real + [Message(of.id, usable[of.id], of.kind) for of in chosen.requests if of.id in usable]
        played[split] = _played(chosen, messages[split], of_split)
        _check_enough(split, played[split], model)
        checked += [asdict(c.request) | {"message": c.message, "reason": c.reason, "attempt": c.attempt, "split": split} for c in of_split]
    if collector.answers:
        with suppress(OllamaLost):  # Nothing is requested any more.
            model.close()
    unload()
    for split, of in messages.items():
        write_messages(messages_path(processed, split), of)
    with complete_file(processed / REJECTED) as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in checked if row["reason"])
    outputs = [*(messages_path(processed, split) for split in messages), processed / REJECTED]
    return Played(model.identity, played, collector.answers, outputs)


def show_some(settings: Playback, likely: Sequence[str], train: Path, processed: Path, count: int) -> list[Checked]:
    """The checked messages of `count` training tweets of the sample, for a person to judge, usable or not.

    The replies are cached, nothing else is written.
    """
    requests = _chosen(train, settings.model_copy(update={"train_tweets": count}), likely, "train").requests
    return Collector(message_model_of(settings), settings, likely, processed / CACHE).collect(requests, "train", patient=True)


def _chosen(path: Path, settings: Playback, likely: Sequence[str], split: str) -> Chosen:
    tweets = list(read_split(path))
    most = settings.train_tweets if split == "train" else settings.held_out_tweets
    return choose(tweets, settings, most, main_language(tweets, likely))


def _played(chosen: Chosen, messages: Sequence[Message], checked: Sequence[Checked]) -> SplitPlayed:
    kinds = Counter(message.kind for message in messages)
    asked, usable, real = len(chosen.requests), len(messages), len(chosen.real)
    return SplitPlayed(
        asked=asked,
        usable=usable,
        kinds={kind: kinds[kind] for kind in KINDS},
        rejected=counted(check.reason for check in checked),
        given_up=asked + real - usable,
        unknown_parent=chosen.unknown_parent,
        left_out=chosen.left_out,
        real=real,
    )


def _check_enough(split: str, of: SplitPlayed, model: MessageModel) -> None:
    if of.usable >= FEWEST_PAIRS[split]:
        return
    values = {"usable": of.usable, "count": of.asked, "split": split, "fewest": FEWEST_PAIRS[split], "reasons": in_words(of.rejected)}
    what = _("{usable} of {count} tweets of {split} have a usable message, at least {fewest} are needed", **values)
    if of.rejected:
        what = _("{usable} of {count} tweets of {split} have a usable message, at least {fewest} are needed ({reasons})", **values)
    hint = _("name a larger model, or raise playback.retries; tweetstyle playback RECIPE --show 20 shows what it answers")
    raise TweetstyleError(what, where=model.where, hint=hint)


def pairs(checked: Sequence[Checked]) -> RenderableType:
    """One row a tweet: the kind requested, the message that is used if any, and what was rejected before and why."""
    from rich.table import Table
    from rich.text import Text

    table = Table(_("kind"), _("message"), _("the tweet that answers it"), _("rejected"), show_lines=True)
    of: dict[str, list[Checked]] = {}
    for check in checked:
        of.setdefault(check.request.id, []).append(check)
    for attempts in of.values():
        request = attempts[0].request
        used = next((check.message for check in attempts if not check.reason), None)
        message = Text(visible(used)) if used is not None else Text(_("none"), style="red")
        reasons = ((by_name("rejected", check.reason), visible(check.message)) for check in attempts if check.reason)
        rejected = "\n".join(_("{reason}: {message}", reason=reason, message=message) for reason, message in reasons)
        before = f"({visible(request.before)}) " if request.before else ""
        kind = Say(current_language())(f"d_{request.kind}").lstrip("– ")
        table.add_row(kind, message, Text(before + visible(request.text)), Text(rejected, style="yellow"))
    usable = sum(not check.reason for check in checked)
    table.caption = _("{usable} of {count} tweets have a usable message", usable=usable, count=len(of))
    return table


def table(played: Played) -> RenderableType:
    """How many tweets have a message, of which kinds, and why others have none."""
    from rich.table import Column, Table

    splits, say = played.splits.values(), Say(current_language())
    reasons = dict.fromkeys(reason for of in splits for reason in of.rejected)
    rows = {
        say("d_asked"): [of.asked for of in splits],
        say("d_usable"): [of.usable for of in splits],
        "  " + say("d_real"): [of.real for of in splits],
        **{"  " + say(f"d_{kind}"): [of.kinds[kind] for of in splits] for kind in KINDS},
        say("d_given_up"): [of.given_up for of in splits],
        **{"  – " + say.named("rejected", reason): [of.rejected.get(reason, 0) for of in splits] for reason in reasons},
        say("d_unknown_parent"): [of.unknown_parent for of in splits],
        say("d_left_out"): [of.left_out for of in splits],
    }
    columns = [Column(name, justify="right") for name in played.splits]
    counts = Table("", *columns, title=_("messages by {model}", model=played.model.split()[0]), title_justify="left")
    for name, values in rows.items():
        if any(values):
            counts.add_row(name, *(localised(f"{value:,}") for value in values))
    return counts
