"""report.html of a whole run, against the files that stand beside it."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from support.html_page import Page

from tweetstyle.console import percent
from tweetstyle.prepare import prepare
from tweetstyle.prepare.report_times import LONG_TWEET
from tweetstyle.prompt.template import SpecialTokens, build_template
from tweetstyle.recipe import Data, Prompt
from tweetstyle.records import SPLITS


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, Path, Page]:
    """Source, output and page of prepare over the sample archive, with one of its tweets again and one with personal data."""
    room = tmp_path_factory.mktemp("whole")
    sample = (Path(__file__).parents[1] / "data" / "sample" / "tweets.csv").read_text(encoding="utf-8-sig")
    source = room / "mine.csv"
    lines = sample.splitlines(keepends=True)
    one = next(line for line in lines[1:] if '"' not in line)
    private = "1772496787282594562,écris-moi donc à lise@exemple.org ou au 418-555-0123,2024-03-26 05:32:20\n"
    source.write_text("".join([*lines, one, private]), encoding="utf-8")
    template = build_template("inst", "Someone", SpecialTokens("<s>", "</s>"))
    prepare(Data(source=source, languages=("fr",)), Prompt(style="Someone"), template, room / "out")
    return source, room / "out", Page((room / "out" / "report.html").read_text(encoding="utf-8"))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def splits_of(out: Path) -> dict[str, list[dict]]:
    return {name: [json.loads(line) for line in (out / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()] for name in SPLITS}


def cells_of(found: Page) -> list[str]:
    return [data.strip() for path, data in found.texts if "td" in path]


def test_a_whole_run_s_counts_are_those_of_its_files(whole):
    source, out, found = whole
    read, dropped, kept = len(rows_of(source)), rows_of(out / "dropped.csv"), rows_of(out / "tweets_tous_nettoyes.csv")
    assert f"Of {read:,} tweets, {len(dropped):,} were dropped and {len(kept):,} kept." in found.text
    reasons = Counter(row["reason"] for row in dropped)
    assert {"retweet", "duplicate id", "other language", "near duplicate", "stock reply"} <= set(reasons)
    for reason, count in reasons.items():
        titles = [title for title in found.inside("summary") if title.startswith(f"{reason}: ")]
        assert len(titles) == 1 and re.fullmatch(rf"{reason}: (all of them|\d of {count:,})", titles[0])
        assert f"−{count:,} ({percent(count / read)})" in found.inside("text")


def test_a_whole_run_s_splits_stand_with_their_sizes_and_days(whole):
    _, out, found = whole
    cells = cells_of(found)
    for name, rows in splits_of(out).items():
        days = sorted(row["created_at"][:10] for row in rows)
        place = cells.index(name)
        assert cells[place + 1] == f"{len(rows):,}" and cells[place + 3] == f"{days[0]} to {days[-1]}"


def test_a_whole_run_s_months_lengths_and_languages_are_those_of_its_tweets(whole):
    source, out, found = whole
    tweets = [row for name, rows in splits_of(out).items() if name != "mini-train" for row in rows]
    read, kept = Counter(row["date_creation"][:7] for row in rows_of(source)), Counter(row["created_at"][:7] for row in tweets)
    assert [t for t in found.inside("title") if re.match(r"\d{4}-\d\d:", t)] == [
        f"{month}: {read[month]:,} read, {kept[month]:,} kept" for month in sorted(read)
    ]
    lengths = Counter(min(len(row["tweet"]) // 20 * 20, LONG_TWEET) for row in tweets)
    for start, count in lengths.items():
        name = f"{start}+" if start == LONG_TWEET else f"{start} to {start + 19}"
        assert f"{name} characters: {count:,} ({percent(count / len(tweets))})" in found.inside("title")
    french = sum(row["language"] == "fr" for row in tweets)
    assert f"{french:,} ({percent(french / len(tweets))})" in found.inside("text")


def test_a_whole_run_shows_dropped_tweets_of_the_file_and_each_text_once(whole):
    source, _, found = whole
    texts = {" ".join(row["texte"].split()) for row in rows_of(source)}
    shown = [" ".join(data.split()) for path, data in found.texts if path[-2:] == ("blockquote", "p") and data.strip()]
    dropped = [text for text in shown if text in texts]
    assert len(dropped) >= 30 and len(set(dropped)) == len(dropped)


def test_a_duplicate_is_shown_beside_its_twin(whole):
    source, out, found = whole
    raw = {row["id_tweet"]: " ".join(row["texte"].split()) for row in rows_of(source)}
    beside = [" ".join(seen.split()) for seen in found.inside("bdi") if "“" in seen]
    twins = [row for row in rows_of(out / "dropped.csv") if row["reason"] in ("duplicate", "near duplicate")]
    expected = {f"{row['evidence']}, “{raw[row['evidence'].split()[-1]]}”" for row in twins}
    assert len(beside) >= 6 and set(beside) <= expected


def test_a_whole_run_says_what_personal_data_it_took_out(whole):
    cells = cells_of(whole[2])
    assert cells[cells.index("e-mail") + 1] == cells[cells.index("telephone") + 1] == "1"
    assert "exemple.org" not in whole[2].text
