"""`tweetstyle inspect`: its figures against a second count, its recipe read back, bad input in one message."""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.x_archives import ACCOUNT, FORBIDDEN, GENERATIONS, OTHER, SECRET, Post, write_archive

from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.inventory import MOST_CLEANED, SAMPLES, Inventory, take_inventory
from tweetstyle.prepare.clean import clean
from tweetstyle.recipe import Data
from tweetstyle.recipe_file import read_recipe
from tweetstyle.sources import open_archive
from tweetstyle.starting_recipe import BATCHES, PLACEHOLDER, schedule, style_of

SAMPLE = Path(__file__).parents[1] / "data" / "raw" / "tweets_tous.csv"
X_EPOCH = 1288834974657


def inspect(*arguments: object) -> Result:
    return CliRunner().invoke(tweetstyle, ["inspect", *map(str, arguments)])


def shown(*arguments: object) -> str:
    result = inspect(*arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def refused(*arguments: object) -> str:
    """The message, after checking that it is one and all: exit 1, no traceback, nothing on the screen beside it."""
    result = inspect(*arguments)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output and result.stdout == "" and " → " in result.stderr.replace("\n", " ")
    return result.stderr


def an_id(moment: datetime, number: int = 0) -> str:
    return str((int(moment.timestamp() * 1000) - X_EPOCH << 22) + number)


def posts() -> list[Post]:
    """A retweet, a reply, a thread of three, a picture, a link, and 60 that are none of these; from June 2021 on, one every ten days."""
    start = datetime(2021, 6, 1, 12, tzinfo=UTC)
    moments = [start + timedelta(days=10 * number) for number in range(66)]
    ids = [an_id(moment, number) for number, moment in enumerate(moments)]
    plain = [
        Post(id, f"le fleuve numéro {number} & ses bateaux remontent vers la mer, encore une fois", f"{moment:%Y-%m-%dT%H:%M:%SZ}")
        for number, (id, moment) in enumerate(zip(ids, moments, strict=True))
    ]
    plain[1] = replace(plain[1], text="RT @quelquun: leurs mots à eux")
    plain[2] = replace(plain[2], text="@quelquun je te réponds longuement", answers="1", to=OTHER)
    plain[4] = replace(plain[4], answers=ids[3], to=ACCOUNT)
    plain[5] = replace(plain[5], answers=ids[4], to=ACCOUNT)
    plain[6] = replace(plain[6], text="une image du fleuve https://t.co/abc", media=True)
    plain[7] = replace(plain[7], text="lisez ceci https://t.co/abd", link="https://exemple.org/page")
    return plain


# -- figures ----------------------------------------------------------------------------------------------------


def test_the_sample_archive_s_figures_are_those_of_a_second_count():
    with SAMPLE.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    texts = [row["texte"] for row in rows]
    found = take_inventory([SAMPLE])
    assert (found.read, found.tweets, found.repeated, found.edits) == (len(rows), len(rows), 0, 0)
    assert found.months == dict(sorted(Counter(row["date_creation"][:7] for row in rows).items()))
    days = sorted(row["date_creation"][:10] for row in rows)
    assert (found.first_day, found.last_day) == (days[0], days[-1])
    assert found.shares["with a link"] == sum(bool(re.search(r"https?://|pic\.twitter\.com/|www\.", text)) for text in texts)
    assert found.shares["replies to others"] == sum(text.startswith("@") for text in texts)
    assert found.shares["retweets"] == sum(bool(re.search(r'\bRT @|^"?@\w+ ?:|^"@', text)) for text in texts)
    assert (found.dated_ids, found.contradicting, found.says_replies, found.threads) == (len(rows), 0, False, 0)
    dropped = Counter(clean(tweet, Data(source=SAMPLE)).reason for tweet in open_archive([SAMPLE]).tweets())
    assert found.dropped == {reason: count for reason, count in dropped.items() if reason} and found.likely_kept == dropped[""]
    assert found.likely == ("fr", "en") and found.languages["fr"] > 3 * found.languages["en"] > 0
    assert sum(found.languages.values()) == found.language_sample == found.cleaned == len(rows)
    assert len(found.samples) == SAMPLES and {tweet.text for tweet in found.samples} <= set(texts)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", ["x.zip", "x"])
def test_an_archive_of_every_generation_is_told_with_its_figures(tmp_path, generation, name):
    source = write_archive(tmp_path / name, posts(), generation, parts=1 if generation == 2017 else 2)
    found = take_inventory([source])
    assert found.tweets == 66 and found.notices == [] and found.dated_ids == 66
    assert found.months == dict(sorted(Counter(post.at[:7] for post in posts()).items()))
    assert (found.shares["retweets"], found.shares["replies to others"], found.shares["with a link"]) == (1, 1, 2)
    assert (found.threads, found.in_threads) == (1, 3)
    of_x = generation > 2017
    assert found.says_replies == of_x and found.shares["with a picture or video"] == int(of_x)
    kind = f"X's archive ({'zip' if name.endswith('zip') else 'folder'})" if of_x else "CSV in a zip" if name.endswith("zip") else "CSV"
    text = shown(source)
    assert f"{source}: {kind}, 66 tweets" in text
    assert "from 2021-06-01 to 2023-03-13 (UTC)" in text
    assert "in 1 thread of one's own 3 4.5%" in text
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
    assert (found.read, found.tweets, found.repeated, found.edits) == (69, 67, 1, 1)
    text = shown(source, table)
    assert "left out: 1 repeated id, 1 earlier edit" in text
    assert "X's manifest says 80 entries, the file has 67: 13 are missing" in text
    assert "ids: 66 of 67 hold their time, and agree with the dates" in text


def test_json_lines_and_plain_text_are_told_and_0_is_not_said_of_what_they_do_not_mark(tmp_path):
    lines = tmp_path / "a.jsonl"
    lines.write_text("".join(json.dumps({"text": f"un tweet bien à moi, le {n}e"}) + "\n" for n in range(40)), encoding="utf-8")
    text = shown(lines)
    assert "a.jsonl: JSON Lines, 40 tweets" in text and "no date 40" in text and "ids: none is X's own" in text
    assert "picture" not in text and "quoting" not in text and "thread" not in text
    plain = tmp_path / "b.txt"
    plain.write_text("un tweet\nde deux lignes\n---\nun autre\n---\nle dernier\n", encoding="utf-8")
    assert "plain text, 6 tweets" in shown(plain)
    assert "plain text, 3 tweets" in shown(plain, "--separator", "---")
    assert "un tweet ⏎ de deux lignes" in shown(plain, "--separator", "---")


def test_ids_that_contradict_their_dates_are_counted(tmp_path):
    source = tmp_path / "a.csv"
    rows = [(post.id, post.text, post.at if number else "2020-01-01") for number, post in enumerate(posts())]
    with source.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("id", "text", "created_at"), *rows])
    assert take_inventory([source]).contradicting == 1
    assert "1 of them more than a day from the date" in shown(source)


