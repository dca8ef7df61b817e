"""The locked packages: bounds as Unsloth's, and an xformers only where its kernels load."""

from __future__ import annotations

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

from tweetstyle.doctor.versions import upper_bound

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
"""xformers' import succeeds without its library: loading that is asked for, as Unsloth does."""


def locked(lock: Path) -> dict[str, Version]:
    """Name → version on Linux; the last of a name that has several."""
    pinned = (re.match(r"([\w.-]+)==([^ ]+)", line) for line in lock.read_text(encoding="utf-8").splitlines())
    return {found[1]: Version(found[2]) for found in pinned if found}


def cuda_of(packages: dict[str, Version]) -> int:
    """The major version of the CUDA runtime that torch brings: a part of the package's name for CUDA 12, its version since 13."""
    return 12 if "nvidia-cuda-runtime-cu12" in packages else packages["nvidia-cuda-runtime"].major


def of_setup_cfg() -> list[Requirement]:
    parser = ConfigParser()
    parser.read(PROJECT / "setup.cfg")
    return [Requirement(line) for line in parser["options"]["install_requires"].splitlines() if line]


def test_there_is_a_lock_for_turing_beside_the_main_one():
    assert [lock.name for lock in LOCKS] == ["requirements-turing.lock", "requirements.lock"]
    assert [cuda_of(locked(lock)) for lock in LOCKS] == [12, 13]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_the_locks_hold_what_setup_cfg_asks_for(lock):
    packages = locked(lock)
    for requirement in of_setup_cfg():
        assert requirement.specifier.contains(packages[canonicalize_name(requirement.name)]), str(requirement)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_locked_xformers_has_the_cuda_runtime_that_it_needs(lock):
    packages = locked(lock)
    if "xformers" in packages:
        assert RUNTIME_OF[str(packages["xformers"])] == cuda_of(packages)


def test_the_locks_have_the_same_unsloth_trl_and_transformers():
    """The product's code was tried with one of each."""
    first, second = (locked(lock) for lock in LOCKS)
    other = {name for name in first.keys() & second.keys() if first[name] != second[name]}
    assert other <= {"torch", "torchao", "torchvision", "triton", "cuda-bindings"}


def test_setup_cfgs_upper_bounds_are_unsloths():
    bounds = {canonicalize_name(of.name): upper_bound(str(of.specifier)) for of in of_setup_cfg()}
    asked = {}
    for line in [*requires("unsloth"), *requires("unsloth_zoo")]:
        requirement = Requirement(line)
        name, bound = canonicalize_name(requirement.name), upper_bound(str(requirement.specifier))
        if name in bounds and bound and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            asked.setdefault(name, set()).add(bound)
    assert asked.keys() >= {"torch", "transformers", "trl", "datasets"}
    assert {name: {bounds[name]} for name in asked} == asked


def test_xformers_kernels_load_where_this_environments_lock_has_it():
    lock = next(lock for lock in LOCKS if str(locked(lock)["torch"]) == version("torch"))
    if "xformers" in locked(lock):
        assert_loads(Path(sys.executable))


def assert_loads(python: Path) -> None:
    done = subprocess.run([python, "-c", LOAD], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1500:]
    cuda, torch, kernels = json.loads(done.stdout.splitlines()[-1])
    assert kernels and torch.endswith(f"+cu{cuda // 100}{cuda % 100}"), (cuda, torch)
