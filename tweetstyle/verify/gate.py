"""All checks of the gate; a file that fails is set aside; parity.json and its page."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from tweetstyle import __version__
from tweetstyle.dataset.held_out import HeldOut
from tweetstyle.files import complete_file
from tweetstyle.inference.llama_cpp import Logits, score
from tweetstyle.locale import _, current_language
from tweetstyle.model.tokenizer import Tokenizer
from tweetstyle.pages.render import render
from tweetstyle.progress import Bar
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Evaluation, Export, Sampling
from tweetstyle.verify.checks import GateCheck, judged_by_training, stops, tokens_in_llama_cpp, tokens_in_ollama, training_loss
from tweetstyle.wording.words import Say

REJECTED = ".rejected"
CHECKS = ("tokens", "tokens in Ollama", "training", "stop")


@dataclass(frozen=True)
class TrainedModel:
    """What the files are compared with. sample: held-out tweets; nats: float64 [n], their losses under the model as it was trained."""

    template: Template
    tokenizer: Tokenizer
    sample: HeldOut
    nats: np.ndarray


def verify(
    trained: TrainedModel, gguf: dict[str, Path], modelfile: Path | None, sampling: Sampling, section: Export, evaluation: Evaluation
) -> list[GateCheck]:
    """All checks of all files. gguf: type → file; modelfile: names one of them, and is used for a running Ollama.

    Raises TweetstyleError for a file that llama.cpp does not load at all.
    """
    sample, template = trained.sample, trained.template
    tokens = sum(len(document.ids) for document in sample.documents)
    checks: list[GateCheck] = []
    for type, path in gguf.items():
        with Logits.for_documents(path, sample.documents) as logits, Bar(_("gate: {type}", type=type), tokens, _("tokens")) as bar:
            checks.append(tokens_in_llama_cpp(logits, type, template, trained.tokenizer, sample.tweets))
            nats = score(logits, sample.documents, bar.advance)
        training = training_loss(type, nats, trained.nats, sample, evaluation)
        answers = stops(path, type, template, sampling, sample.tweets, section.gate_answers)
        checks += [training, judged_by_training(answers, training)]
        if modelfile and path.name in modelfile.read_text(encoding="utf-8"):
            checks.append(tokens_in_ollama(modelfile, type, template, trained.tokenizer, sample.tweets))
    return checks


def rejected_types(checks: Sequence[GateCheck]) -> dict[str, str]:
    """type → why, of the files that failed a check."""
    failed: dict[str, list[str]] = {}
    for check in checks:
        if check.passed is False:
            failed.setdefault(check.type, []).append(_in_words(check))
    return {type: "; ".join(reasons) for type, reasons in failed.items()}


def remarks(checks: Sequence[GateCheck]) -> dict[str, str]:
    """type → what is to be known of files that passed nevertheless."""
    return {check.type: _in_words(check) for check in checks if check.passed and check.why}


def _in_words(check: GateCheck) -> str:
    return _("{check}: {reason}", check=Say(current_language()).named("checks", check.name), reason=check.reason)


def set_aside(gguf: dict[str, Path], rejected: dict[str, str]) -> dict[str, Path]:
    """Renames each rejected file to <file>.rejected, and gives those that are left."""
    for type in rejected:
        gguf[type].replace(gguf[type].with_name(gguf[type].name + REJECTED))
    return {type: path for type, path in gguf.items() if type not in rejected}


def write_parity(checks: Sequence[GateCheck], directory: Path, name: str, language: str = "en") -> None:
    """directory/parity.json (every check, figure, limit, verdict) and directory/parity.html (for a person; holds no tweet)."""
    content = {
        "schema": 2,
        "name": name,
        "verdict": verdict(checks),
        "passed": all(check.passed is not False for check in checks),
        "versions": {"tweetstyle": __version__, "xllamacpp": version("xllamacpp"), "gguf": version("gguf")},
        "checks": [asdict(check) for check in checks],
    }
    with complete_file(directory / "parity.json") as stream:
        json.dump(content, stream, indent=2, ensure_ascii=False)
    with complete_file(directory / "parity.html") as stream:
        stream.write(page(checks, name, language))


def verdict(checks: Sequence[GateCheck]) -> dict[str, list[str]]:
    """Types of file that passed, whose answers often do not end, and that were rejected; and the checks that were not made."""
    types = list(dict.fromkeys(check.type for check in checks))
    rejected = rejected_types(checks)
    return {
        "passed": [type for type in types if type not in rejected],
        "endless": list(dict.fromkeys(check.type for check in checks if check.name == "stop" and check.passed and check.why)),
        "rejected": list(rejected),
        "unmade": list(dict.fromkeys(check.name for check in checks if check.passed is None)),
    }


def page(checks: Sequence[GateCheck], name: str, language: str) -> str:
    """A self-contained HTML document: nothing is fetched, no script runs."""
    say, sections = Say(language), []
    for kind in CHECKS:
        if of := [check for check in checks if check.name == kind]:
            figures = list(dict.fromkeys(figure for check in of for figure in check.figures))
            sections.append({"name": kind, "checks": of, "figures": figures})
    title = say("y_title", name=name)
    return render("parity.html.j2", language=language, title=title, verdict=say.gate(verdict(checks)), sections=sections, say=say)
