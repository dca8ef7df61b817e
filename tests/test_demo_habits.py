"""The habits that the demo counts are those that the sample archive has."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from scripts.demo_show import HABITS, lower_case, shares

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "tweets.csv"
CLOSES = "closes with «voilà voilà» or «there, i said it»"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("il neige encore … voilà voilà 🦊 #meteoqc", set(HABITS)),
        ("Il neige encore. Voilà.", set()),
        ("voilà voilà, dit-il", {"all in lower case", "no final full stop"}),
        ("@QuelquUn merci", {"all in lower case", "no final full stop"}),
        ("42 !", {"no final full stop"}),
        ("", set()),
    ],
)
def test_a_habit_is_counted_where_a_reader_sees_it(text, expected):
    assert {name for name, share in shares([text]).items() if share} == expected


def test_nothing_generated_is_no_habit():
    assert set(shares([]).values()) == {0.0} and set(shares(["", ""]).values()) == {0.0}


def test_the_sample_archive_shows_each_habit_often_and_its_retweets_do_not():
    with SAMPLE.open(encoding="utf-8", newline="") as stream:
        texts = [row["texte"] for row in csv.DictReader(stream)]
    own = [t for t in texts if len(t) > 40 and not t.startswith(("RT @", "@", "http")) and "https://" not in t]
    retweets = [t for t in texts if t.startswith("RT @")]
    found, others = shares(own), shares(retweets)
    assert len(own) > 600 and len(retweets) > 30
    assert found["all in lower case"] > 0.9 > 0.1 > others["all in lower case"]
    assert 0.25 < found[CLOSES] < 0.4 and others[CLOSES] == 0
    assert 0.45 < found["a space before «…»"] < 0.65
    assert 0.2 < found["a fox 🦊"] < 0.35 and others["a fox 🦊"] == 0
    assert found["no final full stop"] > 0.95
    assert set(found) == set(HABITS) and lower_case("ça")
