"""report.html: what was measured of a run, on one page that opens offline."""

from __future__ import annotations

from pathlib import Path

from tweetstyle.files import complete_file
from tweetstyle.report.files import RunFiles, State, read_run
from tweetstyle.report.page import run_report
from tweetstyle.wording.verdict import verdict

__all__ = ["RunFiles", "State", "read_run", "run_report", "verdict", "write_report"]

REPORT = "report.html"


def write_report(run: RunFiles, language: str, state: State | None = None) -> Path:
    """Writes model/<run>/report.html, complete or not at all, and returns its path.

    Args:
        language: "en" or "fr".
        state: the stage at work, or the one in which the run ended with an error.

    Raises:
        TweetstyleError: where there is no room or no right to write.
    """
    path, page = run.run / REPORT, run_report(run, language, state)
    if path.is_file() and path.read_text(encoding="utf-8") == page:
        return path  # nothing has changed
    with complete_file(path) as stream:
        stream.write(page)
    return path
