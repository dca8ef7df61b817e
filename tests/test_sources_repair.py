"""Broken encodings, marks of other programs, cut texts and flags: what is mended, told apart or refused, in every kind of file."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.x_archives import Post, files_of, write_archive, write_files

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources import DUPLICATE_ID, open_archive
from tweetstyle.sources.repair import INVISIBLE, Repairs

TEXTS = [
    "été à Noël… l’œuf « ça va »", "À bientôt, É.", "Ayoye, 5 € pis 20 °C", "déjà vu — naïve café", "it’s 20° in Montréal", "“oui” 🎉",
]  # fmt: skip


def written(tmp_path, texts, name="t.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def read(path, notices=None, **settings):
    archive = open_archive([path], **settings)
    tweets = list(archive.tweets())
    if notices is not None:
        notices += archive.notices
    return tweets


def misread(text: str, encoding: str) -> str:
    """UTF-8 read as one byte a character; the five bytes that Windows-1252 leaves open as browsers read them."""
    return "".join(bytes([byte]).decode(encoding, "ignore") or chr(byte) for byte in text.encode())


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "mac_roman"])
@pytest.mark.parametrize("times", [1, 2])
def test_utf8_that_was_read_in_another_encoding_is_read_back_even_twice(tmp_path, encoding, times):
    broken = TEXTS
    for _ in range(times):
        broken = [misread(text, encoding) for text in broken]
    notices = []
    assert [tweet.text for tweet in read(written(tmp_path, broken), notices)] == TEXTS
    assert f"{len(TEXTS)} texts were UTF-8 read in another encoding" in notices[0]


@given(st.text(st.characters(categories=["L", "P", "Zs"], max_codepoint=0x17F), max_size=40), st.sampled_from(TEXTS))
def test_what_is_no_such_text_stays_as_it_is(other, own):
    """The inverse of the damage is exact, so what the inverse does not give back was not damaged."""
    repairs = Repairs("x")
    assert repairs.text(own, "x:1") == own
    assert repairs.text(misread(own + other, "cp1252"), "x:1") in (
        INVISIBLE.sub("", own + other),
        INVISIBLE.sub("", misread(own + other, "cp1252")),
        None,
    )


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (r"b'\xc3\xa9t\xc3\xa9 chaud'", "été chaud"),
        (r'b"l\xe2\x80\x99\xc3\xa9t\xc3\xa9 d\'ici"', "l’été d'ici"),
        (r"b'\xf0\x9f\x8e\x89 bravo \n oui'", "🎉 bravo \n oui"),
        ("<|startoftext|>ok là<|endoftext|>", "ok là"),
        ("<|startoftext|> well then", "well then"),
        ("pas de balise <|endoftext|>", "pas de balise"),
        ("Tom &amp;amp; Jerry &amp;lt;3", "Tom &amp; Jerry &lt;3"),
        ("&amp;amp;amp; &amp;#39;oui&amp;#39;", "&amp; &#39;oui&#39;"),
        ("R&amp;D et &amp;c", "R&amp;D et &amp;c"),
        ("in\u00advi\u200bsi\ufeffble \u2066@bob\u2069", "invisible @bob"),
        ("\x1b[31mrouge\x1b[0m", "rouge"),
        ("👩\u200d💻 ❤\ufe0f Ça \u202f!", "👩\u200d💻 ❤\ufe0f Ça \u202f!"),
        ("b'est une lettre, l'autre", "b'est une lettre, l'autre"),
        ("Ã vrai dire, à 5 €", "Ã vrai dire, à 5 €"),
        ("voilâ… et puis «Â»", "voilâ… et puis «Â»"),
    ],
)
def test_marks_of_programs_go_and_the_author_s_own_signs_stay(tmp_path, raw, text):
    assert [tweet.text for tweet in read(written(tmp_path, [raw]))] == [text]


@pytest.mark.parametrize(
    "broken",
    [
        "d\u00c3\ufffdj\u00c3\ufffd vu",
        "l\u00e2\u20ac\ufffd\u00c3\ufffdt\u00c3\ufffd",
        r"b'\xc3 coup\xe9'",
        "d\ufffdj\ufffd vu",
        "dï¿½jï¿½ vu",
    ],
)
def test_a_file_of_texts_that_lost_bytes_is_refused_with_one_of_them_and_single_texts_are_dropped(tmp_path, broken):
    with pytest.raises(TweetstyleError, match="3 of 53 texts were read in a wrong encoding and cannot be repaired, for example") as caught:
        read(written(tmp_path, ["bien"] * 50 + [broken] * 3))
    assert caught.value.where.endswith("t.jsonl:51") and repr(broken)[1:8] in caught.value.what
    assert [(tweet.text, tweet.reason) for tweet in read(written(tmp_path, ["bien", broken]))] == [("bien", ""), (broken, "broken")]


@pytest.mark.parametrize(
    ("field", "yes", "no"),
    [
        ("is_retweet", True, False), ("retweeted_status_id", "99", ""), ("retweeted_status_id", 99, None), ("isRetweet", "true", "false"),
        ("retweeted_tweet", {"id": 9}, None), ("is_rt", True, False), ("isRT", "yes", "no"), ("type", "Retweet", "tweet"),
        ("tweet_type", "retweeted", "reply"), ("kind", "rt", "RT de mots"),
        ("retweeted_status", {"id": 9, "text": "x"}, None), ("retweeted_status", "1300000000000000001", ""), ("retweet", "True", "False"),
        ("referenced_tweets", [{"type": "retweeted", "id": "9"}], [{"type": "quoted", "id": "9"}]), ("user_rt_id", "17", ""),
    ],
)  # fmt: skip
def test_flags_of_other_exporters_say_what_is_a_retweet_in_json_as_in_csv(tmp_path, field, yes, no):
    names = {"isRetweet": "isretweet"}
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps({"text": "x", names.get(field, field): flag}) + "\n" for flag in (yes, no)), encoding="utf-8")
    assert [tweet.is_retweet for tweet in read(path)] == [True, False]
    if not isinstance(yes, dict):
        table = tmp_path / "t.csv"
        table.write_text("".join(f"{a};{b}\n" for a, b in (("text", field), ("x", yes), ("y", "" if no is None else no))), encoding="utf-8")
        assert [tweet.is_retweet for tweet in read(table)] == [True, False]


@pytest.mark.parametrize(
    ("fields", "text", "reason"),
    [
        ({"extended_tweet": {"full_text": "entier et long"}, "truncated": True}, "entier et long", ""),
        ({"note_tweet": {"text": "entier et long"}}, "entier et long", ""),
        ({"note_tweet": {"note_tweet_results": {"result": {"text": "entier et long"}}}}, "entier et long", ""),
        ({"truncated": True}, "coupé… https://t.co/0123456789", "truncated"),
        ({"truncated": False}, "coupé… https://t.co/0123456789", ""),
        ({"text": "a" * 112 + "… https://t.co/0123456789"}, None, "truncated"),
        ({"text": "RT @bob: " + "a" * 103 + "… https://t.co/0123456789"}, None, ""),
        ({"text": "mes mots… https://twitter.com/i/web/status/17", "id": "17"}, None, "truncated"),
        ({"text": "mes mots… https://twitter.com/i/web/status/18", "id": "17"}, None, ""),
        ({"text": "une vraie fin de phrase…"}, None, ""),
    ],
)
def test_the_whole_text_is_preferred_and_one_that_is_cut_is_said_to_be(tmp_path, fields, text, reason):
    value = {"id": "5", "text": "coupé… https://t.co/0123456789"} | fields
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(value), encoding="utf-8")
    (tweet,) = read(path)
    assert (tweet.text, tweet.reason) == (text or value["text"], reason)


@pytest.mark.parametrize(
    ("note", "at", "joined"),
    [("", "", False), ("un long billet, entier", "2023-02-18T12:33:11Z", True), ("un long billet, entier", "2023-02-18T12:33:12Z", True),
     ("un long billet, entier", "2023-02-18T12:33:14Z", False)],
)  # fmt: skip
def test_a_long_post_of_x_is_joined_with_its_note_even_a_second_later_or_is_truncated(tmp_path, note, at, joined):
    own = "https://twitter.com/i/web/status/40"
    posts = [Post("40", "un long billet… https://t.co/0123456789", link=own)]
    files = files_of([*posts, Post("41", "x", note=note, at=at)] if note else posts, 2025)
    tweet = read(write_files(tmp_path / "a.zip", files))[0]
    assert (tweet.text, tweet.reason) == ((note, "") if joined else (posts[0].text, "truncated"))


def test_the_program_that_posted_is_kept_by_name(tmp_path):
    path = tmp_path / "t.jsonl"
    sources = ['<a href="https://ifttt.com" rel="nofollow">IFTTT</a>', "Twitter for iPhone", ""]
    path.write_text("".join(json.dumps({"text": "x", "source": source}) + "\n" for source in sources), encoding="utf-8")
    assert [tweet.client for tweet in read(path)] == ["IFTTT", "Twitter for iPhone", ""]
    assert read(write_archive(tmp_path / "a.zip", [Post("1", "x")]))[0].client == "Twitter Web App"


def test_two_texts_under_one_id_that_a_spreadsheet_rounded_are_two_tweets(tmp_path):
    path = tmp_path / "t.csv"
    rows = [("1300000000000000000", "un"), ("1300000000000000000", "deux"), ("1300000000000000000", "deux"), ("1300000000000000001", "a"),
            ("1300000000000000001", "b")]  # fmt: skip
    path.write_text("id,text\n" + "".join(f"{id},{text}\n" for id, text in rows), encoding="utf-8")
    tweets = read(path)
    assert [(tweet.text, tweet.reason) for tweet in tweets] == [
        ("un", ""), ("deux", ""), ("deux", DUPLICATE_ID), ("a", ""), ("b", DUPLICATE_ID),
    ]  # fmt: skip
    assert len({tweet.id for tweet in tweets if not tweet.reason}) == 3 and tweets == read(path)


@pytest.mark.parametrize(
    ("identifier", "rounded"),
    [("1234567890123450", True), ("12345678901234500", True), ("123456789012345000", True), ("1234567890123450000", True),
     ("123456789012300", False), ("1234567890123451", False), ("12345678901234510", False), ("123456789012345100", False)],
)  # fmt: skip
def test_an_id_is_rounded_where_its_digits_beyond_the_fifteenth_are_zeros(tmp_path, identifier, rounded):
    path = tmp_path / "t.csv"
    path.write_text(f"id,text\n{identifier},un\n{identifier},deux\n{identifier},trois\n", encoding="utf-8")
    assert [tweet.reason for tweet in read(path)] == ["", *["" if rounded else DUPLICATE_ID] * 2]


@pytest.mark.parametrize("count", [1, 3, 25])
def test_all_bad_rows_are_named_in_one_run_the_first_twenty_with_their_lines(tmp_path, count):
    path = tmp_path / "t.csv"
    path.write_text("id,text,date\n1,bien,2021-03-05\n" + "".join(f"{n},x,hier {n}\n" for n in range(2, 2 + count)), encoding="utf-8")
    with pytest.raises(TweetstyleError) as caught:
        read(path)
    shown = [line for line in str(caught.value).splitlines() if "cannot be read (" in line]
    assert len(shown) == min(count, 20) and f"{path}:3: the date 'hier 2' cannot be read" in shown[0]
    assert (f"{count} rows cannot be read" in caught.value.what) == (count > 1) and ("and 5 more" in caught.value.what) == (count == 25)
    lines = tmp_path / "t.jsonl"
    lines.write_text('{"text": "bien"}\n' + '{"text": 5}\n[1]\nnon\n', encoding="utf-8")
    with pytest.raises(TweetstyleError, match=r"(?s)3 rows cannot be read.*jsonl:2: .*jsonl:3: .*jsonl:4: not valid JSON"):
        read(lines)


MONTH = 'Grailbird.data.tweets_2013_05 = \n [ {"id_str": "%d", "text": "en mai %d", "created_at": "2013-05-31 22:43:22 +0000"} ]'
README = "# Where to start\n\n" + "A line that X wrote about the archive.\n" * 60


@pytest.mark.parametrize("name", ["a.zip", "a"])
def test_the_archive_within_folders_and_by_months_is_read_and_x_s_own_texts_never_are(tmp_path, name):
    deep = {f"une/deux/{file}": content for file, content in files_of([Post("1", "mes mots")], 2025).items()}
    assert [t.text for t in read(write_files(tmp_path / "1" / name, deep | {"une/README.txt": README.encode()}))] == ["mes mots"]
    months = {f"x/data/js/tweets/2013_0{n}.js": (MONTH % (n, n)).encode() for n in (5, 6)}
    path = write_files(tmp_path / "2" / name, months | {"x/README.txt": README.encode(), "x/data/js/user_details.js": b"var x = {}"})
    assert [(t.id, t.text, t.created_at[:10]) for t in read(path)] == [("5", "en mai 5", "2013-05-31"), ("6", "en mai 6", "2013-05-31")]
    backslashes = {file.replace("/", "\\"): content for file, content in deep.items()}
    assert [t.text for t in read(write_files(tmp_path / "w.zip", backslashes))] == ["mes mots"]
    others = [
        {"data/tweets_media/1.txt": b"x", "README.txt": README.encode()},
        {"t/Your archive.html": b"<html>", "t/notes.txt": README.encode(), "t/data/like.js": b"window.YTD.like.part0 = []"},
        {"assets/js/app.js": b"x", "README.txt": README.encode()},
    ]
    for number, files in enumerate(others, 3):
        with pytest.raises(TweetstyleError, match="is a part of X's archive, and there are no tweets in it"):
            read(write_files(tmp_path / str(number) / name, files))
    with pytest.raises(TweetstyleError, match="no tweets that can be read|the folder is not an archive"):
        read(write_files(tmp_path / "9" / name, {"README.txt": README.encode(), "LISEZ-MOI.txt": b"x", "LICENSE.txt": b"x"}))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.zip": {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<x/>"}}, "LibreOffice.*\n.*CSV UTF-8"),
        ({"a.zip": {"messages/inbox/bob/message_1.html": b"<html>"}}, "web pages.*\n.*JSON"),
        ({"a": {"x/y/z/tweets.csv": b"id,text\n1,x\n"}}, r"name the file itself: .*x/y/z/tweets\.csv"),
        ({"a": {"x/tweets.csv": b"id,text\n1,x\n", "x/a.txt": b"x"}}, r"name the file itself: .*x/tweets\.csv"),
        ({"a": {"x.zip": b"PK", "README.txt": b"x"}}, r"name the file itself: .*a/x\.zip"),
        ({"a.zip": {"twitter-2025.zip": b"PK", "README.txt": b"x"}}, r"holds another zip.*\n.*unpack it.*: twitter-2025\.zip"),
        ({"a": {"messages.html": b"<html>"}}, "web pages.*\n.*JSON"),
        ({"a.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99}, "Excel.*\n.*CSV UTF-8"),
        ({"a.pdf": b"%PDF-1.4\n1 0 obj"}, "is a PDF"),
        ({"a.7z": b"7z\xbc\xaf\x27\x1c"}, "packed with 7-Zip"),
        ({"README.txt": README.encode()}, "describes the files beside it"),
    ],
)
def test_what_is_no_archive_says_what_to_name_instead(tmp_path, files, said):
    ((name, content),) = files.items()
    path = tmp_path / name
    path.write_bytes(content) if isinstance(content, bytes) else write_files(path, content)
    with pytest.raises(TweetstyleError, match=said):
        read(path)
