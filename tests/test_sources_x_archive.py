"""X's archive: what each generation of it gives, field by field, and one message with file and entry for whatever is wrong."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.x_archives import ACCOUNT, FORBIDDEN, NAME, OTHER, SECRET, Post, files_of, script, tweet_entry, write_archive
from support.x_archives import write_files as write

from tweetstyle.errors import TweetstyleError
from tweetstyle.records import SourceTweet
from tweetstyle.sources.x_archive import read_x_archive

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


def test_where_nothing_names_the_account_no_reply_is_said_to_be_one_to_somebody_else(tmp_path):
    path = write_archive(tmp_path / "a", FOUR, 2019)
    (path / "account.js").unlink()
    assert [tweet.is_reply for tweet in read(path)] == [False, None, None, False]


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


def test_a_damaged_character_is_replaced(tmp_path):
    posts = [Post("1", "demi \ud83d paire"), Post("2", "nul\0"), Post("3", "entière 😀")]
    path = write(tmp_path / "a.zip", files_of([], 2025) | {"data/tweets.js": json_script(posts)})
    assert [tweet.text for tweet in read(path)] == ["demi \ufffd paire", "nul\ufffd", "entière 😀"]


def json_script(posts) -> bytes:
    """Escapes instead of UTF-8, on one line, with a byte order mark and a semicolon: all of it X's or other programs' habits."""
    content = json.dumps([tweet_entry(post) for post in posts]).replace("/", r"\/")
    return f"\ufeffwindow.YTD.tweets.part0={content};\n".encode()


WHOLE = "Ce long billet commence ainsi & dure bien au-delà de la limite."
CUT = Post("40", "Ce long billet commence ainsi & dure… https://t.co/abc", note=WHOLE)
AS_CUT = "Ce long billet commence ainsi &amp; dure… https://t.co/abc"


@pytest.mark.parametrize(
    ("others", "texts"),
    [
        ([], {"40": WHOLE}),
        ([replace(CUT, id="41", text="@a @b " + CUT.text)], {"40": WHOLE, "41": WHOLE}),  # mentions that the note lacks
        ([replace(CUT, id="41", community=True, note="")], {"40": WHOLE, "41": WHOLE}),
        ([replace(CUT, id="41", at="2023-02-18T12:33:12Z", note="")], {"40": WHOLE, "41": AS_CUT}),
        ([Post("41", "Autre chose… https://t.co/abc")], {"40": WHOLE, "41": "Autre chose… https://t.co/abc"}),
        ([Post("41", "Ce long billet")], {"40": WHOLE, "41": "Ce long billet"}),  # in the same second, and not cut
        # what fits two long posts is joined to neither
        ([Post("41", "Ce long… https://t.co/z", note="Ce long billet commence mal")], {"40": WHOLE, "41": "Ce long… https://t.co/z"}),
    ],
)
def test_a_tweet_that_is_cut_gets_its_whole_text_by_its_second_and_its_beginning(tmp_path, others, texts):
    tweets = read(write_archive(tmp_path / "a.zip", [CUT, *others]))
    assert {tweet.id: tweet.text for tweet in tweets} == texts


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
    assert "names tweets-part1.js, which is missing" in refused(path).what


def test_without_a_manifest_the_parts_are_found_by_name_in_their_order(tmp_path):
    posts = [Post(str(number), "x") for number in range(1, 13)]
    files = without(files_of(posts, 2025, parts=12), "data/manifest.js")
    path = write(tmp_path / "a.zip", dict(sorted(files.items())))
    assert [tweet.id for tweet in read_x_archive(path, [])] == [post.id for post in posts]


def test_a_count_that_does_not_match_is_told(tmp_path):
    notices: list[str] = []
    path = write_archive(tmp_path / "a.zip", SIX, counts={"tweets.js": 77_000})
    assert len(list(read_x_archive(path, notices))) == 6
    assert notices == [f"{path}: data/tweets.js: X's manifest says 77,000 entries, the file has 6: 76,994 missing"]


@pytest.mark.parametrize(
    "manifest",
    [b"", b"window.__THAR_CONFIG = []", b'{"dataTypes": 3}', b"\xff\xfe{", b'{"userInfo": {"accountId": 3}}'],
)  # fmt: skip
def test_a_damaged_manifest_is_one_error(tmp_path, manifest):
    assert refused(write(tmp_path / "a.zip", files_of(SIX, 2025) | {"data/manifest.js": manifest})).where.endswith("manifest.js")


GOOD = {"id_str": "5", "full_text": "x", "created_at": "Sat Feb 18 12:33:11 +0000 2023"}


@pytest.mark.parametrize(
    "change",
    [
        {"id_str": None}, {"id_str": 1.5}, {"id_str": "٣"}, {"full_text": 3}, {"created_at": "hier"}, {"entities": {"media": "x"}},
        {"edit_info": {"initial": {"editTweetIds": [1]}}}, {"tweet": 3},
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_type_is_one_error_with_the_entry(tmp_path, change):
    path = with_entries(tmp_path, script("tweets", 0, [GOOD, GOOD | change]))
    assert refused(path).where == f"{path}: data/tweets.js, #2"


def test_a_long_post_without_a_date_is_one_error(tmp_path):
    files = files_of([Post("1", "x", note="y")], 2025) | {
        "data/note-tweet.js": script("note_tweet", 0, [{"noteTweet": {"core": {"text": "x"}}}])
    }
    path = write(tmp_path / "a.zip", files)
    assert refused(path).where == f"{path}: data/note-tweet.js, #1"


ONE = json.dumps(GOOD)


@pytest.mark.parametrize(
    ("content", "what", "where"),
    [
        ("", "does not begin as X writes it", "tweets.js"),
        ("window.YTD.tweets.part0 = {}", "does not begin as X writes it", "tweets.js"),
        ("window.YTD.deleted_tweets.part0 = []", "does not begin as X writes it: window.YTD.tweets.part0", "tweets.js"),
        (f"[{ONE},", "not valid JSON", "#2"),
        (f"[{ONE},{ONE[:-9]}", "not valid JSON", "#2"),
        (f"[{ONE} {ONE}]", "a comma or the end of the list is missing", "#1"),
        (f"[{ONE}, {'[' * 100_000}", "not valid JSON", "#2"),
    ],
)
def test_what_is_not_a_list_of_json_is_one_error_with_its_place(tmp_path, content, what, where):
    error = refused(with_entries(tmp_path, content.encode()))
    assert what in error.what and error.where.endswith(where)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_zip_that_is_not_wholly_there_is_one_error(tmp_path, share):
    path = write_archive(tmp_path / "a.zip", SIX)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "only partly downloaded" in refused(path).hint
