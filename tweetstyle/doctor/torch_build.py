"""How the installed torch and xformers were built, read from their files: importing them would take seconds and start CUDA."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class TorchBuild:
    """version: as torch.__version__, its local part included; cuda: the CUDA that it was built with, None for a CPU-only build."""

    version: str
    cuda: str | None

    @property
    def cuda_version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in (self.cuda or "0").split("."))


def installed_torch() -> TorchBuild | None:
    """The build that `import torch` would load, or None where there is none."""
    package = _package("torch")
    return read_torch_build(package) if package else None


def xformers_cuda() -> int | None:
    """The major version of the CUDA whose runtime the installed xformers loads; None without xformers, or with one that has no kernels."""
    package = _package("xformers")
    return read_xformers_cuda(package) if package else None


def read_xformers_cuda(package: Path) -> int | None:
    """From an xformers package's directory: cpp_lib.json holds 1208 for CUDA 12.8."""
    try:
        return json.loads((package / "cpp_lib.json").read_text(encoding="utf-8"))["version"]["cuda"] // 100
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def read_torch_build(package: Path) -> TorchBuild | None:
    """From a torch package's directory: version.py holds plain assignments, some of them annotated. None where it cannot be read."""
    try:
        tree = ast.parse((package / "version.py").read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None
    found = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant):
                found[target.id] = node.value.value
    return TorchBuild(found["__version__"], found.get("cuda")) if isinstance(found.get("__version__"), str) else None
