"""The result of one check: its state, what was seen, what to do."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """warn: the run may go worse than it could; fail: it would end in vain. do: what to do, empty where all is well; where: the
    recipe's key or the file that it concerns."""

    name: str
    state: State
    seen: str
    do: str = ""
    where: str = ""


def ok(name: str, seen: str) -> Check:
    return Check(name, "ok", seen)


def warn(name: str, seen: str, do: str, where: str = "") -> Check:
    return Check(name, "warn", seen, do, where)


def fail(name: str, seen: str, do: str, where: str = "") -> Check:
    return Check(name, "fail", seen, do, where)
