"""The model card: what the model is, how good it is, how to run it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tweetstyle import __version__
from tweetstyle.files import complete_file, read_back
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Recipe
from tweetstyle.wording.words import Say

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


def write_model_card(
    recipe: Recipe, base: BaseModel, template: Template, files: dict[str, str], facts: dict[str, Any], directory: Path
) -> None:
    """directory/README.md. files: type → file name in `directory`; facts: the export's, with its choices.

    Counts come from the prepared data's manifest, metrics from the run's evaluation.json, verdicts from directory/parity.json; what is
    not there is left out.
    """
    counts = _read(recipe.data.processed / "manifest.json").get("facts", {})
    if counts and recipe.prompt.message == "playback":
        counts |= {"messages": _read(recipe.data.processed / "playback.json").get("facts", {}).get("splits")}
    evaluation, parity = _read(recipe.run_directory / "evaluation.json"), _read(directory / "parity.json")
    sizes = {file_type: (name, (directory / name).stat().st_size) for file_type, name in files.items()}
    with complete_file(directory / CARD) as stream:
        stream.write(model_card(recipe, base, template, sizes, facts, counts, evaluation, parity))


def model_card(
    recipe: Recipe,
    base: BaseModel,
    template: Template,
    files: dict[str, tuple[str, int]],
    facts: dict[str, Any],
    counts: dict[str, Any],
    evaluation: dict[str, Any],
    parity: dict[str, Any],
) -> str:
    """counts: prepare's facts and, where tweets answer messages, what playback came to under "messages", None where that is not known.

    Markdown with the front matter of the hub's model cards (Mitchell et al., 2019, arXiv 1810.03993, for what a card says).

    files: type → (file name, bytes).
    """
    licence = licence_of(base.path)
    sections = [
        _front_matter(recipe, licence),
        f"# {plain(recipe.name)}\n\n{_what_it_is(recipe, base, licence)}",
        "## How to run it\n\n" + _how_to_run(recipe, template),
        "## The files\n\n" + _files(recipe, base, files, facts),
        "## What it was made of\n\n" + _data(recipe, counts) if counts else "",
        "## How well it writes like the author\n\n" + _metrics(evaluation) if evaluation else "",
        "## Is it what was trained?\n\n" + _gate(parity) if parity else "",
        "## How it was made\n\n" + _made(recipe),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _front_matter(recipe: Recipe, licence: Licence) -> str:
    lines = ["---", f"license: {licence.identifier}", f"base_model: {json.dumps(recipe.model.base.name, ensure_ascii=False)}"]
    lines += ["library_name: gguf", "pipeline_tag: text-generation", "tags: [gguf, llama, style-imitation]", "---"]
    return "\n".join(lines)


def _what_it_is(recipe: Recipe, base: BaseModel, licence: Licence) -> str:
    what = {"qlora": "a LoRA adapter trained over 4-bit weights and merged", "lora": "a LoRA adapter, merged", "full": "full fine-tuning"}
    paragraphs = [
        f"A language model that writes short texts in the style called {plain(recipe.prompt.style)}: {plain(base.path.name)} "
        f"with {what[recipe.model.method]}, for llama.cpp and Ollama.",
        "It imitates how one person tweets. It is not that person: what it writes was neither said nor meant by anybody, is often "
        "untrue, and must not be passed off as theirs. Make such a model of your own tweets, or with the consent of their author.",
        f"Licence of the base model, which holds for this one too: {plain(licence.name)}.",
    ]
    return "\n\n".join(paragraphs + ([f"{licence.must_say}."] if licence.must_say else []))


def _how_to_run(recipe: Recipe, template: Template) -> str:
    from tweetstyle.inference.ollama import shell_lines

    typed = "the subject of the tweet; `*` names none" if template.has_topic else "how the tweet begins"
    if recipe.prompt.message == "first-words":
        typed = "how the tweet begins, which it then writes whole; `*` begins nothing"
    if template.turns:
        typed = "a message, which it answers with all before it in the prompt, as far as the context reaches"
    else:
        typed += ". Each message is answered afresh"
    lines = "\n".join(shell_lines(recipe.name, Path("Modelfile")))
    behind = ", behind the tokenizer's BOS" if template.add_bos else ""
    return f"""In this directory:

{fenced(lines)}

What you type is {typed}. The prompt that reaches the model, for the message `hiver`{behind}:

