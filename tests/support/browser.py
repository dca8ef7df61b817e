"""The real Chromium, headless, driven over its DevTools websocket: what a person would see, click and type."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--headless=new", "--remote-debugging-port=0", "--no-first-run", "--no-default-browser-check", "--disable-gpu", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--mute-audio",
    "--hide-scrollbars",
]  # fmt: skip
PATIENCE = 60.0
"""Seconds, for a machine that has other work."""
KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "1": 49, "2": 50}


def browser_program() -> str:
    """The browser's path. Without one the test skips and says why; where CI=true that is a failure."""
    if found := next(filter(None, map(shutil.which, NAMES)), None):
        return found
    reason = f"no browser: none of {', '.join(NAMES)} is installed"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@contextmanager
def running_browser(room: Path) -> Iterator["Browser"]:
    """A browser with a profile of its own in the directory `room`, ended at the end with all its processes."""
    profile = room / "profile"
    command = [browser_program(), *QUIET, f"--user-data-dir={profile}"]
    if os.geteuid() == 0:
        command.append("--no-sandbox")
    with (room / "browser.log").open("wb") as log:
        process = subprocess.Popen([*command, "about:blank"], stdout=log, stderr=log, start_new_session=True)
    browser = None
    try:
        browser = Browser(_address(profile / "DevToolsActivePort", process, room / "browser.log"), room)
        yield browser
    finally:
        if browser:
            browser.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _address(port_file: Path, process: subprocess.Popen, log: Path) -> str:
    """The websocket that the browser itself names in its profile once it listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        if port_file.is_file() and len(lines := port_file.read_text().splitlines()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    pytest.fail(f"the browser did not start: {log.read_text(errors='replace')[-2000:]}", pytrace=False)


class Browser:
    """One tab, used again for each page. events: what DevTools has told since the last `open`, as (method, parameters)."""

    def __init__(self, address: str, room: Path) -> None:
        self.downloads = room / "downloads"
        self.downloads.mkdir()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._number = 0
        self._loop = asyncio.new_event_loop()
        self._tab: str | None = None
        self._run(self._connect(address))
        self.send("Browser.setDownloadBehavior", behavior="allowAndName", downloadPath=str(self.downloads), eventsEnabled=True)
        target = next(t for t in self.send("Target.getTargets")["targetInfos"] if t["type"] == "page")["targetId"]
        self._tab = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    async def _connect(self, address: str) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(address, max_msg_size=0)

    def close(self) -> None:
        self._tab = None
        with suppress(ConnectionError, aiohttp.ClientError):
            self.send("Browser.close")
        self._run(self._session.close())
        self._loop.close()

    def _run(self, task):
        return self._loop.run_until_complete(asyncio.wait_for(task, PATIENCE))

    def send(self, method: str, **parameters) -> dict[str, Any]:
        """A DevTools command and its answer; what comes in between is kept in `events`."""
        return self._run(self._send(method, parameters))

    async def _send(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        session = {"sessionId": self._tab} if self._tab else {}
        await self._socket.send_str(json.dumps({"id": self._number, "method": method, "params": parameters, **session}))
        while True:
            message = await self._socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise ConnectionError(f"the browser has gone at {method}")
            told = json.loads(message.data)
            if "method" in told:
                self.events.append((told["method"], told["params"]))
            elif told["id"] == self._number:
                if "error" in told:
                    raise ValueError(f"{method}: {told['error']['message']}")
                return told["result"]

    # -- what a person does -------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Opens a file as by a double click, and waits until it is loaded."""
        self.send("Page.navigate", url="about:blank")
        self.until("location.href === 'about:blank'")
        self.events.clear()
        self.send("Page.navigate", url=path.as_uri())
        self.until("location.protocol === 'file:' && document.readyState === 'complete'")

    def click(self, selector: str, times: int = 1) -> None:
        """With the mouse, in the middle of the element, which is scrolled into view; `times`: 2 is a double click."""
        x, y = self.evaluate(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)}); element.scrollIntoView({{block: 'center'}});"
            " const box = element.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for click in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=click)

    def press(self, key: str) -> None:
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            more = text if kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key], **more)

    # -- what a person, or a careful one, sees --------------------------------------------------------------

    def evaluate(self, expression: str) -> Any:
        """The expression's value in the page, as JSON carries it; the page's own policy does not bind DevTools."""
        told = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in told:
            raise ValueError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def until(self, expression: str) -> None:
        end = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            if time.monotonic() > end:
                raise TimeoutError(expression)
            time.sleep(0.02)

    def text(self, selector: str = "body") -> str:
        """What is shown, as it would be copied."""
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    @property
    def requests(self) -> list[str]:
        """Addresses asked for since `open`."""
        return [told["request"]["url"] for method, told in self.events if method == "Network.requestWillBeSent"]

    @property
    def complaints(self) -> list[str]:
        """Errors and breaches of the page's policy since `open`."""
        thrown = [told["exceptionDetails"]["text"] for method, told in self.events if method == "Runtime.exceptionThrown"]
        return thrown + [
            told["entry"]["text"] for method, told in self.events if method == "Log.entryAdded" and told["entry"]["level"] == "error"
        ]

    def downloaded(self, selector: str) -> Path:
        """Clicks what downloads, waits for it to be complete, and gives the file."""
        earlier = len(self.events)
        self.click(selector)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.evaluate("0")
            told = self.events[earlier:]
            begun = {parameters["guid"] for method, parameters in told if method == "Browser.downloadWillBegin"}
            done = {p["guid"] for method, p in told if method == "Browser.downloadProgress" and p["state"] == "completed"}
            if begun & done:
                return self.downloads / (begun & done).pop()
            time.sleep(0.02)
        raise TimeoutError(f"no download from {selector}")
