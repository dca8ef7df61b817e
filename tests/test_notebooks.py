"""The committed notebooks: nothing that somebody's run left in them, and commands, recipe and names that exist."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from tweetstyle.cli import tweetstyle
from tweetstyle.recipe_yaml import read_recipe

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_a_valid_notebook_without_outputs_in_two_languages(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 20_000
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
            compile(cell.source, path.name, "exec")
        elif "```" not in cell.source:
            assert re.search(r"(?m)^\*\S.*\S\*$", cell.source), f"no French: {cell.source}"
    assert set(notebook.metadata) <= {"accelerator", "colab", "kernelspec", "language_info"}


def test_the_two_differ_in_their_settings_their_data_and_the_way_home_alone():
    first, second = (json.loads(path.read_text(encoding="utf-8"))["cells"] for path in NOTEBOOKS)
    code = [("".join(a["source"]), "".join(b["source"])) for a, b in zip(first, second, strict=True) if a["cell_type"] == "code"]
    different = [index for index, (a, b) in enumerate(code) if a != b]
    assert len(code) == 8 and different == [0, 1, 3], "settings, data, and where the hub's token is kept"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_commands_and_its_recipe_exist(path):
    source = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    assert read_recipe(ROOT / re.search(r"recipes/llama3[\w.-]+\.yaml", source)[0]).training.bf16 is False
    assert {*re.findall(r"tweetstyle (\w+) recipes", source)} == {"chat", "doctor"} <= {*tweetstyle.commands}
    assert "make setup CARD=turing" in source and "ollama create mine -f export/mine/Modelfile" in source
    kept = {"colab": "/content/drive/MyDrive/colab/twitter2", "kaggle": "/kaggle/working"}[path.stem]
    assert f'"{kept}"' in source


@pytest.mark.parametrize("name", ["colab.md", "colab.fr.md"])
def test_the_page_names_the_folders_and_commands_of_the_notebooks(name):
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    for words in (
        "colab/twitter2",
        "/kaggle/input",
        "/kaggle/working",
        "TRIAL = True",
        "recipes/llama3-8b-t4.yaml",
        "tweets_tous_nettoyes.csv",
    ):
        assert words in page, words
    home = [line.strip() for line in page.splitlines() if line.startswith(("    rclone copy GoogleDrive", "    ollama ", "    kaggle "))]
    sources = "\n".join(cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells)
    assert len(home) == 4 and all(command in sources for command in home)
