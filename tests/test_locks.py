"""The locked packages: bounds as Unsloth's, and an xformers only where its kernels load."""

import json
import re
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = Path(__file__).resolve().parents[1]
LOCKS = sorted(PROJECT.glob("requirements*.lock"))
RUNTIME_OF = {"0.0.35": 12}
"""xformers' version → major version of the CUDA runtime that its wheel on PyPI needs (readelf -d xformers/_C.so: libcudart.so.12)."""
LOAD = """
import json, torch
from xformers._cpp_lib import _register_extensions
built = _register_extensions()
kernels = [name for name in torch._C._dispatch_get_all_op_names() if name == "xformers::_nvcc_build_version"]
print(json.dumps([built.metadata["version"]["cuda"], torch.__version__, kernels]))
"""
"""xformers' import succeeds without its library: so it is loaded, as Unsloth does."""


def locked(lock: Path) -> dict[str, Version]:
    """Name → version on Linux; the last of a name that has several."""
    pinned = (re.match(r"([\w.-]+)==([^ ]+)", line) for line in lock.read_text(encoding="utf-8").splitlines())
    return {found[1]: Version(found[2]) for found in pinned if found}


def cuda_of(packages: dict[str, Version]) -> int:
    """The major version of the CUDA runtime that torch brings: a part of the package's name for CUDA 12, its version since 13."""
    return 12 if "nvidia-cuda-runtime-cu12" in packages else packages["nvidia-cuda-runtime"].major


def upper_bound(requirement: Requirement) -> str:
    return ",".join(sorted(str(part) for part in requirement.specifier if part.operator in ("<", "<=")))


def of_setup_cfg() -> list[Requirement]:
    parser = ConfigParser()
    parser.read(PROJECT / "setup.cfg")
    return [Requirement(line) for line in parser["options"]["install_requires"].splitlines() if line]


@pytest.mark.parametrize(("name", "cuda"), [("requirements-turing.lock", 12), ("requirements.lock", 13)])
def test_the_locks_hold_what_setup_cfg_requires_and_an_xformers_for_their_cuda(name, cuda):
    packages = locked(PROJECT / name)
    assert cuda_of(packages) == cuda
    for requirement in of_setup_cfg():
        assert requirement.specifier.contains(packages[canonicalize_name(requirement.name)]), str(requirement)
    if "xformers" in packages:
        assert RUNTIME_OF[str(packages["xformers"])] == cuda


def test_the_locks_have_the_same_unsloth_trl_and_transformers():
    first, second = (locked(lock) for lock in LOCKS)
    other = {name for name in first.keys() & second.keys() if first[name] != second[name]}
    assert other <= {"torch", "torchao", "torchvision", "triton", "cuda-bindings"}


def test_setup_cfgs_upper_bounds_are_unsloths():
    bounds = {canonicalize_name(of.name): upper_bound(of) for of in of_setup_cfg()}
    required = {}
    for line in [*requires("unsloth"), *requires("unsloth_zoo")]:
        requirement = Requirement(line)
        name, bound = canonicalize_name(requirement.name), upper_bound(requirement)
        if name in bounds and bound and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            required.setdefault(name, set()).add(bound)
    assert required.keys() >= {"torch", "transformers", "trl", "datasets"}
    assert {name: {bounds[name]} for name in required} == required


def test_xformers_kernels_load_where_this_environments_lock_has_it():
    lock = next(lock for lock in LOCKS if str(locked(lock)["torch"]) == version("torch"))
    if "xformers" in locked(lock):
        done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-1500:]
        cuda, torch, kernels = json.loads(done.stdout.splitlines()[-1])
        assert kernels and torch.endswith(f"+cu{cuda // 100}{cuda % 100}"), (cuda, torch)
