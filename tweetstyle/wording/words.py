"""Texts and figures in the reader's language, from tweetstyle/locale."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from tweetstyle.locale import current_language, localised


@cache
def texts(language: str) -> dict[str, Any]:
    """Section → key → text, of locale/<language>.yaml."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(files("tweetstyle").joinpath(f"locale/{language}.yaml").read_text(encoding="utf-8"), loader)


def by_name(section: str, name: str) -> str:
    """A name that a file holds, in the current language: see `Say.named`."""
    return Say(current_language()).named(section, name)


@dataclass(frozen=True)
class Note:
    """What a person should know of a result. code: of a text in the locale's notes; values: what fills its places."""

    code: str
    values: dict[str, int | float | str] = field(default_factory=dict)

    def __str__(self) -> str:
        return Say(current_language()).note(self)


class Say:
    """Sentences and figures in one language. Nothing here is HTML.

    talks: of a model that answers messages, of which some sentences (…_talk) say other things than of one that writes tweets.
    begins: of a model that continues a tweet's first words, where others are given a subject (…_begin). shown: how many tweets the
    base model was shown, for the name of that baseline.
    """

    def __init__(self, language: str, *, talks: bool = False, begins: bool = False, shown: int | None = None) -> None:
        self.language, self.talks, self.shown = language, talks, shown
        self._texts = texts(language)
        self.keys = self._texts["words"].keys()
        self._ending = "_talk" if talks else "_begin" if begins else ""

    def __call__(self, key: str, **values: Any) -> str:
        own = f"{key}{self._ending}"
        return self._texts["words"][own if own in self.keys else key].format(**values)

    def number(self, value: float | None, digits: int | None = None) -> str:
        """With this many decimals; without `digits` four significant digits, or below 1e-4 two and an exponent, and an integer in full."""
        if value is None:
            return "–"
        if not math.isfinite(value):
            return str(value)
        if digits is not None:
            text = f"{value:,.{digits}f}"
        elif 0 < abs(value) < 1e-4:
            text = f"{value:.1e}".replace("e-0", "e-")
        else:
            text = f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"
        return self.localised(text)

    def localised(self, text: str) -> str:
        """A number as Python writes it, with the language's own signs."""
        return localised(text, self.language).replace("-", "−")

    def percent(self, share: float | None) -> str:
        if share is None:
            return "–"
        return self.localised(f"{100 * share:,.{0 if abs(share) >= 0.1 or not share else 1}f}%")

    def interval(self, found: Mapping[str, Any] | None, shares: bool = False, digits: int = 2, unit: str = "") -> str:
        """ "0.34 (95% interval: 0.29 to 0.40)"; shares: 0 to 1, said in percent; unit: behind the estimate."""
        if not found:
            return self("not_measured")
        ends = {name: found[name] for name in ("estimate", "low", "high") if found[name] is not None}
        values = {name: self.percent(value) if shares else self.number(value, digits) for name, value in ends.items()}
        values["estimate"] += unit
        return self("interval" if len(values) == 3 else "no_interval", confidence=self.percent(found["confidence"]), **values)

    def seconds(self, seconds: float) -> str:
        whole = round(seconds)
        if whole >= 3600:
            return self("hours", hours=whole // 3600, minutes=whole % 3600 // 60)
        return self("minutes", minutes=whole // 60, seconds=whole % 60)

    def baseline(self, name: str, short: bool = False) -> str:
        """A baseline in words, or in few of them for a table; a name of an earlier version as it is."""
        key = f"b_{name}_short" if short else f"b_{name}"
        return self(key, count=self.number(self.shown)) if key in self.keys else name

    def note(self, stored: Note | Mapping[str, Any] | str) -> str:
        """A note as it is stored; a sentence or a code of an earlier version as it is."""
        if isinstance(stored, str):
            return stored
        code, values = (stored.code, stored.values) if isinstance(stored, Note) else (stored["code"], stored["values"])
        return self._texts["notes"].get(code, code).format(**{name: self._filled(name, value) for name, value in values.items()})

    def notes(self, stored: Iterable[Note | Mapping[str, Any]] | str) -> str:
        between = {"fr": "\u202f; "}.get(self.language, "; ")
        return stored if isinstance(stored, str) else between.join(map(self.note, stored))

    def _filled(self, name: str, value: float | str) -> str:
        """A note's value, whose name says what it is."""
        if not isinstance(value, str):
            return self.percent(value) if name.endswith("_share") else self.number(value)
        if name == "figure":
            return self.named("figures", value)
        return self.named("words", value) if name == "split" else value

    def gate(self, verdict: Mapping[str, Sequence[str]] | str) -> str:
        """The gate's verdict in one to four sentences. verdict: as parity.json has it."""
        if isinstance(verdict, str):
            return verdict
        texts, sentences = self._texts["notes"], []
        for key, names in verdict.items():
            if names:
                *first, last = (self.named("checks", name) for name in names)
                listed = texts["and"].join([", ".join(first), last] if first else [last])
                sentences.append(texts[f"gate_{key}"].format(types=listed, checks=listed))
        return " ".join(sentences)

    def named(self, section: str, name: str) -> str:
        """A name that a file holds, such as a reason or a check, by its section of the texts; an unknown one as it is."""
        return self._texts[section].get(name, name)
