"""Do the installed packages go together, and what CUDA are they built for?"""

import json
import runpy
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tweetstyle.hardware.check import Check, fail, ok, warn
from tweetstyle.locale import N_, _

OURS = "tweetstyle"
PACKAGES = (
    OURS, "unsloth", "unsloth-zoo", "torch", "torchvision", "torchao", "triton", "xformers", "transformers", "tokenizers", "trl", "peft",
    "accelerate", "bitsandbytes", "datasets", "huggingface-hub", "safetensors", "gguf", "xllamacpp",
)  # fmt: skip
"""Those whose versions decide whether a training goes well."""
STRICT = (OURS, "unsloth", "unsloth-zoo")
"""Whose requirements a card needs: Unsloth rewrites models and trainers by their text. setup.cfg has the same bounds."""
SHOWN = ("unsloth", "torch", "transformers", "trl", "peft", "bitsandbytes")
DO = N_("make setup in a fresh clone installs the versions of requirements.lock, which the tests pass with")


def check_versions(versions: Mapping[str, str], *, has_card: bool) -> list[Check]:
    """One check for each package that is missing or not in a required version; or one check that all versions are good.

    has_card: a version that Unsloth or this package does not take fails there, for its kernels were not tried with it; on a CPU it warns.
    """
    found: dict[str, Check] = {}
    for who in (package for package in PACKAGES if package in versions):
        for requirement in map(Requirement, requires(who) or ()):
            name = canonicalize_name(requirement.name)
            if name not in PACKAGES or name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
                continue
            if name not in versions:
                if who == OURS:
                    found[name] = fail(N_("versions"), _("{package} is not installed", package=name), _(DO))
            elif not requirement.specifier.contains(versions[name], prereleases=True):
                report = fail if has_card and who in STRICT else warn
                values = {"package": name, "version": versions[name], "who": who, "required": requirement.specifier}
                found[name] = report("versions", _("{package} is {version}, {who} requires {required}", **values), _(DO))
    return list(found.values()) or [ok("versions", ", ".join(f"{name} {versions[name]}" for name in SHOWN))]


# -- what torch and xformers are built for ----------------------------------------------------------------------------


@dataclass(frozen=True)
class TorchBuild:
    """version: as torch.__version__, its local part included; cuda: the CUDA that it was built with, None for a CPU-only build."""

    version: str
    cuda: str | None

    @property
    def cuda_major(self) -> int:
        return int((self.cuda or "0").split(".")[0])


def installed_torch() -> TorchBuild | None:
    """The build that `import torch` would load, from its version.py, which imports nothing of torch; None where there is none."""
    if (package := _package("torch")) is None:
        return None
    found = runpy.run_path(str(package / "version.py"))
    return TorchBuild(str(found["__version__"]), found["cuda"])


def xformers_cuda() -> int | None:
    """The major version of the CUDA that the installed xformers' kernels are for (cpp_lib.json: 1208 for 12.8); None without kernels."""
    built = (_package("xformers") or Path()) / "cpp_lib.json"
    return json.loads(built.read_text(encoding="utf-8"))["version"]["cuda"] // 100 if built.is_file() else None


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
