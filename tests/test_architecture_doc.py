"""docs/architecture.md names every file of the package with the first line of its docstring."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TREE = re.search(r"(?m)^    tweetstyle/\n((?:    .*\n)+)", TEXT)[1]
LONGEST = 88


def first_lines() -> dict[str, str]:
    """Path in the package → first line of the docstring; a package stands under its directory's name."""
    found = {}
    for path in sorted((ROOT / "tweetstyle").rglob("*.py")):
        name = path.relative_to(ROOT / "tweetstyle").as_posix().removesuffix("__init__.py")
        if name:
            found[name] = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]
    return found


def test_the_tree_is_the_package():
    shown, directory = {}, ""
    for line in TREE.splitlines():
        indent, name, text = re.fullmatch(r"( +)(\S+) +(.*)", line).groups()
        if name.endswith("/"):
            directory = name
            shown[name] = text
        else:
            shown[(directory if len(indent) > 6 else "") + name] = text
    assert shown == first_lines()


def test_every_module_says_what_it_holds_in_one_short_line():
    assert {name: len(line) for name, line in first_lines().items() if not 10 <= len(line) <= LONGEST} == {}


def test_files_that_answer_a_question_exist():
    named = re.findall(r"`((?:\w+/)+\w+\.(?:py|yaml))`", TEXT)
    assert len(named) > 10 and all((ROOT / "tweetstyle" / name).is_file() or (ROOT / name).is_file() for name in named)


def test_every_data_file_is_named_or_its_directory_is():
    named = re.search(r"(?s)Beside the code:(.*?)\n## ", TEXT)[1]
    files = [path.relative_to(ROOT / "tweetstyle") for path in (ROOT / "tweetstyle").rglob("*") if path.suffix not in ("", ".py", ".pyc")]
    assert [str(path) for path in files if not (path.name in named or any(f"`{of}/`" in named for of in path.parents))] == []


def test_markup_is_in_templates_and_drawings_are_all_that_code_writes():
    tag = re.compile(r"</?(?:a|body|div|h[1-6]|head|html|li|p|section|span|style|table|td|th|tr|ul)\b[ >]")
    found = [path.name for path in (ROOT / "tweetstyle").rglob("*.py") if tag.search(path.read_text(encoding="utf-8"))]
    assert found == [] and list((ROOT / "tweetstyle" / "pages" / "templates").rglob("*.j2"))
