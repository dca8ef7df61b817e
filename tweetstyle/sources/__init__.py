"""Opens an archive of any kind as a stream of tweets."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError, closest
from tweetstyle.locale import Later, _, later
from tweetstyle.records import SourceTweet
from tweetstyle.sources.chat import AuthorUnknown
from tweetstyle.sources.csv_source import is_rounded, read_csv
from tweetstyle.sources.exports import read_export
from tweetstyle.sources.json_files import read_json_array, read_json_lines
from tweetstyle.sources.plain_text import read_plain_text
from tweetstyle.sources.recognise import CSV, JSON_ARRAY, JSON_LINES, PLAIN_TEXT, X_MONTHS, RecognisedSource, kind_of
from tweetstyle.sources.repair import Repairs
from tweetstyle.sources.x_archive import read_x_archive, size_of

__all__ = ["DUPLICATE_ID", "Archive", "AuthorUnknown", "Found", "open_archive"]

DUPLICATE_ID = "duplicate id"
"""Reason of the second tweet with an id, in one source or across several."""

READERS = {CSV: read_csv, JSON_LINES: read_json_lines, JSON_ARRAY: read_json_array, X_MONTHS: read_json_array}
"""Of the files of tweets but plain text, which knows a separator."""

Advance = Callable[[int], object]


class Found(NamedTuple):
    """What a source was: `kind` in words, `count` tweets, those the source itself refuses among them; of a chat, messages by name."""

    path: Path
    kind: Later
    count: int
    names: dict[str, int] = {}


class Archive:
    """One or several sources, merged by id. Made by `open_archive`.

    size: bytes that `advance` counts up to; kinds, notices: what was found, and plain sentences for the user, both complete once
    `tweets` has ended.
    """

    def __init__(
        self, sources: Sequence[RecognisedSource], separator: str | None, expected_count: int | None, author: Collection[str] = ()
    ) -> None:
        self._sources = sorted(sources, key=lambda source: bool(source.documents))  # X's own archives have no document
        self._separator, self._expected_count, self._author = separator, expected_count, author
        self._names = Counter(source.path.name for source in sources)
        self.size = sum(sum(file.size for file in source.documents) or size_of(source.path) for source in sources)
        self.kinds: list[Found] = []
        self.notices: list[Later] = []

    def tweets(self, advance: Advance = lambda bytes_read: None) -> Iterator[SourceTweet]:
        """Every tweet of every source once, in the order of the files, but X's own archives first: they know most of a tweet.

        The second tweet with an id comes with the reason `DUPLICATE_ID` and, as evidence, the place of the first, and whether its
        text is another one; another text under an id that a spreadsheet rounded is a tweet of its own. Raises TweetstyleError for what
        cannot be read.
        """
        self.kinds, self.notices = [], []
        first_places: dict[str, tuple[str, int]] = {}
        for source in self._sources:
            names: Counter[str] = Counter()
            count, repairs = 0, Repairs(str(source.path))
            for tweet in self._read(source, names, advance):
                count += 1
                tweet = repairs.tweet(tweet)
                here = tweet.where, hash(tweet.text)
                first = first_places.setdefault(tweet.id, here)
                if first is not here and not tweet.reason:
                    tweet = _second(tweet, first, here[1], first_places)
                yield tweet
            self.notices += repairs.notices()
            self.kinds.append(Found(source.path, source.in_words, count, dict(names.most_common())))
        self._compare_count(len(first_places))

    def _read(self, source: RecognisedSource, names: Counter[str], advance: Advance) -> Iterator[SourceTweet]:
        if not source.documents:
            yield from read_x_archive(source.path, self.notices, advance)
            return
        # Ids are made from it where a source has none.
        name = source.path.name if self._names[source.path.name] == 1 else str(source.path)
        if source.kind == PLAIN_TEXT:
            yield from read_plain_text(source.documents[0], name, self.notices, advance, self._separator)
        elif source.kind in READERS:
            for document in source.documents:
                yield from READERS[source.kind](document, name, self.notices, advance)
        else:
            yield from read_export(source.documents, name, self._author, names, self.notices, advance)

    def _compare_count(self, count: int) -> None:
        expected = self._expected_count
        if expected is None or expected == count:
            return
        values = {"expected": expected, "count": count, "gap": abs(expected - count)}
        if count < expected:
            self.notices.append(later("X counts {expected:,} tweets, {count:,} were read (each id once): {gap:,} missing", **values))
        else:
            self.notices.append(later("X counts {expected:,} tweets, {count:,} were read (each id once): {gap:,} more", **values))


def _second(tweet: SourceTweet, first: tuple[str, int], text: int, first_places: dict[str, tuple[str, int]]) -> SourceTweet:
    """A tweet whose id was read before, at `first` with a text of that hash; `text` is the hash of its own."""
    if first[1] == text:
        return tweet._replace(reason=DUPLICATE_ID, evidence=first[0])
    if is_rounded(tweet.id) and tweet.where.rpartition(":")[0] == first[0].rpartition(":")[0]:
        own = f"{tweet.id}:{hashlib.blake2b(tweet.text.encode(), digest_size=6).hexdigest()}"
        if own not in first_places:
            first_places[own] = tweet.where, text
            return tweet._replace(id=own)
    return tweet._replace(reason=DUPLICATE_ID, evidence=later("{place}, with another text", place=first[0]))


def open_archive(
    paths: Sequence[Path], separator: str | None = None, expected_count: int | None = None, author: Collection[str] = ()
) -> Archive:
    """Recognises every source, and reads none yet.

    separator: in plain text, the line between tweets; None: every line is a tweet. expected_count: what X says there are. author: the
    user's names in chats.
    Raises TweetstyleError for a path that is missing, or none of the kinds that can be read.
    """
    for path in paths:
        if not path.exists():
            near = closest(path.name, [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else [])
            hint = _("write the path of your archive (in a recipe: data.source)")
            if near:
                hint = _("did you mean {name}?", name=path.parent / near)
            raise TweetstyleError(_("there is no such file"), where=str(path), hint=hint)
    return Archive([kind_of(path) for path in paths], separator, expected_count, author)
