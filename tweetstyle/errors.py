"""TweetstyleError: what is wrong, where, and what to do about it."""

import difflib
from collections.abc import Iterable


class TweetstyleError(Exception):
    """Something that the person who runs the program can put right: what happened; the file, file:line or recipe key that it concerns;
    and what to write or do instead."""

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.what, self.where, self.hint = what, where, hint
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  → {self.hint}" if self.hint else text


class RecipeErrors(TweetstyleError):
    """Every problem of a recipe at once, in the order of its lines."""

    def __init__(self, problems: list[TweetstyleError]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


def causes(error: BaseException | None) -> list[BaseException]:
    """An error with those that it was raised from or while handling, the latest first."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def closest(word: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The name that was probably meant, for a hint: the most similar one ignoring case."""
    by_folded = {name.casefold(): name for name in reversed(list(names))}
    near = difflib.get_close_matches(word.casefold(), by_folded, 1, cutoff)
    return by_folded[near[0]] if near else None
