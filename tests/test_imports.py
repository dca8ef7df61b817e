"""The layers of the package, and what starts at once must not pay for what trains."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tweetstyle"
HEAVY = {"torch", "transformers", "unsloth", "trl", "peft", "datasets", "sklearn"}
LIGHT = [
    "tweetstyle.cli", "tweetstyle.pipeline", "tweetstyle.run", "tweetstyle.stages.plan", "tweetstyle.stages.checks",
    "tweetstyle.recipe_yaml", "tweetstyle.prompt.template", "tweetstyle.model.tokenizer", "tweetstyle.model.base",
    "tweetstyle.manifest", "tweetstyle.prepare", "tweetstyle.train",
    "tweetstyle.train.checkpoints", "tweetstyle.evaluate", "tweetstyle.export", "tweetstyle.doctor",
    "tweetstyle.inference.chat", "tweetstyle.inference.ollama", "tweetstyle.playback", "tweetstyle.plan.tables",
]  # fmt: skip
VERBS = {"prepare", "playback", "train", "evaluate", "export", "verify", "report", "inspect", "doctor", "write"}
"""A verb never imports another: what two of them need is in a package below them."""
ABOVE_VERBS = {"run", "stages", "pipeline", "start", "cli"}
KNOW_THE_RECIPE = {"recipe", "recipe_yaml", "manifest", "plan"} | ABOVE_VERBS
"""Besides these only the model card, which shows the whole recipe: a verb takes its own section."""
ROOT_MODULES = 12
FILES, LINES_OF_PACKAGE, LINES_OF_TESTS = 178, 23_900, 22_900
"""At most. What a change adds makes it look for what is superfluous; what it saves is taken off here."""
LINES, PARAMETERS = 40, 6
"""Of a function, at most."""
LARGER = {
    "tweetstyle.export.export": "each value that an export is made from comes from another stage",
    "tweetstyle.train.trainer.sft_config": "a table of TRL's settings, each with its reason",
}
"""Function → why it may be larger; at most five."""


def module_name(path: Path) -> str:
    return ".".join(("tweetstyle", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def imports() -> dict[str, set[str]]:
    """Module → modules of the package that it imports anywhere, within functions and for type checkers too."""
    found = defaultdict(set)
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tweetstyle"):
                names = (f"{node.module}.{alias.name}" for alias in node.names)
                found[module] |= {name if name in MODULES else node.module for name in names} - {module}
    return found


IMPORTS = imports()


def part(module: str) -> str:
    """The package or root module that a module belongs to."""
    return (*module.split("."), "__init__")[1]


def test_no_modules_and_no_packages_import_each_other_in_a_circle():
    parts = defaultdict(set)
    for module, imported in IMPORTS.items():
        parts[part(module)] |= {part(name) for name in imported} - {part(module)}
    for graph in (IMPORTS, parts):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            pytest.fail(f"these import each other: {' ← '.join(error.args[1])}")


def test_no_verb_imports_another_and_nothing_below_imports_a_verb():
    wrong = [
        f"{module} imports {name}"
        for module, imported in IMPORTS.items()
        for name in imported
        if part(name) in VERBS | ABOVE_VERBS and part(module) != part(name) and part(module) not in ABOVE_VERBS
    ]
    # cli prints `inspect` and `compare` itself: these read no recipe.
    assert not wrong


def test_a_verb_sees_its_own_section_of_the_recipe():
    whole = re.compile(r"(?m)^ *from tweetstyle\.recipe import .*\bRecipe\b")
    found = [module for module, path in MODULES.items() if whole.search(path.read_text(encoding="utf-8"))]
    assert {module for module in found if part(module) not in KNOW_THE_RECIPE} == {"tweetstyle.export.model_card"}


def test_the_package_and_its_tests_stay_small():
    assert len([path for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]) <= ROOT_MODULES and len(MODULES) <= FILES
    lines = [sum(len(path.read_bytes().splitlines()) for path in of.rglob("*.py")) for of in (PACKAGE, Path(__file__).parent)]
    assert lines[0] <= LINES_OF_PACKAGE and lines[1] <= LINES_OF_TESTS, lines


def test_no_class_name_exists_twice():
    where = defaultdict(list)
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                where[node.name].append(module)
    assert {name: modules for name, modules in where.items() if len(modules) > 1} == {}


def functions() -> dict[str, tuple[int, int]]:
    """Name with its module → lines and parameters, of every function, method and nested function."""
    found = {}
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                parameters = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
                counted = sum(parameter.arg not in ("self", "cls") for parameter in parameters)
                lines, most = found.get(f"{module}.{node.name}", (0, 0))
                found[f"{module}.{node.name}"] = max(lines, node.end_lineno - node.lineno + 1), max(most, counted)
    return found


def test_functions_stay_short():
    larger = {name: size for name, size in functions().items() if size[0] > LINES or size[1] > PARAMETERS}
    assert larger.keys() == LARGER.keys() and len(LARGER) <= 5, larger


def imported_by(program: str) -> set[str]:
    report = f"{program}\nimport sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_light_modules_import_nothing_that_trains():
    loaded = imported_by("import " + ", ".join(LIGHT))
    assert "tweetstyle" in loaded and not loaded & HEAVY


def test_help_pays_for_click_alone():
    program = "from tweetstyle.cli import fit_command, tweetstyle\n" + "\n".join(
        f"{c}.main({a!r}, standalone_mode=False)" for c, a in (("fit_command", ["--help"]), ("tweetstyle", ["chat", "--help"]))
    )
    loaded = imported_by(program)
    assert "click" in loaded and not loaded & (HEAVY | {"pandas", "numpy", "pydantic", "yaml", "rich"})


def test_one_module_imports_unsloth_and_lets_it_run_no_ldconfig():
    imports = re.compile(r"(?m)^ *(?:import|from) unsloth\b")
    assert [name for name, path in MODULES.items() if imports.search(path.read_text(encoding="utf-8"))] == ["tweetstyle.train.trainer"]
    source = MODULES["tweetstyle.train.trainer"].read_text(encoding="utf-8")
    assert imports.search(source).start() == source.index("with without_ldconfig():\n    import unsloth\n") + len(
        "with without_ldconfig():\n"
    )
