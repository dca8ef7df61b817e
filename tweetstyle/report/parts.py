"""Pieces of HTML that the sections share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tweetstyle.pages.charts import html
from tweetstyle.wording.sentences_fr import in_french
from tweetstyle.wording.words import Say

LONGEST = 1200
"""Characters of a text that are shown."""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already. Each row is a block on a phone."""
    head = "".join(f"<th>{html(name)}</th>" for name in headings)
    lines = (
        "<tr>" + "".join(f'<td data-name="{html(name)}:">{cell}</td>' for name, cell in zip(headings, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table class="stack"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def paragraph(text: str, soft: bool = False) -> str:
    return f'<p class="soft">{html(text)}</p>' if soft else f"<p>{html(text)}</p>"


def sentence(text: str, say: Say) -> str:
    """A sentence of evaluation.json or parity.json in the reader's language; where that is not known, in English and marked so."""
    if say.language == "en":
        return f"<bdi>{html(text)}</bdi>"
    known = in_french(text)
    return f"<bdi>{html(known)}</bdi>" if known else f'<bdi lang="en">{html(text)}</bdi>'


def quote(who: str, text: str, span: str = "") -> str:
    """A tweet, that can neither act nor turn the direction of what stands around it; span: a part of it that is marked."""
    return f'<blockquote><p class="soft">{html(who)}</p><p class="text" dir="auto"><bdi>{_marked(text, span)}</bdi></p></blockquote>'


def missing(say: Say, file: str) -> Iterator[str]:
    yield paragraph(say("missing", file=file), soft=True)


def figure(name: str, drawn: str) -> str:
    return f"<figure><figcaption>{html(name)}</figcaption>{drawn}</figure>"


def interval(found: dict[str, Any] | None, say: Say, shares: bool = False) -> str:
    """The estimate, and its interval small below it."""
    if not found:
        return html(say("not_measured"))
    whole = say.interval(found, shares)
    middle, _, rest = whole.partition(" (")
    return f'<strong>{html(middle)}</strong> <span class="soft">({html(rest)}</span>'


def _marked(text: str, span: str) -> str:
    at = text.find(span) if span else -1
    if at < 0:
        return html(text[:LONGEST]) + ("…" if len(text) > LONGEST else "")
    return f"{html(text[:at])}<mark>{html(span)}</mark>{html(text[at + len(span) :])}"
