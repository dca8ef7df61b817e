"""A program at a pseudo-terminal, and the text that a person would see on its screen."""

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROWS, COLUMNS = 50, 4000
"""So wide that nothing is wrapped: a wrapped answer could not be compared with the one over HTTP."""
_CONTROL = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])")


def screens(output: str, columns: int = COLUMNS) -> list[str]:
    """What a terminal of so many columns shows each time before something on it is erased, and at the end.

    Carries out the control codes that a line editor, a spinner and a progress bar use: cursor up, left and to a column, erase in a
    line. A line that is too long goes on in the next. One cell a code point: exact as long as no cursor movement crosses a wide character.
    """
    shown: list[str] = []
    lines: list[list[str]] = [[]]
    row = column = index = 0
    while index < len(output):
        if match := _CONTROL.match(output, index):
            number, code = match.groups()
            index = match.end()
            if code == "K":
                shown.append(_text(lines))
                lines[row] = [] if number == "2" else lines[row][:column]
            elif code == "G":
                column = int(number or 1) - 1
            elif code == "D":
                column = max(0, column - int(number or 1))
            elif code == "A":
                row = max(0, row - int(number or 1))
            continue
        character = output[index]
        index += 1
        if character == "\r":
            column = 0
            continue
        if character == "\n" or column == columns:
            row, column = row + 1, 0
            lines += [[]] * (row == len(lines))
            lines[row] = lines[row] if character == "\n" else []
        if character != "\n":
            lines[row] += " " * (column - len(lines[row]))
            lines[row][column : column + 1] = [character]
            column += 1
    return [*shown, _text(lines)]


def _text(lines: list[list[str]]) -> str:
    return "\n".join("".join(line).rstrip() for line in lines)


class Terminal:
    """A program whose standard streams are a terminal of its own."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], columns: int = COLUMNS, directory: Path | None = None) -> None:
        self._end, inner = pty.openpty()
        self._columns = columns
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        # A worker of pytest-xdist has COLUMNS, which a program would believe before the terminal.
        environment = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        options = {"env": environment, "cwd": directory, "start_new_session": True, "close_fds": True}
        self.process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, **options)
        os.close(inner)
        self._output = b""

    def type(self, line: str) -> None:
        """A line and the return key."""
        os.write(self._end, line.encode() + b"\r")

    def wait_for(self, text: str, count: int, timeout: float) -> None:
        """Reads until `text` was printed `count` times since the start; TimeoutError with the screen after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self._output.count(text.encode()) < count:
            self._read(deadline, f"{text!r} was not shown {count} times within {timeout:.0f} s")

    def interrupt(self, timeout: float) -> str:
        """Ctrl-C at a question; the whole screen's text.

        It is sent again where it came before the program read (Python lets that one pass), but not once the program has said
        something: a second one would end Python on its way out.
        """
        deadline = time.monotonic() + timeout
        with suppress(EOFError):
            self._read_what_is_there(0.5)
            shown = len(self._output)
            while self.process.poll() is None and len(self._output) == shown and time.monotonic() < deadline:
                self.process.send_signal(signal.SIGINT)
                self._read_what_is_there(1)
        return self.finish(deadline - time.monotonic())

    def _read_what_is_there(self, seconds: float) -> None:
        """Reads until the program has said nothing for so long."""
        while select.select([self._end], [], [], seconds)[0]:
            self._read(time.monotonic() + seconds, "")

    def finish(self, timeout: float) -> str:
        """Reads until the program has ended; the whole screen's text."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                self._read(deadline, f"the program did not end within {timeout:.0f} s")
        except EOFError:
            self.process.wait(timeout=5)
        return self.screen

    @property
    def output(self) -> str:
        """All that was written, with its control codes."""
        return self._output.decode("utf-8", "replace")

    @property
    def screen(self) -> str:
        """Everything shown so far, as one long page."""
        return self.screens[-1]

    @property
    def screens(self) -> list[str]:
        """The same at every moment before something was erased, and now."""
        return screens(self.output, self._columns)

    def close(self) -> None:
        """Ends the program if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._end)

    def _read(self, deadline: float, complaint: str) -> None:
        ready, _, _ = select.select([self._end], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError(f"{complaint}; the screen:\n{self.screen}")
        try:
            piece = os.read(self._end, 65536)
        except OSError as error:  # Linux's way to say that the other end is closed
            if error.errno != errno.EIO:
                raise
            piece = b""
        if not piece:
            raise EOFError(f"the program ended; the screen:\n{self.screen}")
        self._output += piece
