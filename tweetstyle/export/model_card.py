"""The model card: what the model is, how good it is, how to run it."""

import json
import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tweetstyle import __version__
from tweetstyle.console import size
from tweetstyle.files import complete_file, read_object
from tweetstyle.inference.ollama import shell_lines
from tweetstyle.locale import current_language, in_language
from tweetstyle.model.base import BaseModel
from tweetstyle.model.config import read_shape
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Recipe
from tweetstyle.statistics.metrics import read_evaluation
from tweetstyle.wording.verdict import answers
from tweetstyle.wording.words import Say

CARD = "README.md"


@dataclass(frozen=True)
class Licence:
    """identifier: the hub's ("other" where it is not known); name: in words, None likewise; must_say: a sentence that it requires."""

    identifier: str
    name: str | None
    must_say: str | None = None


LICENCES = {
    "META LLAMA 3 COMMUNITY": Licence("llama3", "Meta Llama 3 Community License", "Built with Meta Llama 3"),
    "LLAMA 3.1 COMMUNITY": Licence("llama3.1", "Llama 3.1 Community License", "Built with Llama"),
    "LLAMA 3.2 COMMUNITY": Licence("llama3.2", "Llama 3.2 Community License", "Built with Llama"),
    "APACHE LICENSE": Licence("apache-2.0", "Apache License 2.0"),
    "MIT LICENSE": Licence("mit", "MIT License"),
}
"""Words at the beginning of a licence's text → the licence."""


def licence_of(base: Path) -> Licence:
    """By the base model's own files: the `license` of its model card, else how its LICENSE begins."""
    card, text = ("".join(path.read_text(encoding="utf-8", errors="replace") for path in base.glob(name)) for name in (CARD, "LICENSE*"))
    if found := re.search(r"\A---\n.*?^license:\s*([\w.\-]+)", card, re.S | re.M):
        named = found[1]
        return next((licence for licence in LICENCES.values() if licence.identifier == named), Licence(named, named))
    return next((licence for words, licence in LICENCES.items() if words in text[:2000].upper()), Licence("other", None))


def write_model_card(
    recipe: Recipe, base: BaseModel, template: Template, files: dict[str, str], facts: dict[str, Any], directory: Path
) -> None:
    """directory/README.md. files: type → file name in `directory`; facts: the export's, with its choices."""
    counts = read_object(recipe.data.processed / "manifest.json").get("facts", {})
    if counts and recipe.prompt.message == "playback":
        counts |= {"messages": read_object(recipe.data.processed / "playback.json").get("facts", {}).get("splits")}
    evaluation, parity = read_evaluation(recipe.run_directory), read_object(directory / "parity.json")
    sizes = {file_type: (name, (directory / name).stat().st_size) for file_type, name in files.items()}
    with complete_file(directory / CARD) as stream:
        run = {"files": sizes, "choices": facts.get("choices", {}), "counts": counts, "evaluation": evaluation, "parity": parity}
        stream.write(model_card(recipe, base, template, run))


def model_card(recipe: Recipe, base: BaseModel, template: Template, run: dict[str, Any]) -> str:
    """Markdown (pages/templates/model_card.md.j2) with the front matter of the hub's model cards.

    Mitchell et al., 2019 (arXiv 1810.03993), for what a card says. run: what its files say, each part empty where it is not there.
    files: type → (name, bytes); choices: the export's; counts: prepare's facts and, where tweets answer messages, playback's counts
    under "messages"; evaluation, parity: the files of that name.
    """
    from jinja2 import Environment, PackageLoader

    language = recipe.language or current_language()
    say = Say(
        language, talks=template.turns is not None, begins=recipe.prompt.message == "first-words", shown=run["evaluation"].get("shown")
    )
    environment = Environment(loader=PackageLoader("tweetstyle.pages"), trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"plain": plain, "fenced": fenced, "size": size, "json": json.dumps}
    values = {
        "licence": licence_of(base.path),
        "commands": "\n".join(shell_lines(recipe.name, Path("Modelfile"))),
        "parameters": read_shape(base.config).parameters,
        "weighted": [t for t in run["choices"].get("weighted", ()) if t in run["files"]],
        "splits": _sizes(recipe, run["counts"]),
        "answer": answers(run["evaluation"], [], language)[0][0] if run["evaluation"] else "",
        "say": say,
        "versions": f"tweetstyle {__version__} (gguf {version('gguf')}, xllamacpp {version('xllamacpp')})",
    }
    card = environment.get_template("model_card.md.j2")
    with in_language(language):
        return card.render(recipe=recipe, base=base, template=template, run=run, **values).strip() + "\n"


def _sizes(recipe: Recipe, counts: dict[str, Any]) -> list[int]:
    """Tweets trained on, of validation and of test. Of those that answer messages only those with a message count."""
    if not counts:
        return []
    if "messages" in counts:
        return [counts["messages"][name]["usable"] for name in ("train", "validation", "test")] if counts["messages"] else []
    return [counts["splits"][name] for name in (recipe.training.split, "validation", "test")]


def plain(text: str) -> str:
    """Text that Markdown shows as it is: what could mean something is escaped, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&$])", r"\\\1", " ".join(text.split()))


def fenced(text: str) -> str:
    """A code block around any text: its fence is longer than every run of backticks within."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
