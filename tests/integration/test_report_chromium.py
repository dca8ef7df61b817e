"""A hostile tweet in report.html, opened in real headless Chromium."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from support.browser import browser_program
from test_report_page import evaluation, files

from tweetstyle.report import write_report


def test_a_hostile_tweet_neither_runs_nor_asks_for_anything(tmp_path):
    asked = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    server = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    text = f"\u202e\"'><script>document.title='ran'</script><img src=\"{address}/x\" onerror=\"document.title='ran'\">"
    path = write_report(files(tmp_path, evaluation(text=text)), "en")
    # The same tweet unescaped: that the listener hears of it is what makes its silence count.
    bare = tmp_path / "bare.html"
    bare.write_text(f"<!DOCTYPE html><title>still</title>{text}", encoding="utf-8")
    try:
        seen, control = (_dom(page, tmp_path / "profile") for page in (path, bare))
    finally:
        server.shutdown()
    assert "<title>ran</title>" in control
    assert asked == ["/x"]
    assert "<title>mine: does it write like you?</title>" in seen
    assert "<script" not in seen
    assert "<img" not in seen
    assert "Content-Security-Policy" in seen


def _dom(page, profile) -> str:
    command = [
        browser_program(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=3000",
        "--dump-dom",
    ]
    return subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True).stdout
