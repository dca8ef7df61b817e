"""The model card: what the model is, how good it is, how to run it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle import __version__
from tweetstyle.console import size
from tweetstyle.files import complete_file, read_back
from tweetstyle.inference.ollama import shell_lines
from tweetstyle.model.base import BaseModel
from tweetstyle.model.config import read_shape
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Recipe
from tweetstyle.wording.verdict import answers
from tweetstyle.wording.words import Say

if TYPE_CHECKING:
    from jinja2 import Environment

CARD = "README.md"
LICENCES = (
    ("META LLAMA 3 COMMUNITY", "llama3", "Meta Llama 3 Community License"),
    ("LLAMA 3.1 COMMUNITY", "llama3.1", "Llama 3.1 Community License"),
    ("LLAMA 3.2 COMMUNITY", "llama3.2", "Llama 3.2 Community License"),
    ("LLAMA 3.3 COMMUNITY", "llama3.3", "Llama 3.3 Community License"),
    ("Apache License", "apache-2.0", "Apache License 2.0"),
    ("MIT License", "mit", "MIT License"),
)
"""How a licence's text begins → the hub's identifier of it, its name."""
BUILT_WITH = {
    "llama3": "Built with Meta Llama 3",
    "llama3.1": "Built with Llama",
    "llama3.2": "Built with Llama",
    "llama3.3": "Built with Llama",
}
"""What the licence wants to be said wherever the model, or one made from it, is made available."""


METHODS = {"qlora": "a LoRA adapter trained over 4-bit weights and merged", "lora": "a LoRA adapter, merged", "full": "full fine-tuning"}


@dataclass(frozen=True)
class Licence:
    """identifier: the hub's ("other" where it is not known); name: in words; must_say: a sentence that the licence requires."""

    identifier: str
    name: str
    must_say: str | None = None


def licence_of(base: Path) -> Licence:
    """By the base model's own files: the `license` of its model card, else how its LICENSE begins."""
    named = None
    card = base / CARD
    if card.is_file() and (
        found := re.search(r"\A---\n.*?^license:\s*([\w.\-]+)", card.read_text(encoding="utf-8", errors="replace"), re.S | re.M)
    ):
        named = found[1]
    text = next((path.read_text(encoding="utf-8", errors="replace")[:2000] for path in sorted(base.glob("LICENSE*")) if path.is_file()), "")
    for beginning, identifier, name in LICENCES:
        if identifier == named or (named is None and beginning.casefold() in text.casefold()):
            return Licence(identifier, name, BUILT_WITH.get(identifier))
    return Licence(named, named) if named else Licence("other", "not in its files: look it up before you share this model")


@dataclass(frozen=True)
class RunFacts:
    """What a run's files say, each empty where it is not there.

    files: type → (file name, bytes); choices: the export's; counts: prepare's facts and, where tweets answer messages, what playback
    came to under "messages" (None where that is not known); evaluation, parity: the files of that name.
    """

    files: dict[str, tuple[str, int]]
    choices: dict[str, Any]
    counts: dict[str, Any]
    evaluation: dict[str, Any]
    parity: dict[str, Any]


def write_model_card(
    recipe: Recipe, base: BaseModel, template: Template, files: dict[str, str], facts: dict[str, Any], directory: Path
) -> None:
    """directory/README.md. files: type → file name in `directory`; facts: the export's, with its choices."""
    counts = _read(recipe.data.processed / "manifest.json").get("facts", {})
    if counts and recipe.prompt.message == "playback":
        counts |= {"messages": _read(recipe.data.processed / "playback.json").get("facts", {}).get("splits")}
    evaluation, parity = _read(recipe.run_directory / "evaluation.json"), _read(directory / "parity.json")
    sizes = {file_type: (name, (directory / name).stat().st_size) for file_type, name in files.items()}
    with complete_file(directory / CARD) as stream:
        stream.write(model_card(recipe, base, template, RunFacts(sizes, facts.get("choices", {}), counts, evaluation, parity)))


def model_card(recipe: Recipe, base: BaseModel, template: Template, run: RunFacts) -> str:
    """Markdown (pages/templates/model_card.md.j2) with the front matter of the hub's model cards.

    Mitchell et al., 2019 (arXiv 1810.03993), for what a card says.
    """
    text = (
        _environment()
        .get_template("model_card.md.j2")
        .render(
            recipe=recipe,
            base=base,
            template=template,
            run=run,
            licence=licence_of(base.path),
            method=METHODS[recipe.model.method],
            commands="\n".join(shell_lines(recipe.name, Path("Modelfile"))),
            typed=_what_one_types(recipe, template),
            parameters=read_shape(base.config).parameters,
            weighted=[t for t in run.choices.get("weighted", ()) if t in run.files],
            splits=_sizes(recipe, run.counts),
            answer=answers(run.evaluation, [], "en")[0][0] if run.evaluation else "",
            gate=Say("en").gate(run.parity["verdict"]) if run.parity else "",
            versions=f"tweetstyle {__version__} (gguf {version('gguf')}, xllamacpp {version('xllamacpp')})",
        )
    )
    return text.strip() + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("tweetstyle.pages"), trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"plain": plain, "fenced": fenced, "size": size, "json": json.dumps, "figures": _figures}
    return environment


def _what_one_types(recipe: Recipe, template: Template) -> str:
    if template.turns:
        return "a message, which it answers with all before it in the prompt, as far as the context reaches"
    if recipe.prompt.message == "first-words":
        typed = "how the tweet begins, which it then writes whole; `*` begins nothing"
    else:
        typed = "the subject of the tweet; `*` names none" if template.has_topic else "how the tweet begins"
    return typed + ". Each message is answered afresh"


def _sizes(recipe: Recipe, counts: dict[str, Any]) -> list[int]:
    """Tweets trained on, of validation and of test. Of those that answer messages only those with a message count."""
    if not counts:
        return []
    if "messages" in counts:
        return [counts["messages"][name]["usable"] for name in ("train", "validation", "test")] if counts["messages"] else []
    return [counts["splits"][name] for name in (recipe.training.split, "validation", "test")]


def _figures(figures: dict[str, Any]) -> str:
    return "; ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in figures.items())


def plain(text: str) -> str:
    """Text that Markdown shows as it is: what could mean something is escaped, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$])", r"\\\1", " ".join(text.split()))


def fenced(text: str) -> str:
    """A code block around any text: its fence is longer than every run of backticks within."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _read(path: Path) -> dict[str, Any]:
    return read_back(path, dict[str, Any]) or {}
