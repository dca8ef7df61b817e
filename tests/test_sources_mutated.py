"""Damaged archives of every kind: each gives tweets, or one clear error that names the file and what to do."""

import csv
import io
import json
from random import Random

import pytest
from support.x_archives import Post, files_of, write_files

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources import open_archive

TEXTS = ['oui, "vraiment"\nou non', "été à Noël… l’ŒUVRE ™", "@qui 👩🏽‍💻 &amp; toi", "un\ttab; et des ; points", "RT @x: rien", "  "]
ROWS = [(str(1629000000000000000 + 2**40 * n), TEXTS[n % len(TEXTS)], f"2023-02-{18 + n % 9} 12:33:11") for n in range(12)]
JSON = [json.dumps({"id": id, "text": text, "created_at": at}, ensure_ascii=len(text) % 2 == 0) for id, text, at in ROWS]
POSTS = [
    Post("1629000000000000001", "bonjour à tous"),
    Post("1629000000000000002", "une suite", answers="1629000000000000001", to="7000001"),
    Post("1629000000000000004", "corrigé", versions=("1629000000000000003", "1629000000000000004")),
    Post("1629000000000000005", "un long texte qui est coupé…", note="un long texte qui est coupé ici et dit la suite"),
]
NOISE = [b"\0", b"\r\n", b'"', b'""', b",", b"[", b"}", b"\\ud83d", b"\\u0000", b"\xff", b"\xed\xa0\x80", b"\xff\xfe", "é".encode(),
         b"1.23E+18", b"1E999", b"9" * 30, b"1" * 5_000, b"null", b"NaN", b"[" * 3_000, b"13/13/2021", b"sep=;\n"]  # fmt: skip


def table(separator: str, encoding: str) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=separator).writerows([("id", "text", "created_at"), *ROWS])
    return stream.getvalue().encode(encoding, "replace")


def mutated(content: bytes, random: Random) -> bytes:
    """One to four damages: bytes lost, put in, repeated, or the end missing."""
    for _ in range(random.randint(1, 4)):
        begin = random.randint(0, len(content))
        end = min(len(content), begin + int(random.expovariate(1 / 12)))
        middle = random.choice((b"", random.choice(NOISE), content[begin:end] * 3))
        content = content[:begin] + middle + (content[end:] if random.random() > 0.1 else b"")
    return content


WHOLE = {
    "utf8.csv": table(",", "utf-8"),
    "utf16.csv": table("\t", "utf-16"),
    "latin.csv": table(";", "cp1252"),
    "tweets.jsonl": "\n".join(JSON).encode(),
    "tweets.json": ("[" + ",\n".join(JSON) + "]").encode(),
    "notes.txt": "\n".join(TEXTS).encode(),
}


def is_read(path) -> bool:
    """Whether tweets were read; if not, the error is one that a person can use."""
    try:
        tweets = list(open_archive([path]).tweets())
    except TweetstyleError as error:
        assert error.what and error.hint and str(path) in error.where
        return False
    for tweet in tweets:
        assert tweet.id and tweet.where.startswith(str(path)) and "\0" not in tweet.text and "\r" not in tweet.text
        tweet.text.encode()
    return True


@pytest.mark.parametrize("name", [*WHOLE, "x.zip", "data/tweets.js", "data/manifest.js", "data/note-tweet.js"])
def test_a_damaged_file_alone_or_in_a_whole_archive_gives_tweets_or_one_error(tmp_path, name):
    folder = files_of(POSTS, 2025)
    path = write_files(tmp_path / "x", folder if name in folder else {name: WHOLE.get(name, b"")})
    source = path if name in folder else path / name
    if name == "x.zip":
        write_files(source, folder)
    assert is_read(source)
    content, found = (path / name).read_bytes(), []
    for seed in range(100):
        (path / name).write_bytes(mutated(content, Random(seed)))
        found.append(is_read(source))
    assert 0 < sum(found) < 100
