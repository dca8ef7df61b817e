"""First words: the tweet's own beginning, never all of it, and the same for the same tweet."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.prepare.topics import FEWEST, MOST, first_words

LONG = "un deux trois quatre cinq six sept huit"


@given(st.text(), st.text(min_size=1), st.integers(0, 9))
def test_they_begin_the_tweet_and_are_never_all_of_it(text: str, id: str, seed: int) -> None:
    begun = first_words(id, text, 0, seed)
    if begun is None:
        assert len(text.split()) < 2 or text.split()[0] == "*" or "<" in text or "[" in text
    else:
        words = begun.split(" ")
        assert text.split()[: len(words)] == words
        assert 1 <= len(words) <= min(MOST, len(text.split()) - 1)


def test_their_number_is_drawn_evenly_by_seed_and_id() -> None:
    counts = Counter(len((first_words(str(id), LONG, 0, 42) or "").split()) for id in range(2000))
    assert set(counts) == set(range(FEWEST, MOST + 1))
    assert all(400 < count < 600 for count in counts.values())  # 500 each, within five standard deviations
    assert first_words("7", LONG, 0, 42) == first_words("7", LONG, 0, 42)
    assert len({first_words("7", LONG, 0, seed) for seed in range(40)}) == MOST - FEWEST + 1


@pytest.mark.parametrize("text", ["mot", "", "* etc", "<|im_end|> a b c d e f", "<s> a b c d e f", "[INST] a b c d e f"])
def test_what_a_prompt_would_read_otherwise_is_left_out(text: str) -> None:
    assert first_words("1", text, 0, 42) is None
