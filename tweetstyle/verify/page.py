"""parity.json, and the same as a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from tweetstyle import __version__
from tweetstyle.files import complete_file
from tweetstyle.pages.render import render
from tweetstyle.verify.checks import GateCheck

SCHEMA = 1
MEANING = {
    "tokens": "The ids that llama.cpp makes of prompts and tweets are those of training, and it ends an answer where training did.",
    "tokens in Ollama": "The ids that the running Ollama feeds to the model are those of training.",
    "four bits": "The 4-bit weights that the adapter was added to are those it was trained over, by a digest of each linear.",
    "conversion": "The file predicts held-out tweets as the merged weights do that it was made of.",
    "training": "The file knows held-out tweets as well as the model did when it had been trained.",
    "stop": "Sampled answers end by themselves and hold no text of the prompt; or the trained model gives the end as little a chance.",
}


def write_parity(checks: Sequence[GateCheck], directory: Path, name: str) -> None:
    """directory/parity.json (every check, figure, limit, verdict) and directory/parity.html (for a person; no tweet stands in it)."""
    content = {
        "schema": SCHEMA,
        "name": name,
        "verdict": verdict(checks),
        "passed": all(check.passed is not False for check in checks),
        "versions": {"tweetstyle": __version__, "xllamacpp": version("xllamacpp"), "gguf": version("gguf")},
        "checks": [asdict(check) for check in checks],
    }
    with complete_file(directory / "parity.json") as stream:
        json.dump(content, stream, indent=2, ensure_ascii=False)
    with complete_file(directory / "parity.html") as stream:
        stream.write(page(checks, name))


def verdict(checks: Sequence[GateCheck]) -> str:
    """The whole in one or two sentences."""
    types = list(dict.fromkeys(check.type for check in checks))
    failed = [type for type in types if any(check.passed is False for check in checks if check.type == type)]
    passed = [type for type in types if type not in failed]
    sentences = []
    if passed:
        sentences.append(f"{_listed(passed)}: what was trained is what speaks, in every check that was made.")
    if short := list(dict.fromkeys(check.type for check in checks if check.name == "stop" and check.passed and check.why)):
        sentences.append(f"{_listed(short)}: answers often do not end, for the training was too short.")
    if failed:
        sentences.append(f"{_listed(failed)}: rejected.")
    if unmade := list(dict.fromkeys(check.name for check in checks if check.passed is None)):
        sentences.append(f"Not made: {_listed(unmade)}.")
    return " ".join(sentences)


def page(checks: Sequence[GateCheck], name: str) -> str:
    """A self-contained HTML document: nothing is fetched, no script runs."""
    sections = []
    for kind, meaning in MEANING.items():
        if of := [check for check in checks if check.name == kind]:
            figures = list(dict.fromkeys(figure for check in of for figure in check.figures))
            sections.append({"name": kind, "meaning": meaning, "checks": of, "figures": figures})
    title, said = f"{name}: is it what was trained?", verdict(checks)
    return render("parity.html.j2", language="en", title=title, verdict=said, sections=sections, shown=_shown)


def _shown(value: float | int | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}" if isinstance(value, float) else f"{value:,}"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else words[0]
