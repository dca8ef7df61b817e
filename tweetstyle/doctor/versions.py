"""Do the installed packages go together, and what CUDA are they built for?"""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tweetstyle.hardware.check import Check, fail, ok, warn
from tweetstyle.hardware.machine import installed_versions

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
    there, rules = installed.versions, installed.rules
    missing = dict.fromkeys(rule.name for rule in rules if rule.who == OURS and rule.name not in there)
    breaking = {name: why for name, (versions, why) in KNOWN_TO_BREAK.items() if name in there and _within(there[name], versions)}
    checks = [fail("versions", f"{name} is not installed", DO) for name in missing]
    checks += [fail("versions", f"{name} {there[name]} is known to break: {why}", DO) for name, why in breaking.items()]
    too_new, report = set(breaking), fail if has_card else warn
    # Of several bounds that a version is above, the first of CAPPED_BY is reported.
    for rule in sorted(rules, key=lambda rule: CAPPED_BY.index(rule.who) if rule.who in CAPPED_BY else len(CAPPED_BY)):
        if rule.name not in there or rule.name in too_new or _within(there[rule.name], rule.specifier):
            continue
        bound, what = upper_bound(rule.specifier), f"{rule.name} is {there[rule.name]}, {rule.who}"
        if rule.who in CAPPED_BY and not _within(there[rule.name], bound):
            too_new.add(rule.name)
            checks.append(report("versions", f"{what} goes up to {bound}", DO))
        else:
            checks.append(warn("versions", f"{what} requires {rule.specifier}", DO))
    if checks:
        return checks
    shown = ("unsloth", "torch", "transformers", "trl", "peft", "bitsandbytes")
    return [ok("versions", ", ".join(f"{name} {there[name]}" for name in shown if name in there))]


def upper_bound(specifier: str) -> str:
    """The part of a PEP 440 specifier that is an upper bound; empty where it has none."""
    return ",".join(sorted(str(part) for part in SpecifierSet(specifier) if part.operator in ("<", "<=")))


def _within(there: str, specifier: str) -> bool:
    """A version that PEP 440 cannot parse is taken to be right."""
    try:
        return SpecifierSet(specifier).contains(Version(there), prereleases=True)
    except InvalidVersion:
        return True


# -- what torch and xformers are built for ----------------------------------------------------------------------------


@dataclass(frozen=True)
class TorchBuild:
    """version: as torch.__version__, its local part included; cuda: the CUDA that it was built with, None for a CPU-only build."""

    version: str
    cuda: str | None

    @property
    def cuda_major(self) -> int:
        return int((self.cuda or "0").split(".")[0])

    def is_at_least(self, version: str) -> bool:
        return _within(self.version, f">={version}")


def installed_torch() -> TorchBuild | None:
    """The build that `import torch` would load, or None where there is none."""
    package = _package("torch")
    return read_torch_build(package) if package else None


def xformers_cuda() -> int | None:
    """The major version of the CUDA whose runtime the installed xformers loads; None without xformers, or with one that has no kernels."""
    package = _package("xformers")
    return read_xformers_cuda(package) if package else None


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def read_torch_build(package: Path) -> TorchBuild | None:
    """From a torch package's directory, whose version.py imports nothing of torch; None where it cannot be read."""
    try:
        found = runpy.run_path(str(package / "version.py"))
    except (OSError, SyntaxError, ValueError):
        return None
    version = found.get("__version__")
    return TorchBuild(str(version), found.get("cuda")) if version else None


def read_xformers_cuda(package: Path) -> int | None:
    """From an xformers package's directory: cpp_lib.json holds 1208 for CUDA 12.8."""
    try:
        return json.loads((package / "cpp_lib.json").read_text(encoding="utf-8"))["version"]["cuda"] // 100
    except (OSError, ValueError, KeyError, TypeError):
        return None
