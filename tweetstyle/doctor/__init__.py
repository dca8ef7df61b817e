"""Checks whether this machine and its packages can do what a recipe needs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tweetstyle.doctor.base import check_base
from tweetstyle.doctor.card import check_card, installed_torch, xformers_cuda
from tweetstyle.doctor.compiler import check_compiler, compile_empty_extension, this_python
from tweetstyle.doctor.machine import check_machine, check_network, observe_machine
from tweetstyle.doctor.ollama import check_ollama, observe_ollama
from tweetstyle.doctor.versions import check_versions, observe_versions
from tweetstyle.hardware.check import Check, fail, ok, warn
from tweetstyle.hardware.gpu import observe_card
from tweetstyle.plan.requirements import RunRequirements

__all__ = ["Asked", "Check", "Room", "doctor", "fail", "ok", "warn"]


def doctor(asked: RunRequirements | None, directories: Iterable[Path]) -> list[Check]:
    """Every check. asked: what a run asks, None for the machine alone; directories: those that runs write to."""
    rooms = [room.directory for room in asked.rooms] if asked else []
    machine = observe_machine(
        dict.fromkeys([*directories, *rooms]), asked.files if asked else (), asked.newest_tweet if asked else None
    )  # fmt: skip
    state = observe_card(os.environ)
    has_card = bool(state.cards)
    return [
        *check_card(state, installed_torch(), asked, xformers_cuda()),
        *([check_compiler(compile_empty_extension(os.environ, this_python()), this_python())] if has_card else ()),
        *check_machine(machine, asked),
        *check_versions(observe_versions(), has_card=has_card),
        *check_network(os.environ),
        *check_ollama(observe_ollama(os.environ, has_card=has_card), state),
        *(check_base(asked.base, asked.template, asked) if asked and asked.base and asked.template else ()),
    ]
