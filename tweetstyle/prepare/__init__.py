"""From the archive to data: read, clean, split, choose topics, write."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.cleaning import archive_rules
from tweetstyle.cleaning.archive_rules import Candidate
from tweetstyle.cleaning.clean import Cleaned, first_words
from tweetstyle.cleaning.dropped import REASONS, check_enough
from tweetstyle.cleaning.near_duplicates import chronological
from tweetstyle.dataset.threads import thread_roots
from tweetstyle.errors import TweetstyleError
from tweetstyle.prepare.outputs import output_paths, write_outputs
from tweetstyle.prepare.report import Prepared, funnel
from tweetstyle.prepare.split import Splits, joined, split
from tweetstyle.prepare.statistics import describe, leak_of
from tweetstyle.prepare.subjects import Subjects
from tweetstyle.prepare.workers import read_and_clean, start_workers
from tweetstyle.progress import Progress
from tweetstyle.records import Dropped, SourceTweet, Tweet
from tweetstyle.sources import open_archive

if TYPE_CHECKING:
    from tweetstyle.prompt.template import Template
    from tweetstyle.recipe import Data, Prompt

__all__ = ["REASONS", "Prepared", "funnel", "prepare"]


def prepare(data: Data, prompt: Prompt, template: Template, directory: Path) -> Prepared:
    """Reads `data.source` and writes the cleaned CSVs, the splits, the dropped tweets and the report into `directory`.

    The same source and settings give the same bytes. Nothing is written unless everything can be.
    Raises TweetstyleError for a source that cannot be read, and where too few tweets are left to split.
    """
    progress = Progress()
    _check_settings(data, directory)
    archive = open_archive(data.source, data.separator, data.expected_count)
    with _no_cycle_search(), _clear_if_a_worker_dies(), start_workers(archive.size) as at_work:
        read, cleaned = read_and_clean(archive, data, at_work, progress)
        candidates = _candidates(read, cleaned)
        # The workers find words while this process looks for languages and near-duplicates.
        by_topic = prompt.message == "topic" and prompt.topic and template.has_topic
        subjects = Subjects([c.text for c in candidates], at_work) if by_topic else None
        with progress.named("sorting out") as begin:
            archive_rules.apply(candidates, data, begin)
        kept, dropped = _kept_and_dropped(read, cleaned, candidates, data)
        tweets = _tweets(kept, read, cleaned)
        splits = split(tweets, joined([c.cluster for c in kept], [tweet.thread or tweet.id for tweet in tweets]), data)
        if subjects:
            places = {c.id: place for place, c in enumerate(candidates)}
            splits = _with_topics(splits, subjects, places, prompt.topic_dropout, data.seed)
        if prompt.message == "first-words":
            splits = _with_first_words(splits, prompt.topic_dropout, data.seed)
        # One worker counts the leak while this process writes; the other frees its memory.
        for worker in at_work[1:]:
            worker.shutdown(wait=False)
        texts = {name: [tweet.text for tweet in part] for name, part in splits.parts.items()}
        leak = at_work[0].submit(leak_of, texts, data.near_duplicate_jaccard)
        described = describe(archive, read, cleaned, kept, dropped, splits, data)

        def render(tweet: Tweet) -> str:
            return template.line(tweet.text, tweet.topic, tweet.type)

        def report() -> Prepared:
            return replace(described, leak=leak.result(), outputs=output_paths(directory), message=prompt.message)

        return write_outputs(directory, splits.parts, dropped, render, report, progress.over)


def _check_settings(data: Data, directory: Path) -> None:
    if data.since and data.until and data.since > data.until:
        what = f"the period ends ({data.until}) before it begins ({data.since})"
        raise TweetstyleError(what, where="data.since", hint="exchange data.since and data.until")
    written = {path.resolve() for path in output_paths(directory)}
    for source in data.source:
        if source.resolve() in written:
            what = "the archive would be overwritten by the cleaned tweets"
            raise TweetstyleError(what, where=str(source), hint="name another directory in data.processed, or copy the archive")


def _candidates(read: list[SourceTweet], cleaned: list[Cleaned]) -> list[Candidate]:
    """What the rules for a single tweet let pass, in order of time."""
    passed = [place for place, verdict in enumerate(cleaned) if not verdict.reason]
    passed.sort(key=lambda place: chronological(read[place]))
    return [Candidate(place, read[place].id, read[place].text, cleaned[place].text) for place in passed]


def _tweets(kept: list[Candidate], read: list[SourceTweet], cleaned: list[Cleaned]) -> list[Tweet]:
    roots = thread_roots((tweet.id, tweet.reply_to) for tweet in read if not tweet.reason)

    def tweet_of(c: Candidate) -> Tweet:
        there, root = read[c.place], roots.get(c.id, "")
        # Whoever is in a thread and does not begin it answers one of the author's own.
        follows = there.reply_to if root != c.id and root else ""
        return Tweet(c.id, c.text, there.created_at, cleaned[c.place].type, None, root, c.language, follows)

    return list(map(tweet_of, kept))


def _dropped(read: list[SourceTweet], cleaned: list[Cleaned], candidates: list[Candidate]) -> list[Dropped]:
    """In the archive's order."""
    reasons = {place: (verdict.reason, verdict.evidence) for place, verdict in enumerate(cleaned) if verdict.reason}
    reasons |= {c.place: (c.reason, c.evidence) for c in candidates if c.reason}
    entries = ((read[place], *reasons[place]) for place in sorted(reasons))
    return [Dropped(tweet.id, reason, tweet.text, tweet.created_at, evidence) for tweet, reason, evidence in entries]


def _kept_and_dropped(
    read: list[SourceTweet], cleaned: list[Cleaned], candidates: list[Candidate], data: Data
) -> tuple[list[Candidate], list[Dropped]]:
    kept, dropped = [c for c in candidates if not c.reason], _dropped(read, cleaned, candidates)
    if len(kept) + len(dropped) != len(read):
        raise RuntimeError(f"{len(read)} tweets were read, but {len(kept)} kept and {len(dropped)} dropped")
    check_enough(len(kept), dropped, data)
    return kept, dropped


def _with_topics(splits: Splits, subjects: Subjects, places: dict[str, int], dropout: float, seed: int) -> Splits:
    """The same splits, each tweet with its topic; what a word weighs is learned on train alone."""
    train = [places[tweet.id] for tweet in splits.parts["train"]]
    everyone = [(places[tweet.id], tweet.id) for name in ("train", "validation", "test") for tweet in splits.parts[name]]
    topics = subjects.choose(train, everyone, dropout, seed)
    parts = {name: [replace(tweet, topic=topics[tweet.id]) for tweet in part] for name, part in splits.parts.items()}
    return replace(splits, parts=parts)


def _with_first_words(splits: Splits, dropout: float, seed: int) -> Splits:
    """The same splits, each tweet with its own first words in the topic's place."""
    parts = {n: [replace(t, topic=first_words(t.id, t.text, dropout, seed)) for t in part] for n, part in splits.parts.items()}
    return replace(splits, parts=parts)


@contextmanager
def _no_cycle_search() -> Iterator[None]:
    """Millions of small tuples without a cycle among them: searching them for cycles took a third of the whole time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _clear_if_a_worker_dies() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        what = "a worker process was ended from outside, as the system does when memory runs out"
        raise TweetstyleError(what, where="prepare", hint="close other programs and run again") from error
