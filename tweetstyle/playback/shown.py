"""Messages and tweets side by side, for a look before the GPU is spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tweetstyle.dataset.messages import KINDS
from tweetstyle.text.visible import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tweetstyle.playback import Played
    from tweetstyle.playback.judge import Look


def pairs(looks: Sequence[Look]) -> RenderableType:
    """One row a tweet: what was asked for, the message that is used or that none is, what was rejected before and why."""
    from rich.table import Table
    from rich.text import Text

    table = Table("kind", "message", "the tweet that answers it", "rejected", show_lines=True)
    of: dict[str, list[Look]] = {}
    for look in looks:
        of.setdefault(look.ask.id, []).append(look)
    for attempts in of.values():
        ask = attempts[0].ask
        used = next((look.message for look in attempts if not look.reason), None)
        message = Text(visible(used)) if used is not None else Text("none", style="red")
        rejected = "\n".join(f"{look.reason}: {visible(look.message)}" for look in attempts if look.reason)
        before = f"({visible(ask.before)}) " if ask.before else ""
        table.add_row(ask.kind, message, Text(before + visible(ask.text)), Text(rejected, style="yellow"))
    usable = sum(not look.reason for look in looks)
    table.caption = f"{usable} of {len(of)} tweets have a message that can be used; each was asked for at most {_attempts(looks)} times"
    return table


def table(played: Played) -> RenderableType:
    """How many tweets have a message, of which kinds, and why others have none."""
    from rich.table import Table

    names = list(played.splits)
    counts = Table("", *names, title=f"messages by {played.model.split()[0]}", title_justify="left")
    for column in counts.columns[1:]:
        column.justify = "right"

    def row(name: str, values: list[int]) -> None:
        if any(values):
            counts.add_row(name, *(f"{value:,}" for value in values))

    splits = list(played.splits.values())
    row("tweets asked for", [of.asked for of in splits])
    row("with a message", [of.usable for of in splits])
    for kind in KINDS:
        row(f"  {kind}", [of.kinds[kind] for of in splits])
    row("without one", [of.given_up for of in splits])
    reasons = dict.fromkeys(reason for of in splits for reason in of.rejected)
    for reason in reasons:
        row(f"  rejected: {reason}", [of.rejected.get(reason, 0) for of in splits])
    row("answer somebody unknown", [of.unknown_parent for of in splits])
    row("beyond the sample", [of.left_out for of in splits])
    return counts


def _attempts(looks: Sequence[Look]) -> int:
    return max((look.attempt for look in looks), default=0) + 1
