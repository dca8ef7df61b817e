"""JSON Lines, a JSON array and plain text: what is read, and one clear message for what cannot be."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.archives import MENDED, has_no_marks

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources import open_archive

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=MENDED), max_size=60).filter(has_no_marks)


def archive_of(tmp_path, content, name, separator=None):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_archive([path], separator)


def read(tmp_path, content, name="tweets", separator=None):
    return list(archive_of(tmp_path, content, name, separator).tweets())


def refused(tmp_path, content, name="tweets", separator=None) -> TweetstyleError:
    with pytest.raises(TweetstyleError) as caught:
        read(tmp_path, content, name, separator)
    assert caught.value.hint
    return caught.value


def test_json_lines_may_hold_texts_alone_or_with_id_and_date_under_their_usual_names(tmp_path):
    content = (
        '{"text": "un"}\n\n'
        '{"id": "1050118621198921728", "text": "deux\\r\\n2", "created_at": "2018-10-10T20:19:24Z"}\r\n'
        '{"id_str": "17", "id": 99, "full_text": "trois", "created_at": "Sat Feb 18 12:33:11 +0000 2023", "in_reply_to_status_id": 16}\n'
        '{"tweet": {"id": 18, "text": "quatre \\ud83d &amp; 4", "created_at": 1676723591, "in_reply_to_status_id": null}}'
    )
    assert [(tweet.id, tweet.text, tweet.created_at, tweet.where, tweet.reply_to) for tweet in read(tmp_path, content)] == [
        ("tweets:0000001", "un", "", f"{tmp_path}/tweets:1", ""),
        ("1050118621198921728", "deux\n2", "2018-10-10T20:19:24Z", f"{tmp_path}/tweets:3", ""),
        ("17", "trois", "2023-02-18T12:33:11Z", f"{tmp_path}/tweets:4", "16"),
        ("18", "quatre \ufffd &amp; 4", "2023-02-18T12:33:11Z", f"{tmp_path}/tweets:5", ""),
    ]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=8), st.booleans())
def test_any_text_that_json_writes_is_read_back(tmp_path, texts, escaped):
    rows = [json.dumps({"text": text}, ensure_ascii=escaped) for text in texts]
    assert [tweet.text for tweet in read(tmp_path, "\n".join(rows))] == texts
    archive = archive_of(tmp_path, f"[ {' , '.join(rows)}]", "tweets.json")
    assert [(tweet.text, tweet.where) for tweet in archive.tweets()] == [
        (text, f"{tmp_path}/tweets.json, #{number}") for number, text in enumerate(texts, 1)
    ]
    assert [(found.kind, found.count) for found in archive.kinds] == [("a JSON array", len(texts))]


@pytest.mark.parametrize(
    ("flag", "is_retweet"),
    [('"isRetweet": true', True), ('"Is Retweet": 1.0', True), ('"Retweeted_Status": {"id": 1}', True), ('"is_retweet": "0.0"', False)]
    + [(f'"retweeted_status": {no}', False) for no in ("{}", "[]", '""', '"-"', '"{}"', "0.0", "null", "NaN")],
)
def test_a_field_in_any_case_may_say_whose_words_a_tweet_is_and_an_empty_one_does_not(tmp_path, flag, is_retweet):
    (tweet,) = read(tmp_path, f'{{"Text": "un", "ID": null, "id": "7", {flag}}}', "t.jsonl")
    assert tweet[:2] == ("7", "un") and tweet.is_retweet == is_retweet


def test_pages_of_an_interface_and_objects_around_a_list_or_a_tweet_are_read(tmp_path):
    tweet = {"id": "7", "text": "oui", "created_at": "2023-02-18T12:33:11Z"}
    post = {"legacy": {"id_str": "9", "full_text": "dedans", "retweeted_status_result": {"result": {}}}}
    wide = json.dumps({"tweets": [tweet, tweet | {"id": "8", "text": 5}]}, indent=1)
    assert [t.text for t in read(tmp_path, json.dumps({"data": [tweet, tweet | {"id": "8"}], "includes": {"tweets": [tweet]}}))] == [
        "oui",
        "oui",
    ]
    assert [(t.text, t.is_retweet) for t in read(tmp_path, json.dumps(post) + "\n" + json.dumps({"data": tweet}))] == [
        ("dedans", True),
        ("oui", False),
    ]
    with pytest.raises(TweetstyleError, match="field text is missing") as caught:
        read(tmp_path, wide)
    assert caught.value.where.endswith(", #2")
    one, two = json.dumps({"statuses": [tweet]}, indent=1), json.dumps(tweet | {"id": "8"}, indent=1)
    assert [t.id for t in read(tmp_path, f"{one}\n{two}\n")] == ["7", "8"]
    without = [t.id for t in read(tmp_path, json.dumps({"data": [{"text": "a"}, {"text": "b"}]}))]
    assert len(set(without)) == 2


def test_every_line_of_plain_text_is_a_tweet_but_blank_ones(tmp_path):
    content = "\ufeffun, deux;trois\n\n  \t\n  [x] quatre \u2028 et {cinq}\r\n&amp; six\rsept"
    tweets = read(tmp_path, content, "notes.txt")
    assert [(tweet.id, tweet.text) for tweet in tweets] == [
        ("notes.txt:0000001", "un, deux;trois"),
        ("notes.txt:0000004", "  [x] quatre \u2028 et {cinq}"),
        ("notes.txt:0000005", "&amp; six"),
        ("notes.txt:0000006", "sept"),
    ]
    assert {tweet.created_at for tweet in tweets} == {""}


def test_a_line_that_separates_makes_tweets_of_several_lines(tmp_path):
    content = "---\nun\n\ndeux\n\n --- \r\n---\n\ntrois\r\n---\n"
    tweets = read(tmp_path, content, "notes.txt", "---")
    assert [(tweet.id, tweet.text) for tweet in tweets] == [("notes.txt:0000002", "un\n\ndeux"), ("notes.txt:0000009", "trois")]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(TEXTS.map(lambda text: f"x{text}x".replace("\n%", "")), min_size=2, max_size=6))
def test_any_text_between_separators_is_read_back(tmp_path, texts):
    assert [tweet.text for tweet in read(tmp_path, "\n%%\n".join(texts), "notes.txt", "%%")] == texts


@pytest.mark.parametrize(
    ("content", "place", "what"),
    [
        ('{"text": "a"}\n{"text": "b"\n', ":2", "not valid JSON"),
        ('{"text": "a"}\n["b"]\n', ":2", "not an object"),
        ('{"id": "1", "body": "a"}\n', ":1", "the field text is missing or is not a string (fields found: id, body)"),
        ('{"text": 5}', ":1", "the field text is missing or is not a string"),
        ('{"text": "a", "id": 1.23e18}', ":1", "the id 1.23e+18 is rounded"),
        ('{"text": "a", "created_at": "hier"}', ":1", "the date 'hier' cannot be read"),
        ('{"text": "a", "x": ' + "[" * 100_000, ":1", "not valid JSON"),
        ('{"text": "a", "id": ' + "1" * 5_000 + "}", ":1", "not valid JSON"),
        ('[{"text": "a"}, {"text": "b"', ", #2", "not valid JSON"),
        ('[{"text": "a"} {"text": "b"}]', ", #1", "a comma or the end of the list is missing"),
        ('[{"text": "a"}, "b"]', ", #2", "not an object"),
        ("[]", "", "there is no tweet in the file"),
        ("un\nd\0eux", ":2", "a NUL character"),
        ("un été\ndeux ".encode() + b"\xe9t\xe9", ":2", "not valid UTF-8 (byte 0xE9"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path, content, place, what):
    error = refused(tmp_path, content)
    assert error.where == f"{tmp_path}/tweets{place}"
    assert what in error.what


def test_a_separator_that_is_nowhere_is_refused_and_a_file_named_json_or_csv_is_held_to_its_name(tmp_path):
    assert "no line is the separator '%%'" in refused(tmp_path, "un\ndeux\n", "notes.txt", "%%").what
    assert "there is no tweet" in refused(tmp_path, "---\n---\n", "notes.txt", "---").what
    assert "not valid JSON" in refused(tmp_path, "bonjour\n", "tweets.jsonl").what
    assert "the column texte is missing" in refused(tmp_path, "bonjour\n", "tweets.csv").what
