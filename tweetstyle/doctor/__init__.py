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


def doctor(directories: Iterable[Path], estimate: ResourceEstimate | None = None, template: Template | None = None) -> list[Check]:
    """Every check.

    Args:
        directories: those that runs write to.
        estimate: of a run, None for the machine alone.
        template: the run's; None where the base model is not complete or refused, and the estimate is by its shape alone.
    """
    uses = estimate.disk.uses if estimate else ()
    places = observe_places(dict.fromkeys([*directories, *(use.directory for use in uses)]))
    state = observe_card(os.environ)
    has_card = bool(state.cards)
    return [
        *check_card(state, installed_torch(), estimate, xformers_cuda()),
        *([check_compiler(os.environ)] if has_card else ()),
        *check_machine(places, machine_memory(), uses, estimate.ram_here if estimate else {}),
        *check_versions(installed_versions(PACKAGES), has_card=has_card),
        *check_network(os.environ),
        *check_ollama(os.environ, state),
        *(check_base(estimate.base, template, estimate.model.method, estimate.training.learning_rate) if estimate and template else ()),
    ]
