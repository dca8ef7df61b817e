"""The bench of written tweets, with toy shapes: it stands before the tests that import Unsloth, for then it needs no other process."""

from __future__ import annotations

import json

from bench.gpu import generate


def test_tweets_are_written_in_batches(tmp_path):
    generate.main(["--tiny", "--one-process", "--results", str(tmp_path)])
    content = json.loads((tmp_path / "gpu-generate.json").read_text())
    assert [(run["batch"], run["tokens"]) for run in content["runs"]] == [(1, 4), (2, 8)]
    assert all(run["tokens_per_second"] > 0 for run in content["runs"])
