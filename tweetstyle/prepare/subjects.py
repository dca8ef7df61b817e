"""Chooses the topics of all tweets in worker processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from tweetstyle.prepare.topics import WordStatistics, learn_archive, topic_of
from tweetstyle.prepare.workers import Worker
from tweetstyle.text.words import Language, Word, words_of

CHUNK = 4_000
"""Tweets in one task."""

_words: dict[int, tuple[Language, list[Word]]] = {}
"""In each worker: place → what `words_of` found there."""


def keep_words(first: int, texts: Sequence[str]) -> None:
    """Finds and keeps the words of the tweets at the places from `first` on."""
    _words.update((first + i, words_of(text)) for i, text in enumerate(texts))


def learn_kept(places: Iterable[int]) -> WordStatistics:
    """What the kept tweets at these places say of their words."""
    return learn_archive([_words[place] for place in places])


def choose_kept(tweets: Sequence[tuple[int, str]], archive: WordStatistics, dropout: float, seed: int) -> list[str | None]:
    """The topic of each (place, id)."""
    return [topic_of(id, *_words[place], archive, dropout, seed) for place, id in tweets]


def forget() -> None:
    _words.clear()


class Subjects:
    """Begins at once to find the words of the texts, while the caller does something else; `choose` waits for them."""

    def __init__(self, texts: Sequence[str], workers: list[Worker]) -> None:
        self._workers, self._waiting = workers, []
        for number, first in enumerate(range(0, len(texts), CHUNK)):
            self._waiting.append(workers[number % len(workers)].submit(keep_words, first, texts[first : first + CHUNK]))

    def choose(self, train: Iterable[int], tweets: Sequence[tuple[int, str]], dropout: float, seed: int) -> dict[str, str | None]:
        """id → topic of each (place, id); the weight of a word is learned on the places in `train` alone."""
        _results(self._waiting)
        archive = merged(
            _results([worker.submit(learn_kept, mine) for worker, mine in zip(self._workers, self._shares(train), strict=True)])
        )
        shares = self._shares(tweets, key=lambda tweet: tweet[0])
        pending = [worker.submit(choose_kept, mine, archive, dropout, seed) for worker, mine in zip(self._workers, shares, strict=True)]
        topics = {
            id: topic for mine, found in zip(shares, _results(pending), strict=True) for (_, id), topic in zip(mine, found, strict=True)
        }
        _results([worker.submit(forget) for worker in self._workers])
        return topics

    def _shares(self, items: Iterable, key=lambda place: place) -> list[list]:
        """The items by the worker that keeps their place."""
        shares: list[list] = [[] for _ in self._workers]
        for item in items:
            shares[key(item) // CHUNK % len(shares)].append(item)
        return shares


def merged(parts: list[WordStatistics]) -> WordStatistics:
    """The counts of all parts together."""
    whole = WordStatistics(sum(part.tweets for part in parts))
    for part in parts:
        whole.frequency.update(part.frequency)
        whole.determined.update(part.determined)
        whole.capital.update(part.capital)
        for language, proofs in part.articles.items():
            for key, articles in proofs.items():
                whole.articles[language].setdefault(key, Counter()).update(articles)
    return whole


def _results(futures: list[Future]) -> list:
    return [future.result() for future in futures]