def test_one_year_is_shown_by_month_and_several_by_year(tmp_path):
    write_archive(tmp_path / "long", posts())
    assert " 2021 22 " in shown(tmp_path / "long") and "2021-07" not in shown(tmp_path / "long").split("drawn by lot")[0]
    write_archive(tmp_path / "short", posts()[:20])
    assert " 2021-07 4 " in shown(tmp_path / "short")


def test_what_steers_a_terminal_and_markup_are_shown_as_they_are(tmp_path):
    plain = tmp_path / "a.txt"
    plain.write_text("[red]en rouge ?[/red] :smile: \x1b[31m \u202eà l'envers\n" * 3, encoding="utf-8")
    output = inspect(plain).stdout
    assert "[red]en rouge ?[/red] :smile: ‹U+001B›[31m ‹U+202E›à l'envers" in " ".join(output.split())
    assert "\x1b" not in output and "\u202e" not in output


def test_161_259_tweets_are_told_in_seconds(tmp_path):
    """CPU time of a fresh process, its start included."""
    source, moment = tmp_path / "big.csv", datetime(2010, 12, 1, tzinfo=UTC)
    with source.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id_tweet", "texte", "date_creation"))
        for number in range(161_259):
            moment += timedelta(minutes=47)
            text = f"le {number}e matin : {number * 7919 % 10007} pas dans la neige & {number * 31 % 997} retards https://t.co/{number:x}"
            writer.writerow((an_id(moment), text, f"{moment:%Y-%m-%d %H:%M:%S}"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", "from tweetstyle.cli import tweetstyle; tweetstyle()", "inspect", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "80"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{seconds:.1f} s of CPU time")
    assert "CSV, 161,259 tweets" in done.stdout and f"by {MOST_CLEANED:,} drawn by lot" in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.split("a recipe to start from")[0].splitlines()[1:])) <= 80
    assert seconds < 15


