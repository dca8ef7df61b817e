"""What setup.cfg declares is what the package imports, and the wheel works where nothing else is installed."""

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import Distribution, distribution, packages_distributions
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]
LEFT_OUT = "xformers"
"""What unsloth asks for and requirements.lock leaves out (Makefile, lock)."""


def imported_modules(directory: Path) -> dict[str, str]:
    """Third-party module, as dotted as the import names it → a place that imports it; also inside functions."""
    found = {}
    for path in sorted(directory.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                if top not in sys.stdlib_module_names and top != "tweetstyle":
                    found.setdefault(name, f"{path.relative_to(PROJECT)}:{node.lineno}")
    return found


def test_every_imported_package_is_declared():
    """And every declared one is imported, or the comment before it says that it is not."""
    lines = (PROJECT / "setup.cfg").read_text().partition("install_requires =\n")[2].partition("\n[")[0].splitlines()
    why = {canonicalize_name(Requirement(line).name): comment for comment, line in pairwise(map(str.strip, lines)) if line[0] != "#"}
    assert why and all(comment.startswith("# ") for comment in why.values()), "a requirement without its reason"
    provided, imported = packages_distributions(), set()
    for module, place in imported_modules(PROJECT / "tweetstyle").items():
        providers = {canonicalize_name(name) for name in provided.get(module.split(".")[0], ())}
        assert providers & why.keys(), f"{place}: {module} is not in setup.cfg's install_requires"
        imported |= providers
    assert {name for name, comment in why.items() if comment.startswith("# not imported: ")} == why.keys() - imported


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built of a copy: a build in place would also pack what an older build left there."""
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    shutil.copytree(PROJECT / "tweetstyle", source / "tweetstyle", ignore=shutil.ignore_patterns("__pycache__"))
    uv(["build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", source / "dist", source])
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def runtime_python(wheel, tmp_path_factory) -> Path:
    """The interpreter of an environment that has the wheel and links to this environment's packages that it requires, without extras."""
    environment = tmp_path_factory.mktemp("runtime") / "venv"
    uv(["venv", "--no-config", "--python", sys.executable, environment])
    python = environment / "bin" / "python"
    uv(["pip", "install", "--no-deps", "--python", python, wheel])
    (site,) = environment.glob("lib/python*/site-packages")
    (installed,) = site.glob("tweetstyle-*.dist-info")
    for package in closure(Distribution.at(installed).requires).values():
        # Scripts and headers lie outside site-packages: they are not imported.
        for name in {file.parts[0] for file in package.files if ".." not in file.parts} - {"__pycache__"}:
            if not (site / name).exists():
                (site / name).symlink_to(package.locate_file(name))
    return python


def uv(arguments: list[str | Path]) -> None:
    program = Path(sys.executable).with_name("uv")
    done = subprocess.run([program, "--offline", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def closure(requires: list[str]) -> dict[str, Distribution]:
    """The distributions, of those installed here, that are installed with `requires` without asking for an extra."""
    found: dict[str, Distribution] = {}
    pending, seen = [(Requirement(line), "") for line in requires], set()
    while pending:
        requirement, extra = pending.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name == LEFT_OUT:
            continue
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                found[name] = distribution(name)
                pending += [(Requirement(line), wanted) for line in found[name].requires or ()]
    return found


def test_the_wheel_holds_every_module_and_data_file(wheel):
    expected = {
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "tweetstyle").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {Path(name).suffix for name in expected} >= {".css", ".j2", ".js", ".py", ".txt", ".yaml"}
    assert expected == {name for name in packed if ".dist-info/" not in name}


IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path = [entry for entry in sys.path if entry]
import tweetstyle
names = [found.name for found in pkgutil.walk_packages(tweetstyle.__path__, "tweetstyle.")]
needs_extra = {"tweetstyle.train.event_files", "torch.utils.tensorboard"}
for name in {*names, *sys.argv[1:]} - needs_extra:
    importlib.import_module(name)
for name in needs_extra:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert error.name == "tensorboard"
    else:
        raise SystemExit(f"{name} needs no extra")
print(len(names), tweetstyle.__file__)
"""


@pytest.mark.slow
def test_every_module_and_what_it_imports_later_can_be_imported_without_the_extras(runtime_python, tmp_path):
    """Imports inside functions count too: most of the package's libraries are imported only when they are needed."""
    later = sorted(imported_modules(PROJECT / "tweetstyle"))
    done = subprocess.run([runtime_python, "-c", IMPORT_ALL, *later], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    count, place = done.stdout.splitlines()[-1].split(maxsplit=1)
    assert Path(place).is_relative_to(runtime_python.parents[1])
    # The package itself is one of its modules, and walk_packages does not name it.
    assert int(count) == len(list((PROJECT / "tweetstyle").rglob("*.py"))) - 1


@pytest.mark.parametrize("program", ["tweetstyle", "tweetstyle-fit"])
def test_the_installed_commands_show_their_help(runtime_python, tmp_path, program):
    done = subprocess.run([runtime_python.with_name(program), "--help"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith(f"Usage: {program}"), done.stderr


def test_the_environment_starts_under_an_accented_path_in_an_ascii_locale(tmp_path):
    """As `make setup` leaves it: the path file is relative. An absolute one fails here with Python 3.11 and 3.12."""
    (made,) = Path(sysconfig.get_paths()["purelib"]).glob("__editable__.tweetstyle-*.pth")
    project = tmp_path / "projet été"
    venv.create(project / ".venv", symlinks=True)
    (there,) = (project / ".venv").glob("lib/python3.*/site-packages")
    shutil.copy(made, there)
    (project / "tweetstyle.py").write_text("print('found')")
    command = [project / ".venv" / "bin" / "python", "-c", "import tweetstyle"]
    done = subprocess.run(command, capture_output=True, text=True, env={"LC_ALL": "C", "PATH": os.environ["PATH"]}, cwd=tmp_path)
    assert done.stdout == "found\n", done.stderr
