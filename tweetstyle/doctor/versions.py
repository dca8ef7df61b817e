"""Whether the installed packages go together: by what each says of the others, and by what is known to break."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import requires

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tweetstyle.doctor.check import Check, fail, ok, warn
from tweetstyle.installed import installed_versions

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
"""What a version that another package asks for is good for."""
DO = "make setup in a fresh clone installs the versions of requirements.lock, which the tests pass with"


@dataclass(frozen=True)
class Rule:
    """`who` asks for `name` in one of the versions of `specifier` (PEP 440)."""

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


def check_versions(installed: Installed) -> list[Check]:
    """One check for each package that is missing, known to break or other than asked for; one that all is well where none is."""
    checks = [*_missing(installed), *_breaking(installed), *_other(installed)]
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


def _other(installed: Installed) -> Iterator[Check]:
    for rule in installed.rules:
        there = installed.versions.get(rule.name)
        if there is None or _within(there, rule.specifier):
            continue
        if (known := KNOWN_TO_BREAK.get(rule.name)) and _within(there, known[0]):
            continue
        why = f": {WHY[rule.name]}" if rule.name in WHY else ""
        yield warn("versions", f"{rule.name} is {there}, {rule.who} asks for {rule.specifier}{why}", DO)


def _within(there: str, specifier: str) -> bool:
    """A version that is none by PEP 440 cannot be judged, and counts as one that was asked for."""
    try:
        return SpecifierSet(specifier).contains(Version(there), prereleases=True)
    except InvalidVersion:
        return True
