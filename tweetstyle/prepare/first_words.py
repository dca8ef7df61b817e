"""The first words of a tweet as the message that it answers: what a person begins, the model writes whole."""

from __future__ import annotations

import re

from tweetstyle.prepare.split import seeded_bytes

FEWEST, MOST = 2, 5
"""Words, drawn evenly between the two; never all of the tweet's."""
LIKE_A_TOKEN = re.compile(r"<\|?[^<>\s]+\|?>|\[/?INST\]")
"""In a prompt such a text is read as the token that it names."""


def first_words(id: str, text: str, dropout: float, seed: int) -> str | None:
    """The tweet's first words in one line, or None for the share `dropout`, for a tweet of one word, and for `*`, which means none.

    How many are drawn depends on seed and id alone, so that further tweets do not change it.
    """
    draw = seeded_bytes(seed, id, b"first words")
    left_out, count = (int.from_bytes(draw[i : i + 4], "big") / 2**32 for i in (0, 4))
    words = text.split()
    begun = " ".join(words[: min(FEWEST + int(count * (MOST - FEWEST + 1)), len(words) - 1)])
    return None if left_out < dropout or begun in ("", "*") or LIKE_A_TOKEN.search(begun) else begun
