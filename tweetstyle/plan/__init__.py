"""memory: what a run needs on the card and in RAM, computed before it starts from config.json and the recipe alone."""

from tweetstyle.hardware.card import Card, find_card, look_for_card, named_card
from tweetstyle.model.shape import Shape, read_shape
from tweetstyle.plan.advice import (
    Change,
    Largest,
    batches_of_the_same_step,
    how_to_fit,
    largest_that_fit,
    plan_on,
    sizes_that_fit,
    what_to_change,
)
from tweetstyle.plan.memory import MemoryPlan, duration, hours, plan_memory, plan_on_cpu
from tweetstyle.plan.probe import PROBE, Probe, decisive_settings, other_settings, read_probe
from tweetstyle.plan.table_of_memory import memory_table
from tweetstyle.plan.weights import trained_parameters

__all__ = [
    "PROBE",
    "Card",
    "Change",
    "Largest",
    "MemoryPlan",
    "Probe",
    "Shape",
    "batches_of_the_same_step",
    "decisive_settings",
    "duration",
    "find_card",
    "hours",
    "how_to_fit",
    "largest_that_fit",
    "look_for_card",
    "memory_table",
    "named_card",
    "other_settings",
    "plan_memory",
    "plan_on",
    "plan_on_cpu",
    "read_probe",
    "read_shape",
    "sizes_that_fit",
    "trained_parameters",
    "what_to_change",
]
