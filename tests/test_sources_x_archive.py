"""X's archive: what each generation of it gives, field by field."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.x_archives import ACCOUNT, FORBIDDEN, NAME, OTHER, SECRET, Post, files_of, note_entry, script, tweet_entry, write_archive
from support.x_archives import write_files as write

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet
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


@pytest.mark.parametrize(("name", "top"), [("archive.zip", ""), ("archive", ""), ("archive.zip", "twitter-2021-09-08-abc")])
@pytest.mark.parametrize(("generation", "parts"), [(2019, 1), (2021, 1), (2021, 3), (2023, 2), (2025, 1), (2025, 4)])
def test_every_generation_gives_the_same_tweets(tmp_path, generation, parts, top, name):
    notices: list[str] = []
    path = write_archive(tmp_path / name, FOUR, generation, parts=parts, top=top)
    assert [facts(tweet) for tweet in read(path, notices)] == EXPECTED
    assert notices == []


def test_a_folder_around_the_unpacked_archive_does_not_matter(tmp_path):
    assert [facts(tweet) for tweet in read(write_archive(tmp_path / "a", FOUR, 2025, top="twitter-2025"))] == EXPECTED


def test_a_data_folder_named_by_itself_is_read_too(tmp_path):
    write_archive(tmp_path / "archive", FOUR, 2025)
    assert [facts(tweet) for tweet in read(tmp_path / "archive" / "data")] == EXPECTED


def test_the_place_names_file_and_entry(tmp_path):
    zipped, folder = write_archive(tmp_path / "a.zip", FOUR, 2021, parts=2), write_archive(tmp_path / "a", FOUR, 2021, parts=2)
    assert read(zipped)[3].where == f"{zipped}: data/tweet-part1.js, entry 2"
    assert read(folder)[3].where == f"{folder}/data/tweet-part1.js, entry 2"


def test_community_tweets_are_read_after_the_others(tmp_path):
    posts = [Post("5", "dans un groupe", community=True), Post("4", "pour tous")]
    assert [tweet.text for tweet in read(write_archive(tmp_path / "a.zip", posts))] == ["pour tous", "dans un groupe"]


@pytest.mark.parametrize("generation", [2019, 2021, 2023, 2025])
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


def test_a_reply_without_a_number_is_known_by_its_name_in_any_case(tmp_path):
    assert read_one(tmp_path, in_reply_to_screen_name=NAME.upper()).is_reply is False
    assert read_one(tmp_path, in_reply_to_screen_name="quelquun").is_reply is True


def test_a_reply_to_a_user_that_is_gone_is_a_reply_to_another(tmp_path):
    assert read_one(tmp_path, in_reply_to_user_id="-1", in_reply_to_user_id_str="-1").is_reply is True


@pytest.mark.parametrize(
    ("link", "quote"),
    [
        ("https://twitter.com/quelquun/status/99", True),
        ("https://x.com/quelquun/status/99?s=20", True),
        ("http://mobile.twitter.com/i/web/status/99", True),
        ("https://twitter.com/i/web/status/1300000000000000005", False),  # the tweet itself, behind its own cut text
        ("https://x.com/quelquun", False),
        ("https://example.org/x.com/quelquun/status/99", False),
        ("https://notx.com/quelquun/status/99", False),
        (None, False),
    ],
)
def test_a_quote_is_a_link_to_another_tweet(tmp_path, link, quote):
    assert read_one(tmp_path, entities={"urls": [{"expanded_url": link}]}).is_quote is quote


def test_numbers_may_be_numbers_and_the_text_may_be_called_text(tmp_path):
    tweet = read_one(tmp_path, id=1300000000000000005, id_str=None, full_text=None, text="ancien\r\ntexte")
    assert facts(tweet)[:2] == ("1300000000000000005", "ancien\ntexte")


def test_a_date_in_another_zone_or_in_iso_becomes_utc(tmp_path):
    assert read_one(tmp_path, created_at="Sat Feb 18 23:33:11 -0500 2023").created_at == "2023-02-19T04:33:11Z"
    assert read_one(tmp_path, created_at="2023-02-18T12:33:11.987Z").created_at == "2023-02-18T12:33:11Z"


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


def test_an_edit_whose_later_version_is_not_there_stays(tmp_path):
    posts = [Post("20", "un", versions=("20", "21", "22")), Post("21", "deux", versions=("20", "21"))]
    tweets = read(write_archive(tmp_path / "a.zip", posts))
    assert [(tweet.id, tweet.evidence) for tweet in tweets] == [("20", "21"), ("21", "")]
    (alone,) = read(write_archive(tmp_path / "b.zip", posts[:1]))
    assert alone.reason == ""


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
