"""What messengers write where nobody did: missing media, calls, events of a group."""

import re
from functools import cache
from importlib.resources import files

MEDIA, SYSTEM, EVENT = "media", "system", "event"
MARK = "\u200e"
"""Before what WhatsApp itself says on an iPhone."""
LONGEST_LINE = 300
"""Characters. What a person writes may be longer."""


def not_written(text: str, sender: str = "") -> str:
    """`MEDIA` or `SYSTEM` for a text that nobody wrote, by not_written.txt; else empty.

    sender: in Facebook and Instagram, whose lines begin with a name or You, the name of who is said to have written it.
    """
    plain, forms = text.replace(MARK, "").strip(), _forms()
    if len(plain) >= LONGEST_LINE:
        return ""
    if kind := next((kind for kind in (MEDIA, SYSTEM) if forms[kind].fullmatch(plain)), ""):
        return kind
    if sender and forms["meta"].fullmatch(plain):
        return SYSTEM
    for name in ("You", "Vous", sender, sender.partition(" ")[0]) if sender else ():
        done = plain.removeprefix(f"{name} ")
        if done != plain and forms["sent"].fullmatch(done):
            return MEDIA
        if done != plain and (forms["did"].fullmatch(done) or (name in sender and forms["by"].fullmatch(done))):
            return SYSTEM
    return ""


def is_event(name: str) -> bool:
    """Whether the name of who wrote is the beginning of a line of WhatsApp's own: Bob changed the subject to “Summer: Paris”."""
    return _forms()[EVENT].fullmatch(name) is not None


@cache
def _forms() -> dict[str, re.Pattern[str]]:
    lines = files("tweetstyle").joinpath("sources/not_written.txt").read_text(encoding="utf-8").splitlines()
    forms = [line.partition(" ") for line in lines if not line.startswith("#")]
    joined = {kind: "|".join(form for name, _, form in forms if name == kind) for kind, _, _ in forms}
    return {kind: re.compile(form, re.I | re.S) for kind, form in joined.items()}
