"""Checks whether this machine and its packages can do what a recipe needs."""

import os
from collections.abc import Iterable
from pathlib import Path

from tweetstyle.doctor.base import check_base
from tweetstyle.doctor.card import check_card
from tweetstyle.doctor.machine import check_compiler, check_machine, check_network
from tweetstyle.doctor.ollama import check_ollama
from tweetstyle.doctor.versions import PACKAGES, check_versions, installed_torch, xformers_cuda
from tweetstyle.hardware.check import Check
from tweetstyle.hardware.disk import observe_places
from tweetstyle.hardware.gpu import observe_card
from tweetstyle.hardware.machine import installed_versions, machine_memory
from tweetstyle.plan.estimate import ResourceEstimate
from tweetstyle.prompt.template import Template


def doctor(directories: Iterable[Path], needs: ResourceEstimate | None = None, template: Template | None = None) -> list[Check]:
    """Every check.

    Args:
        directories: those that runs write to.
        needs: what a run needs, None for the machine alone.
        template: the run's; None where the base model is not complete or refused, and `needs` are by its shape alone.
    """
    uses = needs.disk.uses if needs else ()
    places = observe_places(dict.fromkeys([*directories, *(use.directory for use in uses)]))
    state = observe_card(os.environ)
    has_card = bool(state.cards)
    return [
        *check_card(state, installed_torch(), needs, xformers_cuda()),
        *([check_compiler(os.environ)] if has_card else ()),
        *check_machine(places, machine_memory(), uses, needs.ram_here if needs else {}),
        *check_versions(installed_versions(PACKAGES), has_card=has_card),
        *check_network(os.environ),
        *check_ollama(os.environ, state),
        *(check_base(needs.base, template, needs.model.method, needs.training.learning_rate) if needs and template else ()),
    ]
