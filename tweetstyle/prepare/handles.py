"""@names of others within a text: who is meant is no part of a style."""

from __future__ import annotations

import re

MASK = "@…"
"""What stands for a name: the @ shows the habit of naming people; … can be no part of a name, so nobody is meant."""

HANDLE = re.compile(
    r"""(?<![\w@/=&])@                                  # not the @ of an e-mail or of an address on the web
        (?!\d{1,2}(?:[ap]m|h\d{0,2}|[:.]\d\d)?\b)      # "@7pm", "@19h30": an hour
        [A-Za-z0-9_]{1,20} (?![\w@]|://)""",
    re.X,
)


def mask_handles(text: str) -> tuple[str, int]:
    """The text with `MASK` for every @name, and their number; e-mail addresses, "R@dio" and "@ Montréal" stay as they are."""
    return HANDLE.subn(MASK, text) if "@" in text else (text, 0)
