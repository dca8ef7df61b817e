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
from tweetstyle.wording.words import Say

SCHEMA = 2
MEANING = {
    "tokens": "The ids that llama.cpp makes of prompts and tweets are those of training, and it ends an answer where training did.",
    "tokens in Ollama": "The ids that the running Ollama feeds to the model are those of training.",
    "four bits": "The 4-bit weights that the adapter was added to are those it was trained over, by a digest of each linear.",
    "conversion": "The file predicts held-out tweets as the merged weights do that it was made of.",
    "training": "The file knows held-out tweets as well as the model did when it had been trained.",
    "stop": "Sampled answers end by themselves and hold no text of the prompt; or the trained model gives the end as little a chance.",
}


def write_parity(checks: Sequence[GateCheck], directory: Path, name: str) -> None:
    """directory/parity.json (every check, figure, limit, verdict) and directory/parity.html (for a person; holds no tweet)."""
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


def verdict(checks: Sequence[GateCheck]) -> dict[str, list[str]]:
    """Types of file that passed, whose answers often do not end, and that were rejected; and the checks that were not made."""
    types = list(dict.fromkeys(check.type for check in checks))
    rejected = [type for type in types if any(check.passed is False for check in checks if check.type == type)]
    return {
        "passed": [type for type in types if type not in rejected],
        "endless": list(dict.fromkeys(check.type for check in checks if check.name == "stop" and check.passed and check.why)),
        "rejected": rejected,
        "unmade": list(dict.fromkeys(check.name for check in checks if check.passed is None)),
    }


def page(checks: Sequence[GateCheck], name: str) -> str:
    """A self-contained HTML document: nothing is fetched, no script runs."""
    sections = []
    for kind, meaning in MEANING.items():
        if of := [check for check in checks if check.name == kind]:
            figures = list(dict.fromkeys(figure for check in of for figure in check.figures))
            sections.append({"name": kind, "meaning": meaning, "checks": of, "figures": figures})
    title, said = f"{name}: is it what was trained?", Say("en").gate(verdict(checks))
    return render("parity.html.j2", language="en", title=title, verdict=said, sections=sections, shown=_shown)


def _shown(value: float | int | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}" if isinstance(value, float) else f"{value:,}"
