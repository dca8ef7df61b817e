"""What starts at once must not pay for what trains."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "unsloth", "trl", "peft", "datasets", "sklearn"}
LIGHT = [
    "tweetstyle.cli", "tweetstyle.pipeline", "tweetstyle.road", "tweetstyle.plan", "tweetstyle.recipe_file", "tweetstyle.template",
    "tweetstyle.tokenizer", "tweetstyle.base_model", "tweetstyle.manifest", "tweetstyle.prepare", "tweetstyle.fit",
    "tweetstyle.evaluate", "tweetstyle.export", "tweetstyle.doctor", "tweetstyle.checkup",
    "tweetstyle.chat", "tweetstyle.ollama", "tweetstyle.playback",
    "tweetstyle.memory", "tweetstyle.needs_shown",
]  # fmt: skip


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


@pytest.mark.parametrize("module", sorted(HEAVY - {"sklearn", "datasets"}))
def test_the_check_would_see_a_heavy_module(module):
    """A control: the report names a module that is imported."""
    assert module in imported_by(f"import sys, types; sys.modules[{module!r}] = types.ModuleType({module!r})")


def test_one_module_imports_unsloth():
    from pathlib import Path

    package = Path(__file__).parents[1] / "tweetstyle"
    naming = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(line.strip().startswith(("import unsloth", "from unsloth")) for line in path.read_text().splitlines())
    ]
    assert naming == ["fit/trainer.py"]


def test_where_unsloth_is_imported_it_runs_no_ldconfig():
    """The product's trainer and the benches by hand: the first import of it is within without_ldconfig."""
    import ast
    from pathlib import Path

    project, found = Path(__file__).parents[1], []
    for path in [*project.glob("tweetstyle/**/*.py"), *project.glob("bench/**/*.py")]:
        source = ast.parse(path.read_text(encoding="utf-8"))
        guarded = {
            statement
            for block in ast.walk(source)
            if isinstance(block, ast.With) and "without_ldconfig" in ast.unparse(block.items[0])
            for statement in block.body
        }
        imports = [
            node
            for node in ast.walk(source)
            if (isinstance(node, ast.Import) and node.names[0].name == "unsloth")
            or (isinstance(node, ast.ImportFrom) and node.module == "unsloth")
        ]
        if imports:
            found.append(path.relative_to(project).as_posix())
            assert min(imports, key=lambda node: node.lineno) in guarded, path
    assert sorted(found) == ["bench/gpu/ways.py", "bench/train.py", "tweetstyle/fit/trainer.py"]
