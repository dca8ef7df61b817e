"""What a spreadsheet may not compute, and what training must get as it is."""

from __future__ import annotations

import csv
import json

import pytest

from tweetstyle.prepare import prepare
from tweetstyle.prepare.outputs import for_spreadsheet
from tweetstyle.prompt.template import SpecialTokens, build_template
from tweetstyle.recipe import Data, Prompt

TEMPLATE = build_template("inst", "Nimzo", SpecialTokens("<s>", "</s>"))
NOUNS = "hiver neige vélo chat pain café métro fleuve jardin piano crayon nuage tramway raquette sapin marmotte".split()


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")'),
        ("+1 pour ça", "'+1 pour ça"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("deux = deux", "deux = deux"),
        ("à \u202egauche\u202c", "à <U+202E>gauche<U+202C>"),
        ("famille 👨\u200d👩\u200d👧", "famille 👨\u200d👩\u200d👧"),
        ("", ""),
    ],
)
def test_a_cell_is_never_a_formula_and_hides_no_direction(cell, shown):
    assert for_spreadsheet(cell) == shown


def test_training_gets_the_tweet_as_it_is_and_the_dropped_ones_are_made_safe(tmp_path):
    source = tmp_path / "tweets.csv"
    archive = [
        (str(100 + i), f"le {NOUNS[i % 16]} {i} dort dans un {NOUNS[(i * 7 + 3) % 16]}", f"2021-01-{i % 28 + 1:02}") for i in range(60)
    ]
    archive += [("7", "=1+2 c'est \u202efaux\u202c dit-elle", "2021-01-05"), ("8", "=ok", "2021-01-06")]
    with source.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("id_tweet", "texte", "date_creation"), *archive])
    prepare(Data(source=source), Prompt(style="Nimzo"), TEMPLATE, tmp_path / "out")
    tweets = [json.loads(line)["tweet"] for line in (tmp_path / "out" / "train.jsonl").open(encoding="utf-8")]
    assert "=1+2 c'est \u202efaux\u202c dit-elle" in tweets
    with (tmp_path / "out" / "dropped.csv").open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["id"], row["date"][:10], row["reason"], row["text"]) == ("8", "2021-01-06", "too short", "'=ok") and row["evidence"]
