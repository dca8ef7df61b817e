"""X's archive: no part is lost in silence, and whatever is wrong is one message that names file and entry."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support.peak_memory import PEAK_MEMORY, needs_peak_memory
from support.x_archives import Post, files_of, script, tweet_entry, write_archive, write_files

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources import json_stream, x_archive, x_notes
from tweetstyle.sources.x_archive import read_x_archive

SIX = [Post(str(number), f"texte {number}") for number in range(1, 7)]


def refused(path) -> TweetstyleError:
    with pytest.raises(TweetstyleError) as caught:
        list(read_x_archive(path, []))
    assert caught.value.hint and caught.value.where.startswith(str(path))
    return caught.value


def with_entries(tmp_path, content: bytes, name: str = "tweets.js"):
    return write_files(tmp_path / "a.zip", files_of([], 2025) | {f"data/{name}": content})


def without(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {key: value for key, value in files.items() if key != name}


@pytest.mark.parametrize("name", ["a.zip", "a"])
def test_a_part_that_the_manifest_names_and_that_is_missing_is_named(tmp_path, name):
    path = write_files(tmp_path / name, without(files_of(SIX, 2025, parts=3), "data/tweets-part1.js"))
    assert "names data/tweets-part1.js, which is missing" in refused(path).what


@pytest.mark.parametrize(
    ("generation", "missing"), [(2023, "data/tweets-part1.js"), (2023, "data/tweets.js"), (2021, "data/tweet-part1.js")]
)
def test_without_a_manifest_a_gap_between_the_parts_is_named(tmp_path, generation, missing):
    files = without(without(files_of(SIX, generation, parts=3), missing), "data/manifest.js")
    error = refused(write_files(tmp_path / "a.zip", files))
    assert error.where.endswith(missing) and "is missing" in error.what


def test_without_a_manifest_the_parts_are_found_by_name_in_their_order(tmp_path):
    posts = [Post(str(number), "x") for number in range(1, 13)]
    files = without(files_of(posts, 2025, parts=12), "data/manifest.js")
    path = write_files(tmp_path / "a.zip", dict(sorted(files.items())))
    assert [tweet.id for tweet in read_x_archive(path, [])] == [post.id for post in posts]


def test_a_count_that_does_not_match_is_told(tmp_path):
    notices: list[str] = []
    path = write_archive(tmp_path / "a.zip", SIX, counts={"tweets.js": 77_000})
    assert len(list(read_x_archive(path, notices))) == 6
    assert notices == [f"{path}: data/tweets.js: X's manifest says 77,000 entries, the file has 6: 76,994 are missing"]


def test_a_file_of_tweets_that_the_manifest_does_not_name_is_told(tmp_path):
    notices: list[str] = []
    files = files_of(SIX, 2025) | {"data/tweets-part1.js": script("tweets", 1, [tweet_entry(Post("99", "égaré"))])}
    path = write_files(tmp_path / "a.zip", files)
    assert len(list(read_x_archive(path, notices))) == 6
    assert notices == [f"tweets-part1.js was not read: {path}: data/manifest.js does not list it"]


def test_an_archive_that_x_divided_is_told(tmp_path):
    files = files_of(SIX, 2025)
    files["data/manifest.js"] = files["data/manifest.js"].replace(b'"isPartialArchive": false', b'"isPartialArchive": true')
    notices: list[str] = []
    list(read_x_archive(write_files(tmp_path / "a.zip", files), notices))
    assert len(notices) == 1 and "divided" in notices[0]


def test_an_empty_file_of_long_posts_may_be_absent(tmp_path):
    path = write_files(tmp_path / "a.zip", without(files_of(SIX, 2025), "data/note-tweet.js"))
    assert len(list(read_x_archive(path, []))) == 6


@pytest.mark.parametrize(
    "named",
    ["data/deleted-tweets.js", "data/direct-messages.js", "../tweets.js", "/etc/passwd", "data/../../tweets.js", "tweets.js\n", None, 3],
)
def test_a_manifest_that_sends_the_reader_elsewhere_is_refused(tmp_path, named):
    files = files_of(SIX, 2025)
    start, manifest = files["data/manifest.js"].split(b" = ", 1)
    content = json.loads(manifest)
    content["dataTypes"]["tweets"]["files"][0]["fileName"] = named
    error = refused(write_files(tmp_path / "a.zip", files | {"data/manifest.js": start + b" = " + json.dumps(content).encode()}))
    assert repr(named) in error.what and error.where.endswith("manifest.js")


@pytest.mark.parametrize(
    "manifest",
    [b"", b"window.__THAR_CONFIG = ", b"window.__THAR_CONFIG = []", b'{"dataTypes": 3}', b"\xff\xfe{", b"{}",
     b'{"dataTypes": {"tweets": []}}',
     b'{"dataTypes": {"tweets": {"files": {"a": 1}}}}', b'{"dataTypes": {"tweets": {"files": [3]}}}', b'{"userInfo": {"accountId": 3}}',
     b"[" * 100_000, b'{"a":' * 100_000, b'{"dataTypes": {"tweets": {"files": [{"fileName": "data/tweets.js", "count": "-1"}]}}}'],
)  # fmt: skip
def test_a_damaged_manifest_is_one_error(tmp_path, manifest):
    assert refused(write_files(tmp_path / "a.zip", files_of(SIX, 2025) | {"data/manifest.js": manifest})).where.endswith("manifest.js")


def test_deleted_tweets_under_the_name_of_tweets_are_refused(tmp_path):
    error = refused(with_entries(tmp_path, script("deleted_tweets", 0, [tweet_entry(Post("1", "effacé"))])))
    assert "'deleted_tweets'" in error.what


GOOD = {"id_str": "5", "full_text": "x", "created_at": "Sat Feb 18 12:33:11 +0000 2023"}


@pytest.mark.parametrize(
    "change",
    [
        {"id_str": None}, {"id_str": 1.5}, {"id_str": True}, {"id_str": "abc"}, {"id_str": "٣"}, {"id_str": "1" * 30}, {"id_str": ["5"]},
        {"full_text": None}, {"full_text": 3}, {"full_text": ["x"]}, {"created_at": None}, {"created_at": 7}, {"created_at": "hier"},
        {"created_at": "Sat Xyz 18 12:33:11 +0000 2023"}, {"created_at": "Sat Feb 31 12:33:11 +0000 2023"}, {"entities": "x"},
        {"created_at": "0001-01-01T00:00:00+14:00"}, {"entities": {"media": "x"}}, {"entities": {"urls": {}, "media": 1}},
        {"extended_entities": [1]}, {"in_reply_to_status_id": {}}, {"in_reply_to_user_id": "x"}, {"in_reply_to_screen_name": 3},
        {"edit_info": 3}, {"edit_info": {"initial": [1]}}, {"edit_info": {"initial": {"editTweetIds": "12"}}},
        {"edit_info": {"initial": {"editTweetIds": [1]}}}, {"edit_info": {"edit": {"initialTweetId": 1}}}, {"tweet": 3},
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_type_is_one_error_with_the_entry(tmp_path, change):
    path = with_entries(tmp_path, script("tweets", 0, [GOOD, GOOD | change]))
    assert refused(path).where == f"{path}: data/tweets.js, entry 2"


@pytest.mark.parametrize("entry", [3, None, "x", [], {}, {"tweet": None}])
def test_an_entry_that_is_no_tweet_is_one_error(tmp_path, entry):
    assert refused(with_entries(tmp_path, script("tweets", 0, [entry]))).where.endswith("entry 1")


@pytest.mark.parametrize(
    "entry", [3, {}, {"noteTweet": {"core": {"text": 1}}}, {"noteTweet": {"core": []}}, {"noteTweet": {"core": {"text": "x"}}}]
)
def test_a_long_post_without_text_or_date_is_one_error(tmp_path, entry):
    files = files_of([Post("1", "x", note="y")], 2025) | {"data/note-tweet.js": script("note_tweet", 0, [entry])}
    path = write_files(tmp_path / "a.zip", files)
    assert refused(path).where == f"{path}: data/note-tweet.js, entry 1"


ONE = json.dumps(GOOD)


@pytest.mark.parametrize(
    ("content", "what", "where"),
    [
        ("", "no list begins it", "tweets.js"),
        ("window.YTD.tweets.part0 = {}", "no list begins it", "tweets.js"),
        ("alert(1); [", "no list begins it", "tweets.js"),
        (f"[{ONE}", "ends before its list", "entry 1"),
        (f"[{ONE},", "ends before its list", "entry 2"),
        (f"[{ONE},{ONE[:-9]}", "ends before its list", "entry 2"),
        (f"[{ONE},]", "not valid JSON in line 1", "entry 2"),
        (f"[{ONE} {ONE}]", "a comma or ] is missing", "entry 1"),
        (f"[{ONE},\n\n{{'id': 1}}]", "not valid JSON in line 3", "entry 2"),
        (f"[{ONE}]; alert(1)", "more follows", "tweets.js"),
        (f"[{ONE}, {'9' * 5000}]", "thousands of digits", "entry 2"),
        (f"[{ONE}, {'[' * 100_000}{']' * 100_000}]", "nested too deeply", "entry 2"),
        (f"[{ONE}, {'[' * 100_000}", "nested too deeply", "entry 2"),
        (f"[{ONE}, \0]", "not valid JSON", "entry 2"),
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


def test_a_character_cut_in_two_by_the_border_does_not_shift_the_place(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "_CHUNK", 5)
    assert refused(with_entries(tmp_path, b"[ 1,\xc3(")).where.endswith("data/tweets.js, byte 5")


def test_lines_are_counted_beyond_what_is_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "_CHUNK", 100)
    monkeypatch.setattr(json_stream, "LONGEST_ENTRY", 200)
    content = "[\n" + f"{ONE},\n" * 50 + '{"id_str": oui}]'
    error = refused(with_entries(tmp_path, content.encode()))
    assert "in line 52" in error.what and error.where.endswith("entry 51")


def test_an_entry_that_is_too_long_is_called_so_wherever_the_border_cuts_it(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "_CHUNK", 1)
    content = '["' + r"\u00e9\n" * 1000 + '"]'
    for longest in range(100, 108):
        monkeypatch.setattr(json_stream, "LONGEST_ENTRY", longest)
        assert f"longer than {longest}" in refused(with_entries(tmp_path, content.encode())).what


def test_too_many_posts_that_must_wait_in_memory_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(x_archive, "MOST_HELD", 2)
    monkeypatch.setattr(x_notes, "LARGEST_NOTES", 1000)
    edited = [Post(str(number), "x", versions=("1", "2", "3")) for number in (1, 2, 3)]
    assert "more than 2 edited" in refused(write_archive(tmp_path / "a.zip", edited)).what
    assert "more than 1,000 characters" in refused(write_archive(tmp_path / "b.zip", [Post("1", "x", note="y" * 900)])).what


def test_an_entry_may_lie_across_the_borders_of_what_is_in_memory(tmp_path, monkeypatch):
    posts = [Post(str(number), f"« {'é😀' * (number % 7)} »") for number in range(1, 300)]
    content = script("tweets", 0, [tweet_entry(post) for post in posts])
    for size in (3, 64, 1021):
        monkeypatch.setattr(json_stream, "_CHUNK", size)
        monkeypatch.setattr(json_stream, "LONGEST_ENTRY", 1500)
        tweets = list(read_x_archive(with_entries(tmp_path, content), []))
        assert [tweet.text for tweet in tweets] == [post.text for post in posts]


@needs_peak_memory
def test_a_part_of_100_mb_takes_no_more_memory_than_one_of_1_mb(tmp_path):
    peaks = {}
    for megabytes in (1, 100):
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
    assert peaks[100] < peaks[1] + 30


def _large_script(size: int) -> bytes:
    """`size` bytes in entries of 2,000, the size of X's."""
    entries = []
    for number in range(size // 2000):
        entry = json.dumps(tweet_entry(Post(str(10**18 + number), f"tweet {number * 2654435761 % 2**32:x} "))).encode()
        entries.append(entry[:-1] + b" " * (1999 - len(entry)) + b"}")
    return b"window.YTD.tweets.part0 = [" + b",".join(entries) + b"]"
