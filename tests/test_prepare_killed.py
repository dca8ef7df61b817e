"""prepare, killed at any moment and run again, leaves the same bytes as an uninterrupted run; between the two nothing half-written."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
ROWS = 1_500
KILLS = 2
VERB = [sys.executable, "-c", "from tweetstyle.cli import tweetstyle; tweetstyle()", "prepare", "mine.yaml"]
RECIPE = "data: {source: tweets.csv}\nprompt: {style: Nimzo}\nmodel: {base: base}\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("project")
    maker = "import sys; from pathlib import Path; from synthetic import write_csv; write_csv(Path(sys.argv[1]), int(sys.argv[2]))"
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "bench")}
    subprocess.run([sys.executable, "-c", maker, str(directory / "tweets.csv"), str(ROWS)], check=True, env=environment)
    (directory / "mine.yaml").write_text(RECIPE)
    return directory


def start(project: Path) -> subprocess.Popen:
    return subprocess.Popen(VERB, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def made(project: Path) -> dict[str, bytes]:
    directory = project / "data" / "processed"
    # The manifest holds the time at which it was made.
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "manifest.json"} if directory.is_dir() else {}


def test_a_killed_prepare_leaves_nothing_half_written_and_is_made_good_by_the_next(project: Path) -> None:
    begin = time.monotonic()
    assert start(project).wait(120) == 0
    seconds, whole = time.monotonic() - begin, made(project)
    assert len(whole) == 8 and all(whole.values())
    moments, interrupted = random.Random(11), 0
    for kill in range(KILLS):
        for name in (*whole, "manifest.json"):
            (project / "data" / "processed" / name).unlink(missing_ok=True)
        process = start(project)
        # Half of them over the whole run, half in its last third, where files are written.
        time.sleep(seconds * (moments.uniform(0.1, 1) if kill % 2 else moments.uniform(0.65, 1)))
        process.kill()
        hit = process.wait() != 0
        interrupted += hit
        # The first run may have been the slowest, on a busy machine: a kill that came too late makes the next ones earlier.
        seconds *= 1 if hit else 0.7
        complete = {name: content for name, content in made(project).items() if ".partial" not in name}
        assert all(whole[name] == content for name, content in complete.items())
        assert start(project).wait(120) == 0
        assert made(project) == whole
    assert interrupted >= KILLS // 2
