"""X's archive after changes that nobody chose: tweets, or one error with file and place; never a traceback, never a hang."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from support.x_archives import Post, files_of, write_archive, write_files

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources.x_archive import read_x_archive

POSTS = [
    Post(
        "1300000000000000001",
        "Un premier texte, assez long pour être changé ici et là. 😀",
        versions=("1300000000000000001", "1300000000000000002"),
    ),
    Post("1300000000000000002", "Un deuxième", versions=("1300000000000000001", "1300000000000000002")),
    Post(
        "1300000000000000003", "Un troisième… https://t.co/a", note="Un troisième qui est long", media=True, link="https://x.com/u/status/9"
    ),
    Post("1300000000000000004", "@a un quatrième", answers="1300000000000000001", to="7000001"),
]
ODD = (None, True, 0, -1, 1.5, "", "x", "-1", [], {}, [None], {"a": 1}, [[]], "\ud800", "9" * 30, 1e400, ["1", "2"], [{}])


def mutated(content: bytes, draw: random.Random) -> bytes:
    """One to four changes of bytes: changed, taken out, doubled, put in, cut off."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randrange(len(changed) + 1), draw.choice((1, 1, 2, 4, 40))
        kind = draw.randrange(5)
        if kind == 0 and at < len(changed):
            changed[at] = draw.choice((0, 0xFF, 0x80, 0x22, 0x5C, 0x7B, 0x5D, changed[at] ^ 1 << draw.randrange(8)))
        elif kind == 1:
            del changed[at : at + length]
        elif kind == 2:
            changed[at:at] = changed[at : at + length]
        elif kind == 3:
            changed[at:at] = draw.choice((b"\\ud800", b"\0", b"null", b"[[[[", b'"', b"\xed\xa0\x80", b"1e999", b"-", b"NaN"))
        elif draw.random() < 0.2:
            del changed[at:]
    return bytes(changed)


def outcome(path: Path) -> str:
    """How reading ends; any other exception than TweetstyleError ends the test."""
    started = time.monotonic()
    try:
        tweets = list(read_x_archive(path, []))
    except TweetstyleError as error:
        assert error.where and error.hint and "\n" not in error.where
        return "refused"
    finally:
        assert time.monotonic() - started < 10
    for tweet in tweets:
        "\0".join(tweet[:4]).encode()
    return "read"


def test_3000_mutated_zips_give_tweets_or_one_error(tmp_path):
    draw = random.Random(20230218)
    path = tmp_path / "a.zip"
    valid = [write_archive(path, POSTS, generation).read_bytes() for generation in (2019, 2025)]
    ends: Counter[str] = Counter(read=0, refused=0)
    for number in range(3000):
        path.write_bytes(mutated(valid[number % 2], draw))
        ends[outcome(path)] += 1
    assert min(ends.values()) > 100


@pytest.mark.parametrize("name", ["data/tweets.js", "data/manifest.js", "data/note-tweet.js"])
def test_1500_mutated_files_in_a_whole_archive_give_tweets_or_one_error(tmp_path, name):
    draw = random.Random(name)
    files = files_of(POSTS, 2025)
    path = write_files(tmp_path / "a", files)
    ends: Counter[str] = Counter(read=0, refused=0)
    for _ in range(1500):
        (path / name).write_bytes(mutated(files[name], draw))
        ends[outcome(path)] += 1
    assert min(ends.values()) > 100


def places(value: object, way: tuple = ()) -> list[tuple]:
    """The keys that lead to each value within."""
    within = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, one in within for place in places(one, (*way, key)))]


@pytest.mark.parametrize("name", ["data/tweets.js", "data/manifest.js", "data/note-tweet.js"])
def test_any_value_replaced_by_an_odd_one_gives_tweets_or_one_error(tmp_path, name):
    files = files_of(POSTS, 2025)
    path = write_files(tmp_path / "a", files)
    assignment, content = files[name].split(b" = ", 1)
    ends: Counter[str] = Counter(read=0, refused=0)
    for number, way in enumerate(places(json.loads(content))[1:]):
        for odd in ODD[number % 4 :: 4]:
            changed = json.loads(content)
            holder = changed
            for key in way[:-1]:
                holder = holder[key]
            holder[way[-1]] = odd
            (path / name).write_bytes(assignment + b" = " + json.dumps(changed).encode())
            ends[outcome(path)] += 1
    assert min(ends.values()) > 20