{fenced(template.prompt("hiver"))}

An answer ends with the token `{template.end}`. The Modelfile carries this prompt and the sampling."""


def _files(recipe: Recipe, base: BaseModel, files: dict[str, tuple[str, int]], facts: dict[str, Any]) -> str:
    from tweetstyle.console import size
    from tweetstyle.model.config import read_shape

    choices, weights = facts.get("choices", {}), read_shape(base.config).parameters
    rows = ["| file | size | bits per weight |", "|---|---:|---:|"]
    rows += [f"| {plain(name)} | {size(bytes)} | {8 * bytes / weights:.2f} |" for name, bytes in files.values()]
    if weighted := [t for t in choices.get("weighted", ()) if t in files]:
        rows.append(f"\nQuantised with an importance matrix of the training tweets: {', '.join(weighted)}.")
    if choices.get("merge_base") == "dequantised_nf4":
        rows.append("\nThe adapter was added to the 4-bit weights that it was trained over, dequantised.")
    return "\n".join(rows)


def _data(recipe: Recipe, counts: dict[str, Any]) -> str:
    splits = counts["splits"]
    trained, validation, test = (splits[name] for name in (recipe.training.split, "validation", "test"))
    period = f" from {counts['first_day']} to {counts['last_day']}" if counts.get("first_day") else ""
    of = ""
    if "messages" in counts:
        if not counts["messages"]:
            return f"{counts['read']:,} tweets read, {counts['kept']:,} kept{period}. This card contains no tweets."
        # Only a tweet with a message trains or is scored.
        trained, validation, test = (counts["messages"][name]["usable"] for name in ("train", "validation", "test"))
        of = "of those for which a model wrote a message that they answer, "
    return (
        f"{counts['read']:,} tweets read, {counts['kept']:,} kept{period}; {of}{trained:,} trained on, "
        f"{validation:,} for validation, {test:,} for the test, which are the latest. This card contains no tweets."
    )


def _metrics(evaluation: dict[str, Any]) -> str:
    from tweetstyle.wording.verdict import answers

    test = evaluation["splits"]["test"]
    answer = answers(evaluation, [], "en")[0][0]
    rows = ["| held-out tweets | bits per byte |", "|---|---:|", f"| base model | {test['base']['bits_per_byte']:.3f} |"]
    rows += [f"| {plain(name)} | {figures['bits_per_byte']:.3f} |" for name, figures in test["baselines"].items()]
    rows.append(f"| this model, before quantisation | {test['tuned']['bits_per_byte']:.3f} |")
    best = f"Gain over the best of them ({plain(test['best'])}): {_interval(test['over_best'])} bits per byte, on {test['tweets']} tweets."
    said = f"Does it write like its author? The evaluation's answer: {plain(answer)}"
    return f"{said}\n\n" + "\n".join(rows) + f"\n\n{best} Lower bits per byte predict the author's own unseen tweets better."


def _interval(interval: dict[str, Any]) -> str:
    if interval["low"] is None:
        return f"{interval['estimate']:+.3f} (too few days for an interval)"
    return f"{interval['estimate']:+.3f} ({interval['confidence']:.0%} interval {interval['low']:+.3f} to {interval['high']:+.3f})"


def _gate(parity: dict[str, Any]) -> str:
    rows = ["| file | check | verdict | figures |", "|---|---|---|---|"]
    words = {True: "passed", False: "failed", None: "not made"}
    for check in parity["checks"]:
        figures = "; ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in check["figures"].items()
        )
        rows.append(f"| {check['type']} | {check['name']} | {words[check['passed']]} | {plain(figures)} |")
    return f"{plain(Say('en').gate(parity['verdict']))} More in parity.html.\n\n" + "\n".join(rows)


def _made(recipe: Recipe) -> str:
    from importlib.metadata import version

    training, lora = recipe.training, recipe.model.lora
    adapter = (
        "" if recipe.model.method == "full" else f", rank {lora.r}, alpha {lora.lora_alpha}{', rank-stabilised' if lora.use_rslora else ''}"
    )
    return (
        f"Method {recipe.model.method}{adapter}; {training.num_train_epochs:g} epochs at most, learning rate {training.learning_rate:g}, "
        f"packs of {training.max_length} tokens, seed {training.seed}. "
        f"Made with tweetstyle {__version__} (gguf {version('gguf')}, xllamacpp {version('xllamacpp')})."
    )


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
