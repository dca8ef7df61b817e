"""A hostile tweet in report.html, opened in real headless Chromium."""

import pytest
from support.browser import running_browser
from test_report_page import evaluation, files

from tweetstyle.report import write_report

pytestmark = pytest.mark.integration

ADDRESS = "http://127.0.0.1:9/x"
HOSTILE = f"\u202e\"'><script>document.title='ran'</script><img src=\"{ADDRESS}\" onerror=\"document.title='ran'\">"


def test_a_hostile_tweet_neither_runs_nor_requests_anything(tmp_path):
    report = write_report(files(tmp_path, evaluation(text=HOSTILE)), "en")
    # The same tweet unescaped: that it runs and is seen to request something is what makes the report's silence count.
    bare = tmp_path / "bare.html"
    bare.write_text(f"<!DOCTYPE html><title>still</title>{HOSTILE}", encoding="utf-8")
    with running_browser(tmp_path) as browser:
        browser.open(bare)
        browser.until("document.title === 'ran'")
        assert ADDRESS in browser.requests
        browser.open(report)
        assert browser.requests == [report.as_uri()]
        assert browser.evaluate("document.title") == "mine: does it write like you?"
        assert browser.evaluate("document.querySelectorAll('script, img').length") == 0
        assert browser.evaluate("document.querySelector('meta[http-equiv]').httpEquiv") == "Content-Security-Policy"
