"""The whole stage: what it writes, what it refuses, and that it does the same again."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas
import pytest
from rich.console import Console

import tweetstyle.prepare as stage
from tweetstyle.dataset.threads import conversations, with_messages
from tweetstyle.errors import TweetstyleError
from tweetstyle.prepare import prepare
from tweetstyle.prepare.report import funnel
from tweetstyle.prompt.template import SpecialTokens, build_template
from tweetstyle.recipe import Data, Prompt
from tweetstyle.records import REPLY, SPLITS, TWEET, read_split

SAMPLE = Path(__file__).parents[1] / "data" / "sample" / "tweets.csv"
FILES = {"tweets_tous_nettoyes.csv", "tweets_formates.csv", "dropped.csv", "report.html", *(f"{name}.jsonl" for name in SPLITS)}
TEMPLATE = build_template("inst", "Nimzo", SpecialTokens("<s>", "</s>"))
NOUNS = "hiver neige vélo chat pain café métro fleuve jardin piano crayon nuage tramway raquette sapin marmotte".split()


def rows(count=60):
    """(id, text, date), one a day, each text another."""
    days = pandas.date_range("2021-01-01", periods=count)
    return [(str(100 + i), f"le {NOUNS[i % 16]} numéro {i} dort dans un {NOUNS[(i * 7 + 3) % 16]}", str(day)) for i, day in enumerate(days)]


def run(directory, rows, template=TEMPLATE, prompt=None, **settings):
    source = directory / "tweets.csv"
    with source.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("id_tweet", "texte", "date_creation"), *rows])
    # The rows are near-duplicates of one another, as an app writes them: not what is tested here.
    return prepare(
        Data(source=source, **{"near_duplicate_jaccard": 1.0, "automatic_posts": "keep"} | settings),
        prompt or Prompt(style="Nimzo"),
        template,
        directory / "out",
    )


def table(path):
    return pandas.read_csv(path, dtype=str, keep_default_na=False, lineterminator="\n")


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def tweets(directory, split):
    return list(read_split(directory / "out" / f"{split}.jsonl"))


def test_of_a_chat_only_the_author_s_messages_are_kept_each_with_the_one_it_answers_without_names_and_numbers(tmp_path):
    chat = "".join(
        f"[{day[:10]}, 10:00:00] Bob: et @Denise, le {NOUNS[n % 16]}, au 418-555-0123 ?\n[{day[:10]}, 10:05:00] Chloé: {text}\n"
        for n, (_id, text, day) in enumerate(rows())
    )
    (tmp_path / "_chat.txt").write_text(chat, encoding="utf-8")
    data = Data(source=tmp_path / "_chat.txt", author="Chloé", near_duplicate_jaccard=1.0, automatic_posts="keep")
    prepared = prepare(data, Prompt(style="Nimzo"), TEMPLATE, tmp_path / "out")
    kept = [tweet for split in ("train", "validation", "test") for tweet in tweets(tmp_path, split)]
    assert [tweet.text for tweet in kept] == [text for _id, text, _day in rows()] and {tweet.type for tweet in kept} == {REPLY}
    assert kept[1].message == "et @…, le neige, au [téléphone] ?" and prepared.read == 60
    assert prepared.sources[0][1:] == ("a WhatsApp chat", 60)
    assert any("60 of 120 messages are yours; 60 answer a message" in notice for notice in prepared.notices)
    assert "Bob" not in "".join(path.read_text() for path in (tmp_path / "out").iterdir())


def test_the_files_hold_what_was_kept_and_what_was_not(tmp_path):
    extra = [
        ("7", "@bob oui, j'arrive &amp; je reste\nlongtemps https://t.co/a", "2021-01-05 10:00:00"),
        ("8", "RT @bob: leur texte", "2021-01-05"),
        ("9", "LE HIVER numéro 0 dort dans un chat 🦊", "2022-01-01"),
        ("100", "encore le même numéro, autre texte", "2021-01-05"),
        ("9", "encore neuf", "2021-01-05"),
        ("11", "=1+2 fait trois, non ?", "2021-01-05"),
        ("12", "=ok", "2021-01-06"),
    ]
    first = ("100", "le hiver numéro 0 dort dans un chat", "2021-01-01")
    prepared = run(tmp_path, [first, *rows()[1:], *extra])
    out, place = tmp_path / "out", f"{tmp_path}/tweets.csv"
    assert set(contents(out)) == FILES == {path.name for path in prepared.outputs}
    assert (prepared.read, prepared.kept) == (67, 63)
    assert {rule: count for rule, count in prepared.dropped.items() if count} == {
        "duplicate id": 2, "retweet": 1, "duplicate": 1
    }  # fmt: skip
    assert table(out / "dropped.csv").values.tolist() == [
        ["8", "2021-01-05T00:00:00Z", "retweet", "RT @bob", "RT @bob: leur texte"],
        ["9", "2022-01-01T00:00:00Z", "duplicate", "the same as 100", "LE HIVER numéro 0 dort dans un chat 🦊"],
        ["100", "2021-01-05T00:00:00Z", "duplicate id", f"{place}:2, with another text", "encore le même numéro, autre texte"],
        ["9", "2021-01-05T00:00:00Z", "duplicate id", f"{place}:65, with another text", "encore neuf"],
    ]
    # 5% of 63 is nothing: a fifth of a small archive is held out in each part.
    assert prepared.splits == {"train": 39, "mini-train": 39, "validation": 12, "test": 12} and prepared.warnings
    assert [t.text for t in tweets(tmp_path, "train") if t.id == "11"] == ["=1+2 fait trois, non ?"], "training gets what was written"
    assert (prepared.first_day, prepared.last_day) == ("2021-01-01", "2021-03-01")
    reply = next(t for t in tweets(tmp_path, "train") if t.id == "7")
    assert (reply.type, reply.text, reply.created_at) == (REPLY, "oui, j'arrive & je reste\nlongtemps", "2021-01-05T10:00:00Z")
    assert all(t.type == TWEET for t in tweets(tmp_path, "train") if t.id != "7")


def test_every_file_has_the_same_tweets_with_the_templates_line(tmp_path):
    run(tmp_path, rows())
    lines = [json.loads(line) for name in ("train", "validation", "test") for line in (tmp_path / "out" / f"{name}.jsonl").open()]
    formatted, cleaned = table(tmp_path / "out" / "tweets_formates.csv"), table(tmp_path / "out" / "tweets_tous_nettoyes.csv")
    assert list(formatted.columns) == ["id_tweet", "texte", "date_creation", "texte_formatte"]
    assert formatted[list(cleaned.columns)].equals(cleaned) and list(cleaned.columns) == list(formatted.columns)[:3]
    assert [line["id"] for line in lines] == list(cleaned["id_tweet"]) == [id for id, *_ in rows()]
    assert [line["text"] for line in lines] == list(formatted["texte_formatte"])
    for line in lines:
        subject = f" | Sujet: {line['topic']}" if line["topic"] else ""
        assert line["text"] == f"<s>[INST] Style: Nimzo | Type: Tweet{subject} [/INST] {line['tweet']}</s>"
    assert {line["topic"] is None for line in lines} == {True, False}


def test_the_same_archive_gives_the_same_bytes_whatever_pythons_hash_seed(tmp_path):
    run(tmp_path, rows(200))
    program = (
        "import sys; from pathlib import Path; from tweetstyle.prepare import prepare; from tweetstyle.recipe import Data, Prompt\n"
        "from tweetstyle.prompt.template import SpecialTokens, build_template\n"
        "template = build_template('inst', 'Nimzo', SpecialTokens('<s>', '</s>'))\n"
        "prepare(Data(source=Path(sys.argv[1]), near_duplicate_jaccard=1.0, automatic_posts='keep'),"
        " Prompt(style='Nimzo'), template, Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "tweets.csv"), str(tmp_path / "again")]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "1"}, cwd=Path(__file__).parents[1])
    assert contents(tmp_path / "again") == contents(tmp_path / "out")


def test_held_out_tweets_teach_the_topics_of_training_nothing(tmp_path):
    trained, held = [], []
    for last in ("le jardin dort encore une fois", "hiver hiver marmotte sapin, quel fleuve"):
        changed = rows(100)
        changed[90:] = [(id, f"{last} {i}", day) for i, (id, _, day) in enumerate(changed[90:])]
        run(tmp_path, changed, prompt=Prompt(style="Nimzo", topic_dropout=0.0))
        trained.append(tweets(tmp_path, "train"))
        held.append(tweets(tmp_path, "test"))
    assert trained[0] == trained[1] and held[0] != held[1]


def test_each_setting_matters(tmp_path):
    archive = [*rows(), ("7", "@bob", "2021-01-20"), ("8", "RT @bob: court", "2021-01-20")]
    plain = run(tmp_path, archive)
    base = contents(tmp_path / "out")
    assert (plain.kept, plain.with_topic > 30) == (60, True)
    assert run(tmp_path, archive, until=date(2021, 2, 28)).last_day == "2021-02-28"
    splits = run(tmp_path, archive, validation_fraction=0.3, test_fraction=0.25).splits
    assert (splits["validation"], splits["test"]) == (18, 15)
    assert run(tmp_path, archive, mini_train=7).splits["mini-train"] == 7
    assert run(tmp_path, archive, prompt=Prompt(style="Nimzo", topic=False)).with_topic == 0
    assert run(tmp_path, archive, prompt=Prompt(style="Nimzo", topic_dropout=1.0)).with_topic == 0
    assert run(tmp_path, archive, prompt=Prompt(style="Nimzo", topic_dropout=0.0)).with_topic == 60
    run(tmp_path, archive, seed=43)
    assert contents(tmp_path / "out")["train.jsonl"] != base["train.jsonl"]


def test_threads_of_an_archive_become_conversations_where_they_read_as_such(tmp_path):
    """A hole where a tweet was only a link, an answer after three years, one begun by a reply to somebody."""
    sources = {
        "1": ("la bouilloire chante toute la soirée", "2020-12-01T10:00:00Z", ""),
        "2": ("https://t.co/abcdefghij", "2020-12-01T10:01:00Z", "1"),
        "3": ("et la chèvre applaudit depuis le balcon", "2020-12-01T10:02:00Z", "2"),
        "21": ("j'ai planté un noyer ce matin", "2017-12-02T10:00:00Z", ""),
        "22": ("le noyer a déposé une plainte", "2020-12-02T10:00:00Z", "21"),
        "31": ("@bob non, le gardien du phare déteste le jazz", "2020-12-04T10:00:00Z", "999"),
        "32": ("mais il aime la polka, voilà le drame", "2020-12-04T10:01:00Z", "31"),
        "33": ("et la côte entière le sait depuis hier", "2020-12-04T10:02:00Z", "32"),
    }
    lines = [{"id": id, "text": text, "created_at": moment, "in_reply_to_status_id": of} for id, (text, moment, of) in sources.items()]
    lines += [{"id": id, "text": text, "created_at": moment} for id, text, moment in rows()]
    source = tmp_path / "tweets.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    prepare(Data(source=source, near_duplicate_jaccard=1.0, automatic_posts="keep"), Prompt(style="Nimzo"), TEMPLATE, tmp_path / "out")
    train = tweets(tmp_path, "train")
    assert {t.id: t.follows for t in train if t.follows} == {"3": "2", "22": "21", "32": "31", "33": "32"}
    found = [[t.id for t in turns] for turns in conversations(train, with_messages(train, {t.id: "et alors ?" for t in train}))]
    assert [turns for turns in found if turns[0] in sources] == [["21"], ["1"], ["3"], ["22"], ["32", "33"]]


def test_first_words_take_the_place_of_the_topic(tmp_path):
    prepared = run(tmp_path, rows(), prompt=Prompt(style="Nimzo", message="first-words", topic_dropout=0.0))
    written = list(tweets(tmp_path, "train"))
    assert written and all(t.text.startswith(t.topic) and t.topic != t.text for t in written)
    line = json.loads((tmp_path / "out" / "train.jsonl").open().readline())["text"]
    assert line == f"<s>[INST] Style: Nimzo | Type: Tweet | Sujet: {written[0].topic} [/INST] {written[0].text}</s>"
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(funnel(prepared))
    assert re.search(r"with its first words in the prompt\W+60\W+100", console.export_text())
    assert "first words in the prompt: <bdi>le " in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("archive", "settings", "message"),
    [
        ([("1", "RT @bob: x", "2021-01-01"), ("2", "RT @bob: y", "2021-01-01"), ("3", "@bob", "2021-01-01")], {},
         "none of the 3 tweets was kept (retweet 2, too short 1)"),
        (rows(), {"since": date(2030, 1, 1)}, "(outside the period 60)\n  → widen data.since and data.until"),
        ([*rows(29), ("7", "ok", "2021-01-01")], {"min_characters": 3},
         "too few tweets to split: 29 of 30 were kept (too short 1), at least 30 are needed\n  → lower data.min_characters"),
        ([(str(n), text, "2021-01-01") for n, text in enumerate(["", " ", "@bob"] * 10)], {},
         "none of the 30 tweets was kept (too short 30)\n  → most of these texts are empty or only mentions"),
        (rows(), {"since": date(2021, 2, 1), "until": date(2021, 1, 1)}, "data.since: the period ends"),
        ([("1.2E+18", *row[1:]) for row in rows()], {}, "tweets.csv:2: the id 1.2E+18 is rounded"),
    ],
)  # fmt: skip
def test_an_archive_that_cannot_be_learned_from_is_refused_and_nothing_written(tmp_path, archive, settings, message):
    with pytest.raises(TweetstyleError) as caught:
        run(tmp_path, archive, **settings)
    assert message in str(caught.value) and caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["tweets.csv"]


def test_the_archive_is_never_overwritten(tmp_path):
    out = tmp_path / "out"
    run(tmp_path, rows())
    before = contents(out)
    with pytest.raises(TweetstyleError, match="would overwrite the archive"):
        prepare(Data(source=out / "tweets_tous_nettoyes.csv"), Prompt(style="Nimzo"), TEMPLATE, out)
    assert contents(out) == before


def test_a_run_that_breaks_while_writing_leaves_the_old_files_whole(tmp_path):
    run(tmp_path, rows())
    before = contents(tmp_path / "out")

    class Breaks:
        has_topic = True

        def line(self, text, topic, type):
            if "numéro 58" in text:
                raise KeyboardInterrupt
            return text

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, rows(), template=Breaks())
    assert contents(tmp_path / "out") == before


def test_a_tweet_that_gets_lost_is_a_bug_and_stops_the_run(tmp_path, monkeypatch):
    candidates = stage._candidates
    monkeypatch.setattr(stage, "_candidates", lambda read, cleaned: candidates(read, cleaned)[1:])
    with pytest.raises(RuntimeError, match="60 tweets were read, but 59 kept and 0 dropped"):
        run(tmp_path, rows())


def test_the_funnel_shows_the_counts(tmp_path):
    prepared = replace(run(tmp_path, [*rows(), ("7", "ok", "2021-01-20")], min_characters=3), with_topic=45)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(funnel(prepared))
    text = console.export_text()
    lines = [line.replace("│", " ").split() for line in text.splitlines()]
    for expected in ("read 61 100.0%", "too short -1 -1.6%", "kept 60 98.4%", "train 36 60.0%", "with a subject in the prompt 45 75.0%"):
        assert expected.split() in lines
    assert ["retweet"] not in [line[:1] for line in lines] and "from 2021-01-01 to 2021-03-01" in text
    console.print(funnel(replace(prepared, message="playback", threads=1)))
    text = console.export_text()
    assert "prompt" not in text and "no leak" in text and "never split: 1 thread" in text


def test_the_sample_archive_counted_by_another_reading(tmp_path):
    """The counts from pandas and plain string tests, not from the rules."""
    raw = pandas.read_csv(SAMPLE, dtype=str, keep_default_na=False)
    prepared = prepare(Data(source=SAMPLE), Prompt(style="Nimzo"), TEMPLATE, tmp_path / "out")
    cleaned, dropped = table(tmp_path / "out" / "tweets_tous_nettoyes.csv"), table(tmp_path / "out" / "dropped.csv")
    assert prepared.read == len(raw) and prepared.kept == len(cleaned) >= 600
    assert sorted([*cleaned["id_tweet"], *dropped["id"]]) == sorted(raw["id_tweet"])
    assert prepared.dropped["retweet"] >= raw["texte"].str.startswith("RT @").sum() > 0
    assert prepared.dropped["link only"] == raw["texte"].str.fullmatch(r"(https://t\.co/\w+\s*)+").sum() > 0
    texts = dict(zip(raw["id_tweet"], raw["texte"], strict=True))
    assert (dropped["text"].str.removeprefix("'") == dropped["id"].map(texts)).all()
    assert not cleaned["texte"].str.contains(r"https://t\.co|^RT @|^@|&amp;|&gt;|&lt;").any()
    longer = cleaned["texte"].str.len() >= 50
    assert longer.sum() > 500 and not cleaned["texte"][longer].str.lower().str.strip().duplicated().any()
    short = raw["texte"][raw["texte"].str.fullmatch(r"(?:bonjour|merci) ?!*", case=False)]
    assert len(short) > 10 and set(raw["id_tweet"][short.index]) <= set(cleaned["id_tweet"])
    dates = list(cleaned["date_creation"][longer])
    assert dates == sorted(dates)
    untouched = ~cleaned["id_tweet"].map(texts).str.contains("@|https?://|&|\r")
    assert untouched.sum() > 400 and (cleaned["texte"] == cleaned["id_tweet"].map(texts))[untouched].all()
    assert 0.65 <= prepared.with_topic / prepared.kept <= 0.80
    bounds = [[t.created_at for t in tweets(tmp_path, name) if len(t.text) >= 50] for name in ("train", "validation", "test")]
    assert max(bounds[0]) <= min(bounds[1]) and max(bounds[1]) <= min(bounds[2])
    assert prepared.splits["validation"] == prepared.splits["test"] == round(prepared.kept * 0.05)


def test_the_report_shows_no_personal_data_that_training_does_not_see(tmp_path):
    secret = "écris à lise@exemple.org ou au 06 12 34 56 78 pour le marché de noël"
    archive = [*rows(), ("500", secret, "2022-05-01"), ("501", secret + " !", "2022-05-02"), ("502", f"RT @bob: {secret}", "2022-05-02")]
    prepared = run(tmp_path, archive)
    assert prepared.dropped["duplicate"] == prepared.dropped["retweet"] == 1
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "[courriel]" in page and "lise@exemple.org" not in page and "06 12 34" not in page
    run(tmp_path, archive, personal_data="keep")
    assert "lise@exemple.org" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