# -- the recipe ---------------------------------------------------------------------------------------------------


def test_the_written_recipe_is_planned_as_it_stands(tmp_path, monkeypatch, base_model_dir):
    """With a small model in the big one's place; the plan keeps about as many tweets as the recipe says, less repetitions."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "llama3-8b").symlink_to(base_model_dir)
    (tmp_path / "moi.csv").write_bytes(SAMPLE.read_bytes())
    text = shown("moi.csv", "--write-recipe", "mine.yaml")
    assert "written: mine.yaml. Set prompt.style in it, then: tweetstyle-fit mine.yaml --dry-run" in text
    result = CliRunner().invoke(fit_command, ["mine.yaml", "--dry-run"])
    assert result.exit_code == 0, result.output
    said = int(re.search(r"about ([\d,]+) tweets to learn from", (tmp_path / "mine.yaml").read_text())[1].replace(",", ""))
    kept = int(re.search(r"878 read, ([\d,]+) kept", result.output)[1].replace(",", ""))
    assert 0.95 * said <= kept <= said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.yaml", "model", "moi.csv"]


def test_the_shown_recipe_is_the_written_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = inspect(SAMPLE).stdout
    assert inspect(SAMPLE, "--write-recipe", "recipes/mine.yaml").exit_code == 0
    assert output.rstrip("\n").endswith((tmp_path / "recipes" / "mine.yaml").read_text(encoding="utf-8").rstrip("\n"))


WILD = [
    "mes tweets.csv", "it's.csv", '"quoted".csv', "a: b.csv", "#5.csv", "& co.csv", "- dash.csv", "123", "2e-4", "null", "yes", "~",
    "[a].csv", "{a}.csv", "*.csv", "%.csv", "!x.csv", "@x.csv", "`x`", "a,b", ".5e3", "1_000",
    "é\u0301 🦊.csv", "\u2028x", "tab\there", "two\nlines", "a\\b",
    "[red]x.csv", "été " * 20 + ".csv", "2021-03-04", "0x10", "1:30", "=", "<<", "x" * 200, "\u202ex.csv",
]  # fmt: skip


@pytest.mark.parametrize("name", WILD)
def test_a_wild_name_is_the_same_in_the_recipe(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    path.write_text("id,text\n" + "".join(f"{n},un tweet de plus pour voir {n}\n" for n in range(40)), encoding="utf-8")
    assert inspect("--write-recipe", "mine.yaml", "--", path).exit_code == 0
    recipe = read_recipe(Path("mine.yaml"))
    assert recipe.data.source == (path,)
    assert take_inventory(recipe.data.source).tweets == 40


def test_a_wild_folder_several_sources_and_a_separator_are_the_same_in_the_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write_archive(Path("mes: archives #1") / "x [2021]", posts())
    plain = Path("- notes.txt")
    plain.write_text("un tweet\n: # ---\nun autre\n", encoding="utf-8")
    assert inspect("--separator", ": # ---", "--write-recipe", "mine.yaml", "--", folder, plain).exit_code == 0
    data = read_recipe(Path("mine.yaml")).data
    assert (data.source, data.separator) == ((folder, plain), ": # ---")
    assert take_inventory(data.source, data.separator).tweets == 68


def test_a_name_that_no_text_file_can_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path(os.fsdecode(b"caf\xe9.txt"))
    path.write_text("un tweet\n", encoding="utf-8")
    assert "is not valid UTF-8" in refused(path, "--write-recipe", "mine.yaml")
    assert not Path("mine.yaml").exists()


def test_a_recipe_is_never_written_over_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("the user's own")
    Path("link.yaml").symlink_to("nowhere")
    for name in ("mine.yaml", "link.yaml"):
        assert "is not overwritten" in refused(SAMPLE, "--write-recipe", name)
    assert Path("mine.yaml").read_text() == "the user's own" and not Path("nowhere").exists()
    for name in ("mine", "mine.txt", "Ma Recette.yaml", "-.yaml", ".yaml"):
        assert "cannot have that name" in refused(SAMPLE, f"--write-recipe={name}")
    assert sorted(os.listdir()) == ["link.yaml", "mine.yaml"]


def test_the_account_s_name_is_taken_from_a_file_s_name_only_where_it_looks_like_one():
    assert style_of([Path("data/raw/Nimzo.csv")]) == "Nimzo"
    for name in ("twitter-2023-05-01-abcdef.zip", "tweets_tous.csv", "tweets.js", "data", "archive.zip", "2021.csv", "x-2024.zip", "a.csv"):
        assert style_of([Path(name)]) == PLACEHOLDER


@pytest.mark.parametrize("tweets", [0, 1, 30, 500, 2_000, 20_000, 150_000, 1_000_000])
def test_a_schedule_suits_the_number_of_tweets(tweets):
    plan = schedule(tweets)
    assert 1 <= plan.warmup_steps <= max(1, plan.steps_per_epoch) and 1 <= plan.eval_steps <= max(1, plan.steps_per_epoch)
    assert plan.steps_per_epoch >= 30 or (plan.max_length, plan.gradient_accumulation_steps) == BATCHES[-1]
    assert plan.r == (32 if tweets >= 20_000 else 16 if tweets >= 2_000 else 8)


# -- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"id,text,created_at\n", "there is no tweet|no row"),
        ("a.csv", b"id,text\n1.23457E+18,un tweet\n", "spreadsheet"),
        ("a.jsonl", b'{"texte_du_tweet": 3}\n', "text"),
        ("a.jsonl", b'{"text": "x"\n', "JSON"),
        ("a.zip", b"PK\x03\x04 and no more", "zip"),
        ("a.txt", b"\x89PNG\r\n\x1a\n", "picture"),
        ("a.txt", b"\n\n\n", "no tweet|empty"),
        ("tweets.js", b'window.YTD.tweets.part0 = [ {"tweet": {}} ]', "one part of X's archive"),
    ],
)
def test_bad_input_gives_one_message_that_names_the_file(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    said = refused(tmp_path / name)
    assert name in said and re.search(message, said), said


def test_a_missing_file_a_folder_of_something_else_and_an_archive_with_a_missing_part(tmp_path):
    assert "there is no such file" in refused(tmp_path / "tweets.csv")
    (tmp_path / "photos").mkdir()
    assert "no archive of X" in refused(tmp_path / "photos")
    folder = write_archive(tmp_path / "x", posts(), parts=2)
    (folder / "data" / "tweets-part1.js").unlink()
    assert re.search(r"manifest\.js: names data/tweets-part1\.js, which is missing", refused(folder))
    (folder / "data" / "tweets.js").write_text('window.YTD.tweets.part0 = [ {"tweet": {"id_str": "1", ')
    assert "manifest.js" in refused(folder)
    assert all((folder / "data" / name).exists() for name in FORBIDDEN)


def test_no_source_at_all_is_a_usage_error():
    result = inspect()
    assert result.exit_code == 2 and "SOURCE" in result.output


def test_an_inventory_of_nothing_cleaned_keeps_nothing():
    fields = dict.fromkeys(Inventory.__dataclass_fields__, 0) | {"dropped": {}}
    assert Inventory(**fields).likely_kept == 0
