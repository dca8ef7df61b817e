"""Ten thousand damaged archives: each gives tweets, or one clear error that names file and place."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import zipfile
from random import Random

import pytest
from support.mutations import mutated
from support.x_archives import Post, files_of, write_files

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources import open_archive

LONGEST_SECONDS = 10
TEXTS = ['oui, "vraiment"\nou non', "été à Noël… l’ŒUVRE ™", "@qui 👩🏽‍💻 &amp; toi", "un\ttab; et des ; points", "RT @x: rien", "  "]
ROWS = [(str(1629000000000000000 + 2**40 * n), TEXTS[n % len(TEXTS)], f"2023-02-{18 + n % 9} 12:33:11") for n in range(12)]
POSTS = [
    Post("1629000000000000001", "bonjour à tous"),
    Post("1629000000000000002", "une suite", answers="1629000000000000001", to="7000001"),
    Post("1629000000000000004", "corrigé", versions=("1629000000000000003", "1629000000000000004")),
    Post("1629000000000000005", "un long texte qui est coupé…", note="un long texte qui est coupé ici et dit la suite"),
    Post("1629000000000000006", "en communauté", community=True),
]
TWEET = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?")


def table(separator: str, encoding: str) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=separator).writerows([("id", "text", "created_at"), *ROWS])
    return stream.getvalue().encode(encoding, "replace")


def objects() -> list[str]:
    return [json.dumps({"id": id, "text": text, "created_at": at}, ensure_ascii=len(text) % 2 == 0) for id, text, at in ROWS]


def packed(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


WHOLE = {
    "utf8.csv": table(",", "utf-8"),
    "marked.csv": table(";", "utf-8-sig"),
    "utf16.csv": table("\t", "utf-16"),
    "utf16be.csv": table(",", "utf-16-be"),
    "latin.csv": table(";", "cp1252"),
    "tweets": table(",", "utf-8"),
    "tweets.jsonl": "\n".join(objects()).encode(),
    "tweets.json": ("[" + ",\n".join(objects()) + "]").encode(),
    "notes.txt": "\n".join(TEXTS).encode(),
    "blocks.txt": "\n---\n".join(TEXTS).encode(),
    "csv.zip": packed({"tweets.csv": table(",", "utf-8")}),
    "jsonl.zip": packed({"a/tweets.jsonl": "\n".join(objects()).encode()}),
}
"""Name → a valid file."""


def read(path, separator=None) -> bool:
    """Whether tweets were read; if not, the error is one that a person can use."""
    start = time.monotonic()
    try:
        tweets = list(open_archive([path], separator).tweets())
    except TweetstyleError as error:
        assert error.what and error.hint and str(path) in error.where
        return False
    else:
        assert tweets
        for tweet in tweets:
            assert tweet.id and tweet.where.startswith(str(path)) and TWEET.fullmatch(tweet.created_at)
            assert "\0" not in tweet.text and "\r" not in tweet.text
            tweet.text.encode()
        return True
    finally:
        assert time.monotonic() - start < LONGEST_SECONDS


def outcomes(count, write) -> tuple[int, int]:
    """How many of `count` damaged archives gave tweets and how many an error; `write` makes one from a random generator."""
    results = []
    for seed in range(count):
        # Shown where a test fails: the last one is to blame.
        print("seed", seed)
        path, separator = write(Random(seed))
        results.append(read(path, separator))
    return results.count(True), results.count(False)


@pytest.mark.parametrize("name", WHOLE)
def test_each_of_625_damaged_files_gives_tweets_or_one_error(tmp_path, name):
    path, separator = tmp_path / name, "---" if name == "blocks.txt" else None
    path.write_bytes(WHOLE[name])
    assert read(path, separator)

    def write(random):
        path.write_bytes(mutated(WHOLE[name], random))
        return path, separator

    read_ones, refused = outcomes(625, write)
    assert read_ones > 5 and refused > 25


@pytest.mark.parametrize("name", ["csv", "jsonl"])
def test_each_of_250_damaged_files_in_a_sound_zip_gives_tweets_or_one_error(tmp_path, name):
    def write(random):
        path = tmp_path / "sound.zip"
        path.write_bytes(packed({f"tweets.{name}": mutated(WHOLE[f"tweets.{name}" if name == "jsonl" else "utf8.csv"], random)}))
        return path, None

    read_ones, refused = outcomes(250, write)
    assert read_ones > 5 and refused > 25


@pytest.mark.parametrize("generation", [2017, 2019, 2021, 2023, 2025])
@pytest.mark.parametrize("suffix", ["", ".zip"])
def test_each_of_200_damaged_archives_of_x_gives_tweets_or_one_error(tmp_path, generation, suffix):
    """One file of the archive is damaged, or, every third time, the zip itself."""
    posts = [post for post in POSTS if generation == 2025 or not (post.note or post.community or post.versions)]
    files = files_of(posts, generation, parts=1)
    readable = [name for name in files if re.search(r"(manifest|tweets?|account)\.js$|tweets\.csv$", name) and "deleted" not in name]
    path = tmp_path / f"archive{suffix}"
    assert read(write_files(path, files))

    def write(random):
        name = random.choice(readable)
        if suffix and random.random() < 1 / 3:
            path.write_bytes(mutated(packed(files), random))
        else:
            write_files(path, files | {name: mutated(files[name], random)})
        return path, None

    read_ones, refused = outcomes(200, write)
    assert read_ones > 5 and refused > 25
