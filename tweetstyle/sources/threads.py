"""Which tweets form a thread: an author who replies to their own tweet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def thread_roots(tweets: Iterable[tuple[str, str]]) -> dict[str, str]:
    """From (id, id that it answers or "") of one author's tweets: the id of the thread's first tweet, for each tweet in a thread.

    A tweet outside any thread is left out. A thread begins where the answered tweet is not among those given; where tweets answer
    each other in a circle, with the lowest id of the circle. Of a repeated id the first pair counts. Linear in the tweets.
    """
    answered: dict[str, str] = {}
    for tweet, reply_to in tweets:
        answered.setdefault(tweet, reply_to)
    roots: dict[str, str] = {}
    for tweet in answered:
        way: dict[str, None] = {}
        while tweet in answered and tweet not in roots and tweet not in way:
            way[tweet] = None
            tweet = answered[tweet]
        root = roots.get(tweet) or _first(list(way), tweet)
        roots.update(dict.fromkeys(way, root))
    sizes = Counter(roots.values())
    return {tweet: root for tweet, root in roots.items() if sizes[root] > 1}


def _first(way: list[str], end: str) -> str:
    """The root of a way that ran out, or that came back upon itself at `end`."""
    if end not in way:
        return way[-1]
    return min(way[way.index(end) :], key=lambda tweet: (len(tweet), tweet))
