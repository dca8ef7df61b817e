"""Do the installed packages go together?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import requires

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tweetstyle.hardware.check import Check, fail, ok, warn
from tweetstyle.hardware.installed import installed_versions

OURS = "tweetstyle"
TRAINING = (
    OURS, "unsloth", "unsloth-zoo", "torch", "torchvision", "torchao", "triton", "xformers", "transformers", "tokenizers", "trl", "peft",
    "accelerate", "bitsandbytes", "datasets", "huggingface-hub", "safetensors", "gguf", "xllamacpp",
)  # fmt: skip
"""Packages whose versions decide whether a training goes well; the requirements of one among the others are checked."""

KNOWN_TO_BREAK = {
    "datasets": (">=4.4.0,<=4.5.0", "it recurses without end, and Unsloth refuses to start with it (unsloth/import_fixes.py)"),
    "unsloth": ("<2026.10.9", "it cannot train without a card, and reads other settings than this program writes"),
}
"""Package → versions, and why a run with them is stopped."""

WHY = {
    "transformers": "that packed tweets are kept apart was proven with that one; Unsloth rewrites its model classes by their text",
    "trl": "Unsloth rewrites its trainers by their text, and leaves one that it does not know as it is",
    "torch": "the others are compiled against it",
    "triton": "torch compiles its kernels with the one it was released with",
    "torchvision": "it is compiled against one torch, and transformers imports it",
}
"""Why the version that another package requires is needed."""
CAPPED_BY = ("unsloth", "unsloth-zoo", OURS)
"""Whose upper bounds decide on a card: Unsloth rewrites models and trainers by their text. setup.cfg has the same bounds."""
DO = "make setup in a fresh clone installs the versions of requirements.lock, which the tests pass with"


@dataclass(frozen=True)
class Rule:
    """`who` requires `name` in one of the versions of `specifier` (PEP 440)."""

    who: str
    name: str
    specifier: str


@dataclass(frozen=True)
class Installed:
    """versions: package → version, for those of TRAINING that are there; rules: what they ask of one another."""

    versions: Mapping[str, str]
    rules: tuple[Rule, ...]


def observe_versions() -> Installed:
    """From the installed packages' metadata; nothing is imported."""
    found = installed_versions(TRAINING)
    return Installed(found, tuple(rule for name in found for rule in _rules(name)))


def _rules(who: str) -> Iterator[Rule]:
    for line in requires(who) or []:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        name = canonicalize_name(requirement.name)
        if name in TRAINING and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            yield Rule(who, name, str(requirement.specifier))


def check_versions(installed: Installed, *, has_card: bool) -> list[Check]:
    """One check for each package that is missing, known to break or other than required; or one check that all versions are good.

    has_card: a version above Unsloth's upper bound fails there, for the kernels of its models were not tried with it; on a CPU it warns.
    """
    checks = [*_missing(installed), *_breaking(installed), *_too_new(installed, fail if has_card else warn), *_other(installed)]
    if checks:
        return checks
    shown = ("unsloth", "torch", "transformers", "trl", "peft", "bitsandbytes")
    return [ok("versions", ", ".join(f"{name} {installed.versions[name]}" for name in shown if name in installed.versions))]


def _missing(installed: Installed) -> Iterator[Check]:
    names = dict.fromkeys(rule.name for rule in installed.rules if rule.who == OURS and rule.name not in installed.versions)
    for name in names:
        yield fail("versions", f"{name} is not installed", DO)


def _breaking(installed: Installed) -> Iterator[Check]:
    for name, (specifier, reason) in KNOWN_TO_BREAK.items():
        if name in installed.versions and _within(installed.versions[name], specifier):
            yield fail("versions", f"{name} {installed.versions[name]} is known to break: {reason}", DO)


def _too_new(installed: Installed, report: Callable[[str, str, str], Check]) -> Iterator[Check]:
    """Packages above an upper bound of those of CAPPED_BY, each reported once."""
    reported: set[str] = set()
    for rule in (rule for who in CAPPED_BY for rule in installed.rules if rule.who == who):
        there = installed.versions.get(rule.name)
        if there is None or rule.name in reported or not _above(there, rule):
            continue
        reported.add(rule.name)
        yield report("versions", f"{rule.name} is {there}, {rule.who} goes up to {upper_bound(rule.specifier)}{_why(rule.name)}", DO)


def _other(installed: Installed) -> Iterator[Check]:
    for rule in installed.rules:
        there = installed.versions.get(rule.name)
        if there is None or _within(there, rule.specifier) or _above(there, rule):
            continue
        if (known := KNOWN_TO_BREAK.get(rule.name)) and _within(there, known[0]):
            continue
        yield warn("versions", f"{rule.name} is {there}, {rule.who} requires {rule.specifier}{_why(rule.name)}", DO)


def _why(name: str) -> str:
    return f": {WHY[name]}" if name in WHY else ""


def _above(there: str, rule: Rule) -> bool:
    return rule.who in CAPPED_BY and not _within(there, upper_bound(rule.specifier))


def upper_bound(specifier: str) -> str:
    """The part of a PEP 440 specifier that is an upper bound; empty where it has none."""
    return ",".join(sorted(str(part) for part in SpecifierSet(specifier) if part.operator in ("<", "<=")))


def _within(there: str, specifier: str) -> bool:
    """A version that PEP 440 cannot parse is taken to be right."""
    try:
        return SpecifierSet(specifier).contains(Version(there), prereleases=True)
    except InvalidVersion:
        return True
