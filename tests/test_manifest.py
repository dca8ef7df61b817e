"""A stage is current only if its settings, inputs and outputs are what its manifest says."""

from __future__ import annotations

import hashlib

import pytest

from tweetstyle import files
from tweetstyle.files import fingerprint
from tweetstyle.manifest import Manifest, settings_digest, why_stale


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
