"""memory: what a run needs on the card and in RAM, computed before it starts from config.json and the recipe alone."""

from tweetstyle.memory.card import Card, find_card, look_for_card, named_card
from tweetstyle.memory.fit_to_card import (
    Change,
    Largest,
    batches_of_the_same_step,
    how_to_fit,
    largest_that_fit,
    plan_on,
    sizes_that_fit,
    what_to_change,
)
from tweetstyle.memory.plan import MemoryPlan, duration, hours, plan_memory, plan_on_cpu
from tweetstyle.memory.probe import PROBE, Probe, decisive_settings, other_settings, read_probe
from tweetstyle.memory.shape import Shape, read_shape
from tweetstyle.memory.table import memory_table
from tweetstyle.memory.weights import trained_parameters

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
