"""What a person sees at a terminal while a large archive is prepared."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from support.small_runs import invented_tweets
from support.terminal import Terminal

BIN = Path(sys.executable).parent
RECIPE = """\
data: {source: tweets.csv, near_duplicate_jaccard: 1, automatic_posts: keep}
prompt: {style: Nimzo}
model: {base: base, method: lora}
"""
TIMES = re.compile(r"elapsed \d+:\d\d:\d\d(, remaining \d+:\d\d:\d\d)?$")
MANY = 60_000
"""Tweets, so that reading and cleaning them takes longer than the two seconds in which no bar is shown."""

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, base_model_dir: Path) -> Path:
    path = tmp_path_factory.mktemp("terminal")
    rows = "".join(f'{tweet.id},"{tweet.text}",2024-01-{1 + n % 28:02d} 10:00:00\n' for n, tweet in enumerate(invented_tweets(MANY)))
    (path / "tweets.csv").write_text("id_tweet,texte,date_creation\n" + rows, encoding="utf-8")
    (path / "mine.yaml").write_text(RECIPE, encoding="utf-8")
    (path / "base").symlink_to(base_model_dir)
    return path


def shown(project: Path, columns: int, *command: str) -> tuple[list[str], str]:
    """The lines of progress, in the order of time, and the screen at the end."""
    terminal = Terminal([str(BIN / command[0]), *command[1:]], os.environ | {"TERM": "xterm"}, columns, project)
    try:
        last = terminal.finish(400)
        assert terminal.process.returncode == 0, last
        bars = [line for screen in terminal.screens for line in screen.splitlines() if "elapsed" in line]
    finally:
        terminal.close()
    assert all(TIMES.search(bar) and len(bar) <= columns for bar in bars), bars
    assert "elapsed" not in last and "Traceback" not in last
    assert max(map(len, last.splitlines())) <= columns
    return bars, last


@pytest.mark.parametrize("columns", [60, 120])
def test_preparing_shows_whole_numbers_and_leaves_no_bar(project: Path, columns: int) -> None:
    bars, last = shown(project, columns, "tweetstyle", "prepare", "mine.yaml", "--force")
    assert any("tweets  elapsed" in bar and "remaining" in bar for bar in bars) and "kept" in last
