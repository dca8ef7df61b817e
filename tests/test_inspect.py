"""`tweetstyle inspect`: its figures against a second count, and bad input in one message."""

import csv
import json
import os
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from support.inspecting import chat, inspect, posts, refused, shown
from support.terminal import Terminal
from support.x_archives import GENERATIONS, SECRET, write_archive

from tweetstyle.cleaning.clean import clean
from tweetstyle.inspect.summary import SAMPLES, take_inventory
from tweetstyle.recipe import Data
from tweetstyle.recipe_yaml import read_recipe
from tweetstyle.sources import open_archive

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "tweets.csv"


def test_the_sample_archive_s_figures_are_those_of_a_second_count():
    with SAMPLE.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    texts = [row["texte"] for row in rows]
    found = take_inventory([SAMPLE])
    assert (found.tweets, found.repeated, found.edits) == (len(rows), 0, 0)
    assert found.months == dict(sorted(Counter(row["date_creation"][:7] for row in rows).items()))
    days = sorted(row["date_creation"][:10] for row in rows)
    assert found.period == (days[0], days[-1])
    assert found.shares["with a link"] == sum(bool(re.search(r"https?://|pic\.twitter\.com/|www\.", text)) for text in texts)
    assert found.shares["replies to others"] == sum(text.startswith("@") for text in texts)
    assert found.shares["retweets"] == sum(bool(re.search(r'\bRT @|^"?@\w+ ?:|^"@', text)) for text in texts)
    assert "with a picture or video" not in found.shares
    dropped = Counter(clean(tweet, Data(source=SAMPLE)).reason for tweet in open_archive([SAMPLE]).tweets())
    assert found.dropped == {reason: count for reason, count in dropped.items() if reason} and found.likely_kept == dropped[""]
    assert found.likely == ("fr", "en") and found.languages["fr"] > 3 * found.languages["en"] > 0
    assert sum(found.languages.values()) == len(rows)
    assert len(found.samples) == SAMPLES and {tweet.text for tweet in found.samples} <= set(texts)


@pytest.mark.parametrize(("generation", "name"), [(generation, "x" if generation % 2 else "x.zip") for generation in GENERATIONS])
def test_an_archive_of_every_generation_is_shown_with_its_figures(tmp_path, generation, name):
    source = write_archive(tmp_path / name, posts(), generation, parts=1 if generation == 2017 else 2)
    found = take_inventory([source])
    assert found.tweets == 66 and found.notices == []
    assert found.months == dict(sorted(Counter(post.at[:7] for post in posts()).items()))
    assert (found.shares["retweets"], found.shares["replies to others"], found.shares["with a link"]) == (1, 1, 2)
    of_x = generation > 2017
    assert found.shares["in 1 thread of your own"] == 3 and found.shares.get("with a picture or video", 0) == int(of_x)
    kind = f"X's archive ({'zip' if name.endswith('zip') else 'folder'})" if of_x else "CSV in a zip" if name.endswith("zip") else "CSV"
    text = shown(source)
    assert f"{source}: {kind}, 66 tweets" in text
    assert "from 2021-06-01 to 2023-03-13 (UTC)" in text
    assert "in 1 thread of your own 3 4.5%" in text
    assert ("with a picture or video 1 1.5%" in text) == of_x
    assert SECRET not in text


def test_a_manifest_s_gap_earlier_edits_and_repeated_tweets_are_said(tmp_path):
    first, *rest = posts()
    later = str(int(first.id) + 1)
    versions = (first.id, later)
    edited = [replace(first, versions=versions), replace(first, id=later, text=first.text + ", ou non", versions=versions)]
    source = write_archive(tmp_path / "x.zip", [*edited, *rest], 2025, counts={"tweets.js": 80})
    table = tmp_path / "old.csv"
    table.write_text(f"id,text,created_at\n{rest[0].id},le même,2021-06-11\n17,un autre tweet,2009-01-02\n", encoding="utf-8")
    found = take_inventory([source, table])
    assert (found.tweets, found.repeated, found.edits) == (67, 1, 1)
    text = shown(source, table)
    assert "left out: repeated ids 1, earlier edits 1" in text
    assert "X's manifest says 80 entries, the file has 67: 13 missing" in text


