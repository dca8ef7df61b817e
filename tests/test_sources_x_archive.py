"""X's archive: what each generation of it gives, field by field, and one message with file and entry for whatever is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from support.peak_memory import PEAK_MEMORY, needs_peak_memory
from support.x_archives import ACCOUNT, FORBIDDEN, NAME, OTHER, SECRET, Post, files_of, note_entry, script, tweet_entry, write_archive
from support.x_archives import write_files as write

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet
from tweetstyle.sources import containers
from tweetstyle.sources.x_archive import read_x_archive, size_of

FOUR = [
    Post("1300000000000000001", "Bonjour <vous> & « toutes »… 👩🏽‍🚀", "2020-09-01T10:00:00Z"),
    Post("1300000000000000002", "@quelquun pas d'accord", "2020-09-01T10:05:00Z", answers="1200000000000000009", to=OTHER),
    Post("1300000000000000003", "et j'ajoute\nceci", "2020-09-01T10:06:00Z", answers="1300000000000000001", to=ACCOUNT),
    Post("1300000000000000004", "regardez https://t.co/abcdefghij", "2021-01-31T23:59:59Z", media=True, link="https://x.com/u/status/12"),
]
EXPECTED = [
    # id, text, date, answers, reply to someone else, media, quote
    ("1300000000000000001", "Bonjour &lt;vous&gt; &amp; « toutes »… 👩🏽‍🚀", "2020-09-01T10:00:00Z", "", False, False, False),
    ("1300000000000000002", "@quelquun pas d'accord", "2020-09-01T10:05:00Z", "1200000000000000009", True, False, False),
    ("1300000000000000003", "et j'ajoute\nceci", "2020-09-01T10:06:00Z", "1300000000000000001", False, False, False),
    ("1300000000000000004", "regardez https://t.co/abcdefghij", "2021-01-31T23:59:59Z", "", False, True, True),
]


def read(path: Path, notices: list[str] | None = None) -> list[SourceTweet]:
    return list(read_x_archive(path, [] if notices is None else notices))


def read_one(tmp_path: Path, **fields) -> SourceTweet:
    """The tweet of an archive with one entry, of which `fields` are replaced (None: left out)."""
    entry = tweet_entry(Post("1300000000000000005", "un texte"))["tweet"] | fields
    entry = {key: value for key, value in entry.items() if value is not None}
    files = files_of([], 2025) | {"data/tweets.js": script("tweets", 0, [{"tweet": entry}])}
    (tweet,) = read(write(tmp_path / "one.zip", files))
    return tweet


def facts(tweet: SourceTweet) -> tuple:
    return tweet.id, tweet.text, tweet.created_at, tweet.reply_to, tweet.is_reply, tweet.has_media, tweet.is_quote


@pytest.mark.parametrize(("name", "top"), [("archive.zip", ""), ("archive", "twitter-2021"), ("archive.zip", "twitter-2021-09-08-abc")])
@pytest.mark.parametrize(("generation", "parts"), [(2019, 1), (2021, 3), (2023, 2), (2025, 1)])
def test_every_generation_gives_the_same_tweets(tmp_path, generation, parts, top, name):
    notices: list[str] = []
    path = write_archive(tmp_path / name, FOUR, generation, parts=parts, top=top)
    assert [facts(tweet) for tweet in read(path, notices)] == EXPECTED
    assert notices == []


@pytest.mark.parametrize("generation", [2019, 2025])
def test_nothing_else_is_opened_and_nothing_else_comes_out(tmp_path, generation):
    path = write_archive(tmp_path / "a", FOUR, generation)
    for name in FORBIDDEN:
        # Whoever opens one of these waits for ever or fails.
        (file,) = path.rglob(name)
        assert SECRET in file.read_text()
        file.unlink()
        file.mkdir()
    assert SECRET not in json.dumps(read(path))


def test_account_js_with_its_email_address_is_left_closed_where_the_manifest_names_the_account(tmp_path):
    path = write_archive(tmp_path / "a", FOUR, 2025)
    (path / "data" / "account.js").write_text("damaged")
    assert [tweet.is_reply for tweet in read(path)] == [False, True, False, False]
    (path / "data" / "manifest.js").unlink()
    with pytest.raises(TweetstyleError, match=r"account\.js"):
        read(path)


def test_where_nothing_names_the_account_its_own_tweets_tell_threads_from_replies(tmp_path):
    path = write_archive(tmp_path / "a", list(reversed(FOUR)), 2019)
    (path / "account.js").unlink()
    assert [tweet.is_reply for tweet in read(path)] == [False, False, True, False]


def test_a_reply_to_oneself_is_known_by_the_number_even_under_an_old_name(tmp_path):
    reply = {"in_reply_to_status_id_str": "7", "in_reply_to_user_id_str": ACCOUNT, "in_reply_to_screen_name": "ancien_nom"}
    assert read_one(tmp_path, **reply)[4:6] == ("7", False)
    assert read_one(tmp_path, in_reply_to_screen_name=NAME.upper()).is_reply is False, "the name alone, in any case"
    assert read_one(tmp_path, in_reply_to_screen_name="quelquun").is_reply is True


@pytest.mark.parametrize(
    ("link", "quote"),
    [
        ("https://twitter.com/quelquun/status/99", True),
        ("https://x.com/quelquun/status/99?s=20", True),
        ("https://twitter.com/i/web/status/1300000000000000005", False),  # the tweet itself, behind its own cut text
        ("https://x.com/quelquun", False),
        ("https://example.org/x.com/quelquun/status/99", False),
        (None, False),
    ],
)
def test_a_quote_is_a_link_to_another_tweet(tmp_path, link, quote):
    assert read_one(tmp_path, entities={"urls": [{"expanded_url": link}]}).is_quote is quote


def test_of_an_edited_post_the_last_version_stays_and_names_the_earlier_ones(tmp_path):
    versions = ("8", "9", "10")
    posts = [Post(one, f"version {one}", versions=versions) for one in ("9", "10", "8")] + [Post("30", "jamais changé")]
    tweets = read(write_archive(tmp_path / "a.zip", posts))
    assert [(tweet.id, tweet.reason, tweet.evidence) for tweet in tweets] == [
        ("30", "", ""),
        ("9", "earlier edit", "10"),
        ("10", "", ""),
        ("8", "earlier edit", "10"),
    ]


def test_a_damaged_character_is_replaced_and_told(tmp_path):
    posts = [Post("1", "demi \ud83d paire"), Post("2", "nul\0"), Post("3", "entière 😀")]
    notices: list[str] = []
    files = files_of([], 2025) | {"data/tweets.js": json_script(posts)}
    path = write(tmp_path / "a.zip", files)
    assert [tweet.text for tweet in read(path, notices)] == ["demi \ufffd paire", "nul\ufffd", "entière 😀"]
    assert notices[-1].startswith("2 texts contain") and notices[-1].endswith("(the first: " + f"{path}: data/tweets.js, entry 1)")


def json_script(posts) -> bytes:
    """Escapes instead of UTF-8, on one line, with a byte order mark and a semicolon: all of it X's or other programs' habits."""
    content = json.dumps([tweet_entry(post) for post in posts]).replace("/", r"\/")
    return f"\ufeffwindow.YTD.tweets.part0={content};\n".encode()


def test_progress_counts_every_byte_once(tmp_path):
    note = Post("9", "long… https://t.co/a", note="long billet")
    for path in (write_archive(tmp_path / "a.zip", [*FOUR, note], parts=2), write_archive(tmp_path / "a", [*FOUR, note], parts=2)):
        counted: list[int] = []
        list(read_x_archive(path, [], counted.append))
        files = files_of([*FOUR, note], 2025, parts=2)
        read_files = ("data/tweets.js", "data/tweets-part1.js", "data/note-tweet.js", "data/community-tweet.js")
        assert sum(counted) == size_of(path) == sum(len(files[name]) for name in read_files)


class TestLongPosts:
    WHOLE = "Ce long billet commence ainsi & dure bien au-delà de la limite."
    CUT = Post("40", "Ce long billet commence ainsi & dure… https://t.co/abc", note=WHOLE)

    def test_the_cut_tweet_gets_its_whole_text(self, tmp_path):
        notices: list[str] = []
        (tweet,) = read(write_archive(tmp_path / "a.zip", [self.CUT]), notices)
        assert (tweet.id, tweet.text, notices) == ("40", self.WHOLE, [])

    def test_mentions_before_the_cut_text_may_be_absent_from_the_whole_one(self, tmp_path):
        (tweet,) = read(write_archive(tmp_path / "a.zip", [replace(self.CUT, text="@a @b " + self.CUT.text)]))
        assert tweet.text == self.WHOLE

    def test_another_second_or_another_beginning_is_another_post(self, tmp_path):
        other = [
            replace(self.CUT, at="2023-02-18T12:33:12Z", note=""),
            replace(self.CUT, id="41", text="Autre chose… https://t.co/abc", note=""),
        ]
        files = files_of(other, 2025) | {"data/note-tweet.js": script("note_tweet", 0, [note_entry(self.CUT)])}
        notices: list[str] = []
        tweets = read(write(tmp_path / "a.zip", files), notices)
        assert [tweet.text for tweet in tweets] == [
            "Ce long billet commence ainsi &amp; dure… https://t.co/abc",
            "Autre chose… https://t.co/abc",
        ]
        assert "1 long post (note-tweet.js) has no tweet in the archive" in notices

    def test_a_short_tweet_of_the_same_second_is_not_taken_for_the_beginning(self, tmp_path):
        tweets = read(write_archive(tmp_path / "a.zip", [Post("39", "Ce long billet"), self.CUT]))
        assert {tweet.id: tweet.text for tweet in tweets} == {"39": "Ce long billet", "40": self.WHOLE}

    @pytest.mark.parametrize(
        "other", [Post("41", CUT.text), Post("41", "Ce long billet… https://t.co/z", note="Ce long billet commence mal")]
    )
    def test_what_fits_two_is_joined_to_neither(self, tmp_path, other):
        notices: list[str] = []
        tweets = read(write_archive(tmp_path / "a.zip", [self.CUT, other]), notices)
        first = {tweet.id: tweet.text for tweet in tweets}["41"]
        assert first.endswith("t.co/abc") or first.endswith("t.co/z")
        assert sum("could belong to several tweets" in notice for notice in notices) == 1

    def test_the_same_tweet_twice_in_the_archive_does_not_make_it_ambiguous(self, tmp_path):
        tweets = read(write_archive(tmp_path / "a.zip", [self.CUT, replace(self.CUT, community=True, note="")]))
        assert [tweet.text for tweet in tweets] == [self.WHOLE, self.WHOLE]


SIX = [Post(str(number), f"texte {number}") for number in range(1, 7)]


def refused(path: Path) -> TweetstyleError:
    with pytest.raises(TweetstyleError) as caught:
        list(read_x_archive(path, []))
    assert caught.value.hint and caught.value.where.startswith(str(path))
    return caught.value


def without(files: dict[str, bytes], *names: str) -> dict[str, bytes]:
    return {key: value for key, value in files.items() if key not in names}


def with_entries(tmp_path, content: bytes, name: str = "tweets.js"):
    return write(tmp_path / "a.zip", files_of([], 2025) | {f"data/{name}": content})


@pytest.mark.parametrize("name", ["a.zip", "a"])
def test_a_part_that_the_manifest_names_and_that_is_missing_is_named(tmp_path, name):
    path = write(tmp_path / name, without(files_of(SIX, 2025, parts=3), "data/tweets-part1.js"))
    assert "names data/tweets-part1.js, which is missing" in refused(path).what


@pytest.mark.parametrize(
    ("generation", "missing"), [(2023, "data/tweets-part1.js"), (2023, "data/tweets.js"), (2021, "data/tweet-part1.js")]
)
def test_without_a_manifest_a_gap_between_the_parts_is_named(tmp_path, generation, missing):
    files = without(files_of(SIX, generation, parts=3), missing, "data/manifest.js")
    error = refused(write(tmp_path / "a.zip", files))
    assert error.where.endswith(missing) and "is missing" in error.what


def test_without_a_manifest_the_parts_are_found_by_name_in_their_order(tmp_path):
    posts = [Post(str(number), "x") for number in range(1, 13)]
    files = without(files_of(posts, 2025, parts=12), "data/manifest.js")
    path = write(tmp_path / "a.zip", dict(sorted(files.items())))
    assert [tweet.id for tweet in read_x_archive(path, [])] == [post.id for post in posts]


def test_a_count_that_does_not_match_is_told(tmp_path):
    notices: list[str] = []
    path = write_archive(tmp_path / "a.zip", SIX, counts={"tweets.js": 77_000})
    assert len(list(read_x_archive(path, notices))) == 6
    assert notices == [f"{path}: data/tweets.js: X's manifest says 77,000 entries, the file has 6: 76,994 are missing"]


def test_a_file_of_tweets_that_the_manifest_does_not_name_is_told(tmp_path):
    notices: list[str] = []
    files = files_of(SIX, 2025) | {"data/tweets-part1.js": script("tweets", 1, [tweet_entry(Post("99", "égaré"))])}
    path = write(tmp_path / "a.zip", files)
    assert len(list(read_x_archive(path, notices))) == 6
    assert notices == [f"tweets-part1.js was not read: {path}: data/manifest.js does not list it"]


def test_an_archive_that_x_divided_is_told(tmp_path):
    files = files_of(SIX, 2025)
    files["data/manifest.js"] = files["data/manifest.js"].replace(b'"isPartialArchive": false', b'"isPartialArchive": true')
    notices: list[str] = []
    list(read_x_archive(write(tmp_path / "a.zip", files), notices))
    assert len(notices) == 1 and "divided" in notices[0]


@pytest.mark.parametrize("named", ["data/deleted-tweets.js", "../tweets.js", "tweets.js\n", None])
def test_a_manifest_that_sends_the_reader_elsewhere_is_refused(tmp_path, named):
    files = files_of(SIX, 2025)
    start, manifest = files["data/manifest.js"].split(b" = ", 1)
    content = json.loads(manifest)
    content["dataTypes"]["tweets"]["files"][0]["fileName"] = named
    error = refused(write(tmp_path / "a.zip", files | {"data/manifest.js": start + b" = " + json.dumps(content).encode()}))
    assert repr(named) in error.what and error.where.endswith("manifest.js")


@pytest.mark.parametrize(
    "manifest",
    [b"", b"window.__THAR_CONFIG = []", b'{"dataTypes": 3}', b"\xff\xfe{", b"{}", b"[" * 100_000, b'{"userInfo": {"accountId": 3}}',
     b'{"dataTypes": {"tweets": {"files": {"a": 1}}}}', b'{"dataTypes": {"tweets": {"files": [3]}}}',
     b'{"dataTypes": {"tweets": {"files": [{"fileName": "data/tweets.js", "count": "-1"}]}}}'],
)  # fmt: skip
def test_a_damaged_manifest_is_one_error(tmp_path, manifest):
    assert refused(write(tmp_path / "a.zip", files_of(SIX, 2025) | {"data/manifest.js": manifest})).where.endswith("manifest.js")


GOOD = {"id_str": "5", "full_text": "x", "created_at": "Sat Feb 18 12:33:11 +0000 2023"}


@pytest.mark.parametrize(
    "change",
    [
        {"id_str": None}, {"id_str": 1.5}, {"id_str": True}, {"id_str": "٣"}, {"full_text": None}, {"full_text": 3}, {"created_at": 7},
        {"created_at": "hier"}, {"created_at": "Sat Feb 31 12:33:11 +0000 2023"}, {"created_at": "0001-01-01T00:00:00+14:00"},
        {"entities": "x"}, {"entities": {"media": "x"}}, {"in_reply_to_status_id": {}}, {"in_reply_to_user_id": "x"},
        {"in_reply_to_screen_name": 3}, {"edit_info": {"initial": [1]}}, {"edit_info": {"initial": {"editTweetIds": [1]}}}, {"tweet": 3},
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_type_is_one_error_with_the_entry(tmp_path, change):
    path = with_entries(tmp_path, script("tweets", 0, [GOOD, GOOD | change]))
    assert refused(path).where == f"{path}: data/tweets.js, entry 2"


@pytest.mark.parametrize("entry", [3, None, [], {}, {"tweet": None}])
def test_an_entry_that_is_no_tweet_is_one_error(tmp_path, entry):
    assert refused(with_entries(tmp_path, script("tweets", 0, [entry]))).where.endswith("entry 1")


@pytest.mark.parametrize("entry", [3, {"noteTweet": {"core": {"text": 1}}}, {"noteTweet": {"core": {"text": "x"}}}])
def test_a_long_post_without_text_or_date_is_one_error(tmp_path, entry):
    files = files_of([Post("1", "x", note="y")], 2025) | {"data/note-tweet.js": script("note_tweet", 0, [entry])}
    path = write(tmp_path / "a.zip", files)
    assert refused(path).where == f"{path}: data/note-tweet.js, entry 1"


ONE = json.dumps(GOOD)


@pytest.mark.parametrize(
    ("content", "what", "where"),
    [
        ("", "no list begins it", "tweets.js"),
        ("window.YTD.tweets.part0 = {}", "no list begins it", "tweets.js"),
        ("window.YTD.deleted_tweets.part0 = []", "'deleted_tweets'", "tweets.js"),
        (f"[{ONE},", "ends before its list", "entry 2"),
        (f"[{ONE},{ONE[:-9]}", "ends before its list", "entry 2"),
        (f"[{ONE},]  {' ' * 20}", "not valid JSON", "entry 2"),
        (f"[{ONE} {ONE}]", "a comma or ] is missing", "entry 1"),
        (f"[{ONE}]; alert(1)", "more follows", "tweets.js"),
        (f"[{ONE}, {'9' * 5000}]", "not valid JSON", "entry 2"),
        (f"[{ONE}, {'[' * 100_000}", "not valid JSON", "entry 2"),
        (f'[{ONE}, "{"x" * 2**22}"]', "longer than 1,048,576 characters", "entry 2"),
    ],
)
def test_what_is_not_a_list_of_json_is_one_error_with_its_place(tmp_path, content, what, where):
    error = refused(with_entries(tmp_path, content.encode()))
    assert what in error.what and error.where.endswith(where)


def test_bytes_that_are_no_utf8_have_their_place_counted_from_one(tmp_path):
    content = _large_script(4_000_000)
    place = 2_500_001
    broken = content[: place - 1] + b"\xff" + content[place:]
    assert refused(with_entries(tmp_path, broken)).where.endswith("data/tweets.js, byte 2,500,001")
    assert refused(with_entries(tmp_path, content[:-4] + "é".encode()[:1])).what == "not valid UTF-8 (0xC3)"


@needs_peak_memory
def test_a_part_of_40_mb_takes_no_more_memory_than_one_of_1_mb(tmp_path):
    peaks = {}
    for megabytes in (1, 40):
        path = with_entries(tmp_path, _large_script(megabytes * 10**6))
        program = (
            PEAK_MEMORY + "import pathlib, sys; from tweetstyle.sources.x_archive import read_x_archive\n"
            "count = sum(1 for _ in read_x_archive(pathlib.Path(sys.argv[1]), []))\n"
            "print(count, peak_memory() // 2**20)"
        )
        done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
        count, peaks[megabytes] = map(int, done.stdout.split())
        assert count == megabytes * 10**6 // 2000
    print(f"peak memory in MiB by size of the part in MB: {peaks}")
    assert peaks[40] < peaks[1] + 30


def _large_script(size: int) -> bytes:
    """`size` bytes in entries of 2,000, the size of X's."""
    entries = []
    for number in range(size // 2000):
        entry = json.dumps(tweet_entry(Post(str(10**18 + number), f"tweet {number * 2654435761 % 2**32:x} "))).encode()
        entries.append(entry[:-1] + b" " * (1999 - len(entry)) + b"}")
    return b"window.YTD.tweets.part0 = [" + b",".join(entries) + b"]"


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_zip_that_is_not_wholly_there_is_one_error(tmp_path, share):
    path = write_archive(tmp_path / "a.zip", SIX)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "not wholly downloaded" in refused(path).hint


def test_a_wrong_checksum_is_an_error_although_the_json_is_whole(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files_of(SIX, 2025).items():
            archive.writestr(name, content)
    path.write_bytes(path.read_bytes().replace(b"texte 3", b"texte 7"))
    assert "CRC" in refused(path).what


def test_an_encrypted_zip_says_what_to_do(tmp_path):
    path = write_archive(tmp_path / "a.zip", SIX)
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            content[start + offset] |= 1
    path.write_bytes(content)
    error = refused(path)
    assert "encrypted" in error.what and "unpack the zip" in error.hint


def test_a_zip_may_be_packed_by_another_method_and_have_names_with_backslashes(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        for name, content in files_of(SIX, 2025).items():
            archive.writestr(name.replace("/", "\\"), content)
    assert len(read(tmp_path / "a.zip")) == 6


def test_a_file_that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = write_archive(tmp_path / "a.zip", SIX)
    monkeypatch.setattr(containers, "LARGEST_FILE", 1_000)
    assert "no archive of tweets is so large" in refused(path).what
