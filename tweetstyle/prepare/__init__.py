"""From the archive to data: read, clean, split, choose topics, write."""

from dataclasses import replace
from pathlib import Path

from tweetstyle.cleaning import archive_rules
from tweetstyle.cleaning.archive_rules import REASONS, Candidate, check_enough
from tweetstyle.cleaning.clean import Cleaned, clean, clean_message
from tweetstyle.cleaning.near_duplicates import chronological
from tweetstyle.dataset.threads import thread_roots
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _, current_language
from tweetstyle.prepare.outputs import output_paths, write_outputs
from tweetstyle.prepare.report import Outcome, Prepared, describe, funnel, report_html
from tweetstyle.prepare.split import split_apart
from tweetstyle.prepare.topics import choose_topics, first_words
from tweetstyle.progress import SILENT_FOR, Bar, with_progress
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Data, Prompt
from tweetstyle.records import Dropped, SourceTweet, Tweet
from tweetstyle.sources import Archive, open_archive

__all__ = ["REASONS", "Prepared", "funnel", "prepare"]


def prepare(data: Data, prompt: Prompt, template: Template, directory: Path, language: str | None = None) -> Prepared:
    """Reads `data.source` and writes the cleaned CSVs, the splits, the dropped tweets and the report into `directory`.

    The same source and settings give the same bytes. Nothing is written unless everything can be. language: of the report, by
    default the current one.

    Raises:
        TweetstyleError: for a source that cannot be read, and where too few tweets are left to split.
    """
    _check_settings(data, directory)
    archive = open_archive(data.source, data.separator, data.expected_count, data.author)
    read, cleaned = _read_and_clean(archive, data)
    candidates = _candidates(read, cleaned)
    with Bar(_("applying the rules for the whole archive"), delay=SILENT_FOR) as bar:
        archive_rules.apply(candidates, data, bar.phase)
    outcome = Outcome(read, cleaned, candidates, _dropped(read, cleaned, candidates))
    if len(outcome.kept) + len(outcome.dropped) != len(read):
        raise RuntimeError(f"{len(read)} tweets were read, but {len(outcome.kept)} kept and {len(outcome.dropped)} dropped")
    check_enough(len(outcome.kept), outcome.dropped, data)
    tweets = _tweets(outcome, data)
    parts = split_apart(tweets, ([c.cluster for c in outcome.kept], [tweet.thread or tweet.id for tweet in tweets]), data)
    by_topic = prompt.message == "topic" and prompt.topic and template.has_topic
    topics = _topics(tweets, parts["train"], data, prompt) if by_topic or prompt.message == "first-words" else {}
    parts = {name: [replace(tweet, topic=topics.get(tweet.id)) for tweet in part] for name, part in parts.items()}
    with Bar(_("counting and writing"), delay=SILENT_FOR):
        prepared = describe(archive, outcome, parts, data, prompt.message)
        page = report_html(prepared, language or current_language())
        write_outputs(directory, parts, outcome.dropped, lambda t: template.line(t.text, t.topic, t.type), page)
    return replace(prepared, outputs=output_paths(directory))


def _check_settings(data: Data, directory: Path) -> None:
    if data.since and data.until and data.since > data.until:
        what = _("the period ends ({until}) before it begins ({since})", until=data.until, since=data.since)
        raise TweetstyleError(what, where="data.since", hint=_("exchange data.since and data.until"))
    written = {path.resolve() for path in output_paths(directory)}
    for source in data.source:
        if source.resolve() in written:
            what = _("the cleaned tweets would overwrite the archive")
            raise TweetstyleError(what, where=str(source), hint=_("name another directory in data.processed, or copy the archive"))


def _read_and_clean(archive: Archive, data: Data) -> tuple[list[SourceTweet], list[Cleaned]]:
    """Every tweet of the archive in its order, and what the rules for a single tweet say of it."""
    with Bar(_("reading and cleaning"), archive.size, "B", delay=SILENT_FOR) as bar:
        pairs = [(tweet, clean(tweet, data)) for tweet in archive.tweets(bar.advance)]
    return [tweet for tweet, cleaned in pairs], [cleaned for tweet, cleaned in pairs]


def _candidates(read: list[SourceTweet], cleaned: list[Cleaned]) -> list[Candidate]:
    """The tweets that no rule for a single tweet drops, in order of time."""
    passed = [place for place, verdict in enumerate(cleaned) if not verdict.reason]
    passed.sort(key=lambda place: chronological(read[place]))
    return [Candidate(place, read[place].id, read[place].text, cleaned[place].text) for place in passed]


def _dropped(read: list[SourceTweet], cleaned: list[Cleaned], candidates: list[Candidate]) -> list[Dropped]:
    """In the archive's order."""
    reasons = {place: (verdict.reason, verdict.evidence) for place, verdict in enumerate(cleaned) if verdict.reason}
    reasons |= {c.place: (c.reason, c.evidence) for c in candidates if c.reason}
    entries = ((read[place], *reasons[place]) for place in sorted(reasons))
    return [Dropped(tweet.id, reason, tweet.text, tweet.created_at, evidence) for tweet, reason, evidence in entries]


def _tweets(outcome: Outcome, data: Data) -> list[Tweet]:
    """The kept tweets, in order of time, with their threads and the messages that they answer."""
    roots = thread_roots((tweet.id, tweet.reply_to) for tweet in outcome.read if not tweet.reason)

    def tweet_of(c: Candidate) -> Tweet:
        source, root = outcome.read[c.place], roots.get(c.id, "")
        # Whoever is in a thread and does not begin it answers one of the author's own.
        follows = source.reply_to if root != c.id and root else ""
        type_, message = outcome.cleaned[c.place].type, clean_message(source.message, data) if source.message else ""
        return Tweet(c.id, c.text, source.created_at, type_, None, root, c.language, follows, message)

    return list(map(tweet_of, outcome.kept))


def _topics(tweets: list[Tweet], train: list[Tweet], data: Data, prompt: Prompt) -> dict[str, str | None]:
    """id → the topic of the tweet or, as prompt.message says, its first words; None where the prompt names none."""
    if prompt.message == "first-words":
        return {tweet.id: first_words(tweet.id, tweet.text, prompt.topic_dropout, data.seed) for tweet in tweets}
    return choose_topics(with_progress(tweets, _("choosing topics")), train, prompt.topic_dropout, data.seed)
