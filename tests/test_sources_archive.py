"""Several sources as one archive, recognised by what is in them."""

import gzip
import zipfile

import pytest
from support.x_archives import ACCOUNT, GENERATIONS, Post, write_archive

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources import DUPLICATE_ID, open_archive
from tweetstyle.sources.recognise import files_of

CSV = "id_tweet,texte,date_creation\n1050118621198921728,un,2018-10-10 20:19:24\n17,deux,2018-10-11 00:00:00\n"
JSON = '{"id": "17", "text": "deux encore"}\n{"id": "18", "text": "trois"}\n'
FROM_X = [Post("17", "de X", "2018-10-11T00:00:00Z")]


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(*paths, **settings) -> TweetstyleError:
    with pytest.raises(TweetstyleError) as caught:
        list(open_archive(paths, **settings).tweets())
    assert caught.value.where and caught.value.hint
    return caught.value


def test_of_the_same_tweet_in_two_sources_that_of_x_s_own_archive_is_kept_whatever_the_order(tmp_path):
    own = write_archive(tmp_path / "twitter.zip", [Post("1213456789012345678", "un fil"), Post("1213456789012345679", "suite")])
    copy = put(tmp_path / "copy.csv", "id_tweet,texte\n1213456789012345678,un fil\n1213456789012345679,une autre suite\n")
    for order in ([own, copy], [copy, own]):
        tweets = list(open_archive(order).tweets())
        assert [(t.text, t.reason, t.evidence) for t in tweets[2:]] == [
            ("un fil", DUPLICATE_ID, tweets[0].where),
            ("une autre suite", DUPLICATE_ID, f"{tweets[1].where}, with another text"),
        ]
        assert all("twitter.zip" in tweet.where and not tweet.reason for tweet in tweets[:2])


@pytest.mark.parametrize(
    ("expected", "said"),
    [(None, None), (2, None), (1_003, "X counts 1,003 tweets, 2 were read (each id once): 1,001 missing"), (1, "1 more")],
)
def test_a_count_that_x_says_is_compared(tmp_path, expected, said):
    archive = open_archive([put(tmp_path / "a.csv", CSV + "17,again,2018-10-12\n")], expected_count=expected)
    list(archive.tweets())
    assert len(archive.notices) == (said is not None)
    assert said is None or said in archive.notices[0]


def test_progress_counts_to_the_size(tmp_path):
    x = write_archive(tmp_path / "x.zip", FROM_X)
    packed = zipped(tmp_path / "c.zip", {"tweets.csv": CSV})
    of_text = {"a.csv": CSV.encode("utf-16"), "b.jsonl": JSON, "n.txt": "été\n" * 99_999, "d.json": f"[{','.join(JSON.splitlines())}]"}
    archive = open_archive([x, packed, *(put(tmp_path / name, content) for name, content in of_text.items())])
    counted = []
    list(archive.tweets(counted.append))
    assert sum(counted) == archive.size > 300_000


def test_ids_made_from_names_differ_between_files_of_one_name(tmp_path):
    paths = [put(tmp_path / folder / "notes.txt", "un\n") for folder in ("a", "b")]
    assert [tweet.id for tweet in open_archive(paths).tweets()] == [f"{path}:0000001" for path in paths]
    assert [tweet.id for tweet in open_archive(paths[:1]).tweets()] == ["notes.txt:0000001"]


@pytest.mark.parametrize(("name", "content"), [("tweets.csv", CSV), ("deep/in/it/export.JSONL", JSON), ("mes tweets.txt", "un\ndeux\n")])
def test_the_one_file_of_text_in_a_zip_is_read_as_if_it_were_unpacked(tmp_path, name, content):
    unpacked = put(tmp_path / "unpacked" / name, content)
    packed = zipped(tmp_path / "packed.zip", {f"__MACOSX/{name}": "x", "._tweets.csv": "x", "picture.jpg": "x", name: content})
    expected = list(open_archive([unpacked]).tweets())
    archive = open_archive([packed])
    read = list(archive.tweets())
    assert [tweet[1:3] for tweet in read] == [tweet[1:3] for tweet in expected]
    assert read[0].where.startswith(f"{packed}: {name}:")
    assert archive.kinds[0].kind.endswith(" in a zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed.zip", "unpacked"]


