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

__all__ = ["Check", "RunRequirements", "doctor", "fail", "ok", "warn"]


def doctor(needs: RunRequirements | None, directories: Iterable[Path]) -> list[Check]:
    """Every check. needs: what a run needs, None for the machine alone; directories: those that runs write to."""
    rooms = [room.directory for room in needs.rooms] if needs else []
    machine = observe_machine(
        dict.fromkeys([*directories, *rooms]), needs.files if needs else (), needs.newest_tweet if needs else None
    )  # fmt: skip
    state = observe_card(os.environ)
    has_card = bool(state.cards)
    return [
        *check_card(state, installed_torch(), needs, xformers_cuda()),
        *([check_compiler(compile_empty_extension(os.environ, this_python()), this_python())] if has_card else ()),
        *check_machine(machine, needs),
        *check_versions(observe_versions(), has_card=has_card),
        *check_network(os.environ),
        *check_ollama(observe_ollama(os.environ, has_card=has_card), state),
        *(check_base(needs.base, needs.template, needs) if needs and needs.base and needs.template else ()),
    ]
