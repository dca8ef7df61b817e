"""parity.json, and the same as a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from importlib.metadata import version
from pathlib import Path

from tweetstyle import __version__
from tweetstyle.files import complete_file
from tweetstyle.pages.render import SECURITY, asset
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
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{SECURITY}">
<title>{escape(name)}: is it what was trained?</title>
<style>{asset("pages/style.css")}</style>
</head>
<body>
<main>
<h1>{escape(name)}: is it what was trained?</h1>
<p><strong>{escape(verdict(checks))}</strong></p>
{"".join(_section(name, [c for c in checks if c.name == name]) for name in MEANING)}
</main>
</body>
</html>
"""


def _section(name: str, checks: Sequence[GateCheck]) -> str:
    if not checks:
        return ""
    heading = f"<h2>{escape(name.capitalize() if name.islower() else name[0].upper() + name[1:])}</h2><p>{escape(MEANING[name])}</p>"
    keys = list(dict.fromkeys(key for check in checks for key in check.figures))
    head = "".join(f'<th class="number">{escape(key)}</th>' for key in keys)
    rows = "".join(_row(check, keys) for check in checks)
    table = f"<thead><tr><th>File</th><th>Verdict</th>{head}</tr></thead><tbody>{rows}</tbody>"
    return heading + f'<div class="wide"><table class="stack">{table}</table></div>' + "".join(_reasons(checks))


def _row(check: GateCheck, keys: Sequence[str]) -> str:
    cells = "".join(f'<td class="number" data-name="{escape(key)}">{_figure(check, key)}</td>' for key in keys)
    tone = {True: ' class="good"', False: ' class="bad"', None: ""}[check.passed]
    return f"<tr{tone if check.passed is False else ''}><td>{escape(check.type)}</td><td{tone}>{check.verdict}</td>{cells}</tr>"


def _figure(check: GateCheck, key: str) -> str:
    if key not in check.figures:
        return ""
    value = check.figures[key]
    shown = f"{value:.4g}" if isinstance(value, float) else escape(f"{value:,}" if isinstance(value, int) else value)
    return f"{shown} <span class='soft'>(at most {check.limits[key]:g})</span>" if key in check.limits else shown


def _reasons(checks: Sequence[GateCheck]) -> Iterator[str]:
    for check in checks:
        if check.why:
            tone = "warning" if check.passed is False else "soft"
            yield f'<p class="{tone}">{escape(check.type)} {check.verdict}: {escape(check.why)}</p>'


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else words[0]
