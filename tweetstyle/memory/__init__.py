"""memory: what a run needs on the card and in RAM, computed before it starts from config.json and the recipe alone."""

from tweetstyle.memory.fit_to_card import Change, Largest, how_to_fit, largest_that_fit, sizes_that_fit, what_to_change
from tweetstyle.memory.plan import MemoryPlan, hours, hours_in_words, plan_memory
from tweetstyle.memory.shape import Shape, read_shape
from tweetstyle.memory.table import memory_table

__all__ = [
    "Change",
    "Largest",
    "MemoryPlan",
    "Shape",
    "hours",
    "hours_in_words",
    "how_to_fit",
    "largest_that_fit",
    "memory_table",
    "plan_memory",
    "read_shape",
    "sizes_that_fit",
    "what_to_change",
]
