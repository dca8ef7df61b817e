"""Two worker processes: the same result as one process, and none of them left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.errors import TweetstyleError
from tweetstyle.prepare import _clear_if_a_worker_dies, prepare
from tweetstyle.prepare import workers as module
from tweetstyle.prepare.subjects import CHUNK, Subjects, merged
from tweetstyle.prepare.topics import learn_archive, topic_of
from tweetstyle.prepare.workers import Here, start_workers
from tweetstyle.prompt.template import SpecialTokens, build_template
from tweetstyle.recipe import Data, Prompt
from tweetstyle.text.words import words_of

PROJECT = Path(__file__).parents[1]
SAMPLE = PROJECT / "data" / "sample" / "tweets.csv"
TEMPLATE = build_template("inst", "Nimzo", SpecialTokens("<s>", "</s>"))
LARGE = 10**9
TEXTS = st.lists(
    st.lists(
        st.sampled_from("l'hiver le chat Montréal #neige un café the cat il pleut . ! Legault NEIGE".split()), min_size=1, max_size=8
    ).map(" ".join),
    max_size=30,
)


def kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_two_processes_write_the_same_bytes_as_one(tmp_path, monkeypatch):
    for name, fewest in (("one", LARGE), ("two", 0)):
        monkeypatch.setattr(module, "FEWEST_BYTES", fewest)
        prepare(Data(source=SAMPLE), Prompt(style="Nimzo"), TEMPLATE, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 8 and files == sorted(path.name for path in (tmp_path / "two").iterdir())
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


@given(first=TEXTS, second=TEXTS)
def test_archives_learned_apart_and_merged_are_the_one_learned_at_once(first, second):
    parts = [learn_archive([words_of(text) for text in texts]) for texts in (first, second)]
    assert merged(parts) == learn_archive([words_of(text) for text in first + second])


def test_the_topics_of_many_chunks_are_those_chosen_one_by_one():
    texts = [f"l'hiver {i} et la neige de Montréal numéro{i % 97}" for i in range(2 * CHUNK + 5)]
    ids = [(place, str(place)) for place in range(len(texts))]
    chosen = Subjects(texts, [Here(), Here()]).choose(range(CHUNK + 3), ids, 0.25, 7)
    archive = learn_archive([words_of(text) for text in texts[: CHUNK + 3]])
    assert chosen == {id: topic_of(id, *words_of(texts[place]), archive, 0.25, 7) for place, id in ids}


def test_a_small_archive_starts_no_process():
    with start_workers(module.FEWEST_BYTES - 1) as small:
        assert [type(worker) for worker in small] == [Here]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_a_worker_that_is_killed_is_one_clear_message():
    with pytest.raises(TweetstyleError, match="ended from outside"), _clear_if_a_worker_dies(), start_workers(LARGE) as two:
        two[0].submit(kill_this_process).result(60)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2 or not Path("/proc").is_dir(), reason="needs two cores and /proc")
def test_a_killed_parent_leaves_no_worker_behind():
    program = (
        "import os, sys, time\nfrom tweetstyle.prepare.workers import start_workers\n"
        "if __name__ == '__main__':\n"
        "    with start_workers(10**9) as two:\n"
        "        print(*[worker.submit(os.getpid).result() for worker in two], flush=True)\n"
        "        time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while alive := [pid for pid in pids if _runs(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
