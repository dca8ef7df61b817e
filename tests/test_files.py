"""Outputs stand complete or not at all."""

from __future__ import annotations

import errno
import os

import pytest

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_directory, complete_file


def test_a_file_appears_only_when_its_block_ends(tmp_path):
    path = tmp_path / "deep" / "out.txt"
    with complete_file(path) as stream:
        stream.write("é\n")
        assert not path.exists()
    assert path.read_bytes() == "é\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["out.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), complete_file(path) as stream:
        stream.write("new")
        1 / 0  # noqa: B018
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


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
    ("number", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "no right to write"), (errno.EROFS, "no right to write")]
)
def test_a_full_disk_or_a_read_only_place_is_one_clear_message(tmp_path, number, words):
    with pytest.raises(TweetstyleError, match=words), complete_file(tmp_path / "out.txt"):
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []
