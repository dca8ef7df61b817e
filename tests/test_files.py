"""Outputs are complete or absent, and a stage is up to date only if they are what its manifest says."""

import errno
import hashlib
import os

import pytest

from tweetstyle import files
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_directory, complete_file, fingerprint
from tweetstyle.manifest import Manifest, settings_digest, why_stale


def test_a_file_appears_only_when_its_block_ends_without_an_error(tmp_path):
    path = tmp_path / "deep" / "out.txt"
    with complete_file(path) as stream:
        stream.write("é\n")
        assert not path.exists()
    with pytest.raises(ZeroDivisionError), complete_file(path) as stream:
        stream.write("new")
        1 / 0  # noqa: B018
    assert path.read_bytes() == "é\n".encode() and list(path.parent.iterdir()) == [path]


def test_a_directory_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out"
    with complete_directory(path) as directory:
        (directory / "a").write_text("1")
    with pytest.raises(ZeroDivisionError), complete_directory(path) as directory:
        (directory / "b").write_text("2")
        1 / 0  # noqa: B018
    assert [p.name for p in path.iterdir()] == ["a"] and list(tmp_path.iterdir()) == [path]
    with complete_directory(path) as directory:
        (directory / "b").write_text("2")
    assert [p.name for p in path.iterdir()] == ["b"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "no right to write"),
        (errno.EROFS, "no right to write"),
        (errno.EFBIG, "no file may be this large"),
    ],
)
def test_a_full_disk_or_a_read_only_place_is_one_clear_message(tmp_path, number, words):
    with pytest.raises(TweetstyleError, match=words), complete_file(tmp_path / "out.txt"):
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def stage(tmp_path):
    (tmp_path / "out.txt").write_text("result")
    path = tmp_path / "manifest.json"
    Manifest("fit", {"training": {"seed": 1}}, {"in": "1"}, {"out.txt": fingerprint(tmp_path / "out.txt")}).write(path)
    return path


def test_a_changed_or_missing_output_is_named(stage):
    out = stage.parent / "out.txt"
    out.write_text("other")
    assert why_stale(stage, "fit", {"training": {"seed": 1}}, {"in": "1"}) == f"changed output: {out}"
    out.unlink()
    assert why_stale(stage, "fit", {"training": {"seed": 1}}, {"in": "1"}) == f"missing output: {out}"


def test_a_fingerprint_is_the_sha256_of_size_and_bytes(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    assert fingerprint(path) == hashlib.sha256(b"3abc").hexdigest()


def test_a_large_file_is_sampled_from_its_first_byte_to_its_last(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "WHOLE_FILE_LIMIT", 1000)
    monkeypatch.setattr(files, "BLOCK", 10)
    path = tmp_path / "f"
    content = bytearray(i % 251 for i in range(5000))
    path.write_bytes(content)
    whole = fingerprint(path)
    for place in (0, 4999):
        content[place] ^= 1
        path.write_bytes(content)
        assert fingerprint(path) != whole
        content[place] ^= 1
    path.write_bytes(content[:-1])
    assert fingerprint(path) != whole


def test_the_order_of_settings_does_not_matter():
    assert settings_digest({"a": 1, "b": [2]}) == settings_digest({"b": [2], "a": 1}) != settings_digest({"a": 1, "b": [3]})
