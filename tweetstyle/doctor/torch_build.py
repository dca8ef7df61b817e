"""How the installed torch was built, read from its version.py: importing it would take seconds and start CUDA."""

from __future__ import annotations

import ast
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
    spec = find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return None
    return read_torch_build(Path(spec.submodule_search_locations[0]))


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
