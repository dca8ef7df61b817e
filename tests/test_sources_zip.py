"""Archives that are damaged, or made to do harm: one error each, and nothing written anywhere."""

from __future__ import annotations

import json
import os
import stat
import struct
import time
import warnings
import zipfile
from pathlib import Path

import pytest
from support.x_archives import Post, files_of, write_archive

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources import containers as zip_source
from tweetstyle.sources.containers import ZipMembers
from tweetstyle.sources.x_archive import read_x_archive, size_of

POSTS = [
    Post(
        "1300000000000000001",
        "Un premier texte, assez long pour être changé ici et là. 😀",
        versions=("1300000000000000001", "1300000000000000002"),
    ),
    Post("1300000000000000002", "Un deuxième", versions=("1300000000000000001", "1300000000000000002")),
    Post(
        "1300000000000000003", "Un troisième… https://t.co/a", note="Un troisième qui est long", media=True, link="https://x.com/u/status/9"
    ),
    Post("1300000000000000004", "@a un quatrième", answers="1300000000000000001", to="7000001"),
]


def refused(path: Path) -> TweetstyleError:
    with pytest.raises(TweetstyleError) as caught:
        list(read_x_archive(path, []))
    assert caught.value.hint and caught.value.where.startswith(str(path))
    return caught.value


