"""What starts at once must not pay for what trains."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "unsloth", "trl", "peft", "datasets", "sklearn"}
LIGHT = [
    "tweetstyle.cli", "tweetstyle.pipeline", "tweetstyle.run", "tweetstyle.stages.plan", "tweetstyle.recipe_yaml", "tweetstyle.prompt.template",
    "tweetstyle.model.tokenizer", "tweetstyle.model.base", "tweetstyle.manifest", "tweetstyle.prepare", "tweetstyle.train",
    "tweetstyle.evaluate", "tweetstyle.export", "tweetstyle.doctor", "tweetstyle.stages.checks",
    "tweetstyle.inference.chat", "tweetstyle.inference.ollama", "tweetstyle.playback",
    "tweetstyle.plan", "tweetstyle.plan.tables",
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