def test_the_tweets_csv_of_x_s_exports_until_2018_is_read_from_its_zip_and_its_folder(tmp_path):
    posts = [
        Post("764321000000000001", "@x oui", "2016-08-13T04:41:41Z", answers="764320000000000001", to="12"),
        Post("764320000000000002", "RT @y: non", "2016-08-13T04:37:43Z"),
    ]
    for name, kind in (("old.zip", "CSV in a zip"), ("old", "CSV")):
        archive = open_archive([write_archive(tmp_path / name, posts, 2017)])
        assert [(tweet.id, tweet.text, tweet.created_at, tweet.reply_to) for tweet in archive.tweets()] == [
            ("764321000000000001", "@x oui", "2016-08-13T04:41:41Z", "764320000000000001"),
            ("764320000000000002", "RT @y: non", "2016-08-13T04:37:43Z", ""),
        ]
        assert archive.kinds[0].kind == kind


def test_a_missing_path_names_the_nearest_at_once(tmp_path):
    put(tmp_path / "tweets.csv", CSV)
    with pytest.raises(TweetstyleError, match=r"twets\.csv: there is no such file\n.*did you mean .*tweets\.csv\?"):
        open_archive([tmp_path / "tweets.csv", tmp_path / "twets.csv"])


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"a.csv": CSV, "b.csv": CSV}, "2 files that could be tweets"),
        ({"picture.jpg": "x"}, "holds no tweets"),
        ({}, "holds no tweets"),
        ({"[Content_Types].xml": "", "xl/workbook.xml": ""}, "Excel"),
        ({"tweets.csv": ""}, "is empty"),
        ({"data/profile.js": "x", "export-info.txt": "x"}, "a part of X's archive"),
        ({"mine/data/ad-impressions.js": "x", "notes.txt": "x"}, "a part of X's archive"),
    ],
)
def test_a_zip_without_one_file_of_tweets_is_refused(tmp_path, members, what):
    assert what in refused(zipped(tmp_path / "t.zip", members)).what


def test_what_is_no_text_of_tweets_is_refused(tmp_path):
    assert "gzip" in refused(put(tmp_path / "a", gzip.compress(CSV.encode()))).what
    assert "web page" in refused(put(tmp_path / "Your archive.html", "<!DOCTYPE html>\n<html>")).what
    assert str(tmp_path / "x") in refused(write_archive(tmp_path / "x", FROM_X) / "data" / "tweets.js").hint
    assert "NUL" in refused(put(tmp_path / "c", bytes(100))).what


def test_a_folder_that_is_no_archive_or_holds_two_is_refused_and_so_is_a_file_that_vanished(tmp_path):
    path = put(tmp_path / "mine.csv", CSV)
    assert str(path) in refused(tmp_path).hint
    archive = open_archive([path])
    path.unlink()
    with pytest.raises(TweetstyleError, match=r"mine\.csv: cannot be read"):
        list(archive.tweets())
    for name in ("a", "b"):
        write_archive(tmp_path / "both" / name, FROM_X)
    assert "holds two archives, in 'a/data/' and 'b/data/'" in refused(tmp_path / "both").what


OF_EVERY_KIND = [
    Post("1492811111111111101", "un début", "2022-02-13T10:00:00Z"),
    Post("1492811111111111202", "la suite", "2022-02-13T10:01:00Z", answers="1492811111111111101", to=ACCOUNT),
    Post("1492811111111111303", "coupé…", "2022-02-13T10:02:00Z", note="coupé, ou plutôt entier"),
    Post("1492811111111111404", "dans une communauté", "2022-02-13T10:03:00Z", community=True),
]


@pytest.mark.parametrize(("generation", "top"), [(g, "") for g in GENERATIONS] + [(g, "twitter-2022-02-14") for g in GENERATIONS[1:]])
def test_the_tweets_of_an_unpacked_archive_depend_on_the_files_that_are_watched_and_on_no_other(tmp_path, generation, top):
    folder = write_archive(tmp_path / "x", OF_EVERY_KIND, generation, parts=2, top=top)
    before = list(open_archive([folder]).tweets())
    watched = files_of(folder)
    others = [path for path in folder.rglob("*") if path.is_file() and path not in watched]
    assert len(before) >= 3 and watched and others
    for path in others:
        path.unlink()
    assert list(open_archive([folder]).tweets()) == before