def zip_with(path: Path, *extra: tuple[zipfile.ZipInfo | str, bytes], without: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in files_of(POSTS, 2025).items():
            if name != without:
                archive.writestr(name, content)
        for name, content in extra:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../evil.js", "/etc/passwd", "data/../../evil.js", "..\\evil.js", "C:/evil.js", "\\evil.js", "data/.."])
def test_a_name_that_leads_out_of_the_archive_is_refused(tmp_path, name):
    (tmp_path / "above" / "of").mkdir(parents=True)
    error = refused(zip_with(tmp_path / "above" / "of" / "a.zip", (name, b"x")))
    assert "leads out" in error.what and repr(name) in error.what
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["above", "of", "a.zip"]


def test_names_with_two_dots_within_are_ordinary(tmp_path):
    path = zip_with(tmp_path / "a.zip", ("data/tweets_media/1..2.jpg", b"x"), ("data/..jpg", b"x"))
    assert len(list(read_x_archive(path, []))) == 4


def test_a_zip_whose_names_have_backslashes_is_read(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files_of(POSTS, 2025).items():
            archive.writestr(name.replace("/", "\\"), content)
    assert len(list(read_x_archive(path, []))) == 4


def test_a_name_cut_by_a_nul_is_refused(tmp_path):
    path = zip_with(tmp_path / "a.zip", ("data/tweets_jsX", b"x"))
    path.write_bytes(path.read_bytes().replace(b"data/tweets_jsX", b"data/tweets.js\0"))
    assert "leads out" in refused(path).what


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_a_device_in_the_zip_is_refused(tmp_path, kind):
    info = zipfile.ZipInfo("data/tweets.js")
    info.external_attr = (kind | 0o777) << 16
    error = refused(zip_with(tmp_path / "a.zip", (info, b"/etc/passwd"), without="data/tweets.js"))
    assert "link" in error.what and error.where.endswith("data/tweets.js")


def test_a_file_that_stands_in_the_zip_twice_is_refused(tmp_path):
    assert "twice" in refused(zip_with(tmp_path / "a.zip", ("data/tweets.js", b"window.YTD.tweets.part0 = []"))).what


def test_an_encrypted_file_is_refused(tmp_path):
    path = zip_with(tmp_path / "a.zip")
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            content[start + offset] |= 1
    path.write_bytes(content)
    assert "encrypted" in refused(path).what


def test_a_method_of_packing_that_is_not_x_s_is_refused_and_what_to_do_is_said(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in files_of(POSTS, 2025).items():
            archive.writestr(name, content)
    assert "unpack the zip" in refused(path).hint


def test_a_bomb_is_left_at_its_ratio_long_before_its_end(tmp_path):
    path = zip_with(tmp_path / "a.zip", ("data/tweets.js", b"[" + b" " * 200_000_000), without="data/tweets.js")
    assert path.stat().st_size < 300_000
    started = time.monotonic()
    assert "250 times" in refused(path).what
    assert time.monotonic() - started < 5


def with_size(path: Path, offset: int, size: int) -> Path:
    """Writes another size into the directory's entry of the last file: 20 bytes on the packed one, 24 bytes on the unpacked one."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<L", content, content.rfind(b"PK\x01\x02") + offset, size)
    path.write_bytes(content)
    return path


def test_a_packed_size_beyond_the_zip_s_own_does_not_make_a_bomb_look_small(tmp_path):
    path = zip_with(tmp_path / "a.zip", ("data/tweets.js", b"[" + b" " * 300_000_000), without="data/tweets.js")
    with (
        ZipMembers(with_size(path, 20, 2**31)) as members,
        members.open("data/tweets.js") as stream,
        pytest.raises(TweetstyleError, match="250 times"),
    ):
        while stream.read(2**16):
            pass


def test_a_file_shorter_than_the_directory_says_is_told(tmp_path):
    content = files_of(POSTS, 2025)["data/tweets.js"]
    path = zip_with(tmp_path / "a.zip", ("data/tweets.js", content), without="data/tweets.js")
    assert f"ends after {len(content):,} of {len(content) + 9:,} bytes" in refused(with_size(path, 24, len(content) + 9)).what


def test_all_files_together_have_a_limit(tmp_path, monkeypatch):
    path = write_archive(tmp_path / "a.zip", POSTS, parts=4)
    read_bytes = size_of(path) + len(files_of(POSTS, 2025, parts=4)["data/manifest.js"])
    monkeypatch.setattr(zip_source, "LARGEST_TOTAL", read_bytes)
    assert len(list(read_x_archive(path, []))) == 4
    monkeypatch.setattr(zip_source, "LARGEST_TOTAL", read_bytes - 1)
    assert "unpacks to more than" in refused(path).what


def test_a_wrong_checksum_is_told_although_the_json_is_whole(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files_of(POSTS, 2025).items():
            archive.writestr(name, content)
    path.write_bytes(path.read_bytes().replace("Un deuxième".encode(), "Un douzième".encode()))
    assert "CRC" in refused(path).what


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9, 0.999])
def test_a_zip_that_is_not_wholly_there_is_one_error(tmp_path, share):
    path = write_archive(tmp_path / "a.zip", POSTS)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "not wholly downloaded" in refused(path).hint


def test_a_file_that_is_not_there_is_one_error(tmp_path):
    assert refused(tmp_path / "nowhere.zip")


@pytest.mark.parametrize("name", ["tweets.js", "manifest.js", "account.js"])
def test_a_link_out_of_the_folder_is_refused_and_one_within_is_not(tmp_path, name):
    path = write_archive(tmp_path / "a", POSTS, 2025)
    if name == "account.js":
        (path / "data" / "manifest.js").unlink()
    file = path / "data" / name
    file.rename(path / "data" / "moved.json")
    file.symlink_to("moved.json")
    assert len(list(read_x_archive(path, []))) == 4
    (path / "data" / "moved.json").rename(tmp_path / "outside.json")
    file.unlink()
    file.symlink_to(tmp_path / "outside.json")
    error = refused(path)
    assert "leads out of the archive" in error.what and error.where.endswith(name)


def test_a_folder_data_that_is_a_link_out_is_refused(tmp_path):
    path = write_archive(tmp_path / "a", POSTS, 2025)
    (path / "data").rename(tmp_path / "elsewhere")
    (path / "data").symlink_to(tmp_path / "elsewhere")
    assert "leads out of the archive" in refused(path).what


def test_links_that_lead_nowhere_or_in_circles_and_pipes_are_refused(tmp_path):
    path = write_archive(tmp_path / "a", POSTS, 2025)
    file = path / "data" / "tweets.js"
    file.unlink()
    file.symlink_to("tweets.js")
    assert "leads nowhere" in refused(path).what
    file.unlink()
    os.mkfifo(file)
    assert "is not a file" in refused(path).what


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path):
    path = write_archive(tmp_path / "a", POSTS, 2025, parts=2)
    tweets = read_x_archive(path, [], lambda count: os.utime(path / "data" / "tweets.js", ns=(1, time.time_ns())))
    with pytest.raises(TweetstyleError, match="changed while it was read"):
        list(tweets)


def test_a_member_is_a_stream_like_any_other(tmp_path):
    path = write_archive(tmp_path / "a.zip", POSTS)
    with ZipMembers(path) as members, members.open("data/tweets.js") as stream:
        assert stream.readline() == b"window.YTD.tweets.part0 = [\n"
        assert json.loads(b"[" + stream.read())[0]["tweet"]["id"] == POSTS[0].id
