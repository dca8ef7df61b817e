"""Which tweets are trained on and which are held out."""

from __future__ import annotations

import hashlib

from tweetstyle.records import Tweet

FEWEST = 30
"""With fewer kept tweets a held-out share of 5% is a single tweet, and nothing can be measured on it."""


def seeded_bytes(seed: int, id: str, purpose: bytes) -> bytes:
    """12 bytes that depend on the seed, the tweet and the purpose alone, so that further tweets do not reshuffle the others."""
    return hashlib.blake2b(f"{seed}:{id}".encode(), digest_size=12, person=purpose).digest()


def split(tweets: list[Tweet], validation_fraction: float, test_fraction: float, mini_train: int, seed: int) -> dict[str, list[Tweet]]:
    """train, mini-train, validation and test of tweets in order of time: the latest are test, those before validation.

    mini-train is a seeded sample of at most `mini_train` of the train tweets, in order of time.
    """
    test = max(1, round(len(tweets) * test_fraction))
    validation = max(1, round(len(tweets) * validation_fraction))
    train = tweets[: len(tweets) - test - validation]
    sample = sorted(train, key=lambda tweet: seeded_bytes(seed, tweet.id, b"mini-train"))[:mini_train]
    chosen = {tweet.id for tweet in sample}
    return {
        "train": train,
        "mini-train": [tweet for tweet in train if tweet.id in chosen],
        "validation": tweets[len(train) : len(train) + validation],
        "test": tweets[len(train) + validation :],
    }
