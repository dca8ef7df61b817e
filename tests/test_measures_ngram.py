"""The n-gram baseline: a real probability distribution, the figures of a second implementation, and of a hand calculation."""

import csv
import math
import random
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from tweetstyle.evaluate.ngrams import BEGIN, END, SYMBOLS, ngram_bits, probabilities, train_ngrams

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "tweets.csv"


@pytest.fixture(scope="module")
def tweets() -> list[str]:
    """The sample's own tweets, oldest first."""
    with SAMPLE.open(encoding="utf-8", newline="") as stream:
        rows = sorted(csv.DictReader(stream), key=lambda row: row["date_creation"])
    return [row["texte"] for row in rows if not row["texte"].startswith("RT @")]


class Slow:
    """Modified Kneser-Ney in dictionaries, written from Chen and Goodman's paper and not from the program."""

    def __init__(self, texts: list[str], order: int) -> None:
        self.order, self.counts = order, [Counter() for _ in range(order + 1)]
        for text in texts:
            stream = bytes([BEGIN] * 8) + text.encode() + bytes([END])
            self.counts[order].update(stream[i - order + 1 : i + 1] for i in range(8, len(stream)))
        for n in range(order - 1, 0, -1):
            before = defaultdict(set)
            for gram in self.counts[n + 1]:
                before[gram[1:]].add(gram[0])
            for gram, count in self.counts[n + 1].items():
                if gram[1] == BEGIN:
                    self.counts[n][gram[1:]] += count
                else:
                    self.counts[n][gram[1:]] = len(before[gram[1:]])
        self.by_context = [defaultdict(dict) for _ in range(order + 1)]
        for n in range(1, order + 1):
            for gram, count in self.counts[n].items():
                self.by_context[n][gram[:-1]][gram[-1]] = count

    def discounts(self, n: int) -> list[float]:
        n1, n2, n3, n4 = (sum(c == k for c in self.counts[n].values()) for k in (1, 2, 3, 4))
        if not (n1 and n2 and n3 and n4):
            return [0.5] * 3
        y = n1 / (n1 + 2 * n2)
        raw = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
        return [min(max(d, 0.05), k - 0.05) for k, d in enumerate(raw, 1)]

    def probability(self, context: bytes, byte: int, n: int) -> float:
        if not n:
            return 1 / SYMBOLS
        shorter = self.probability(context[1:], byte, n - 1)
        after = self.by_context[n].get(context)
        if not after:
            return shorter
        discounts, total = self.discounts(n), sum(after.values())
        taken = {b: discounts[min(c, 3) - 1] for b, c in after.items()}
        return max(after.get(byte, 0) - taken.get(byte, 0), 0) / total + sum(taken.values()) / total * shorter

    def bits(self, text: str) -> float:
        stream = bytes([BEGIN] * 8) + text.encode() + bytes([END])
        places = range(8, len(stream))
        return -sum(math.log2(self.probability(stream[i - self.order + 1 : i], stream[i], self.order)) for i in places)


@pytest.mark.parametrize("order", [1, 3])
def test_a_second_implementation_gives_the_same_bits(tweets: list[str], order: int) -> None:
    slow, new = Slow(tweets[:60], order), ["la neige 🦊 voilà voilà", "", "Ω", *tweets[-3:], *tweets[:2]]
    assert ngram_bits(train_ngrams(tweets[:60], order), new) == pytest.approx([slow.bits(text) for text in new])


@pytest.mark.parametrize("order", [1, 8])
def test_what_may_come_next_sums_to_one_after_anything(tweets: list[str], order: int) -> None:
    model, source = train_ngrams(tweets[:300], order), random.Random(order)
    contexts = [source.randbytes(8) for _ in range(20)]
    contexts += [bytes([BEGIN] * 8), bytes([BEGIN] * 7) + b"l"]
    contexts += [text.encode()[: source.randint(8, 40)][-8:] for text in tweets[250:300] if len(text) > 40]
    for context in contexts:
        windows = [int.from_bytes(context[1:] + bytes([byte])) for byte in range(256) if byte != BEGIN]
        chances = probabilities(model, np.array(windows, dtype=np.uint64))
        assert chances.min() > 0
        assert chances.sum() == pytest.approx(1, abs=1e-12)


def test_the_bits_of_one_letter_are_those_by_hand() -> None:
    """Trained on "a" and "b" with single bytes: a 1, b 1, end 2, a half taken from each; the rest, 1.5 of 4, is spread evenly."""
    even = 1.5 / 4 / 255
    expected = -math.log2(0.5 / 4 + even) - math.log2(1.5 / 4 + even)
    assert ngram_bits(train_ngrams(["a", "b"], 1), ["a"]) == pytest.approx([expected])
    assert ngram_bits(train_ngrams(["a", "b"], 1), ["z"]) == pytest.approx([-math.log2(even) - math.log2(1.5 / 4 + even)])
    assert np.isfinite(ngram_bits(train_ngrams(["", ""]), ["", "a", "😀"])).all()