def test_of_a_chat_the_names_and_their_messages_are_shown_and_the_recipe_gets_the_author_s(tmp_path):
    source, target = chat(tmp_path / "_chat.txt"), tmp_path / "mine.yaml"
    result = inspect(source, "--write-recipe", target)
    assert result.exit_code == 1 and "Traceback" not in result.output and not target.exists()
    assert [line.split()[:3] for line in result.stdout.splitlines()] == [["Bob", "60", "50.0%"], ["Chloé", "60", "50.0%"]]
    assert "holds messages of 2 people: Bob (60), Chloé (60)" in " ".join(result.stderr.split())
    text = shown(source, "--author", "chloé", "--write-recipe", target)
    assert "a WhatsApp chat, 60 tweets Bob 60 50.0%" in text and "60 of 120 messages are yours; 60 answer a message" in text
    assert read_recipe(target).data.author == ("chloé",)


def test_of_many_names_in_a_chat_the_most_frequent_are_shown(tmp_path):
    source = tmp_path / "_chat.txt"
    source.write_text("".join(f"05/03/2021, 18:{n:02} - N{n % 25}: oui\n" for n in range(50)), encoding="utf-8")
    lines = inspect(source).stdout.splitlines()
    assert len(lines) == 21 and lines[0].split()[:3] == ["N0", "2", "4.0%"] and lines[-1] == "and 5 more"


def test_a_notice_breaks_between_words(tmp_path):
    write_archive(tmp_path / "x.zip", posts(), 2025, counts={"tweets.js": 80})
    terminal = Terminal([str(Path(sys.executable).with_name("tweetstyle")), "inspect", "x.zip"], dict(os.environ), 47, tmp_path)
    try:
        screen = terminal.finish(120)
    finally:
        terminal.close()
    assert ": X's manifest says 80 entries, the file has 66: 14 missing" in " ".join(screen.split())


def test_what_steers_a_terminal_and_markup_are_shown_as_they_are(tmp_path):
    plain = tmp_path / "a.txt"
    plain.write_text("[red]en rouge ?[/red] :smile: \x1b[31m\x07 \u202eà l'envers\n" * 3, encoding="utf-8")
    output = inspect(plain).stdout
    assert "[red]en rouge ?[/red] :smile: ‹U+0007› ‹U+202E›à l'envers" in " ".join(output.split())
    assert "\x1b" not in output and "\u202e" not in output


def test_an_archive_without_a_tweet_to_learn_from_is_refused_and_no_recipe_written(tmp_path):
    source, target = tmp_path / "a.jsonl", tmp_path / "mine.yaml"
    source.write_text("".join(json.dumps({"id": str(n + 1), "text": "@bob"}) + "\n" for n in range(40)), encoding="utf-8")
    message = " ".join(refused(source, "--write-recipe", target).split())
    assert "none of the 40 tweets was kept (too short 40) → most of these texts are empty or only mentions" in message
    assert not target.exists()


@pytest.mark.parametrize(("has_card", "writes"), [(True, False), (False, True)])
def test_without_a_card_the_screen_says_what_to_write_in_the_recipe(tmp_path, monkeypatch, has_card, writes):
    """The comment in the recipe alone is read by nobody who runs it at once."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    card = "0, GPU-a1, NVIDIA GeForce RTX 3060, 580.95.05, 12288, 11776, 8.6"
    program.write_text(f"#!/bin/sh\ncase $1 in --query-gpu*) echo '{card}';; esac\n")
    program.chmod(0o755 if has_card else 0o644)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    said = shown(SAMPLE, *(["--write-recipe", tmp_path / "mine.yaml"] if writes else []))
    assert ("To train without a card, write in it: base: model/smollm2-135m-instruct and method: lora" in said) != has_card
