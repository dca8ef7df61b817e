"""Reads a recipe; every problem at once, with line, key and what to write."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from tweetstyle.errors import RecipeErrors, TweetstyleError, closest
from tweetstyle.recipe import WRITE_WORDS, Recipe

KINDS = {
    "int_type": ("is not a whole number", "write a whole number"),
    "int_from_float": ("is not a whole number", "write a whole number"),
    "float_type": ("is not a number", "write a number"),
    "bool_type": ("is not true or false", "write true or false"),
    "string_type": ("is not text", "write text"),
    "tuple_type": ("is not a list", "write a list in brackets, its items between commas"),
    "too_short": ("is too short", "write more, or leave it out for the default"),
    "string_too_long": ("is too long", "write at most {max_length} characters"),
    "finite_number": ("is not a number that can be computed with", "write a finite number"),
    "string_too_short": ("is blank", WRITE_WORDS),
    "path_type": ("is not a path", "write the path of a file or directory"),
    "string_pattern_mismatch": ("is no language code", "write two small letters, ISO 639-1: fr, en, es"),
    "greater_than_equal": ("is not valid", "it should be {ge:.15g} or more"),
    "less_than_equal": ("is not valid", "it should be {le:.15g} or less"),
    "greater_than": ("is not valid", "it should be more than {gt:.15g}"),
    "less_than": ("is not valid", "it should be less than {lt:.15g}"),
}
"""pydantic's kind of error → what is wrong with the value, and what to write; in braces pydantic's own figures."""
LONGEST_SHOWN = 60
"""Characters of a value in a message."""
KEYS_OF_A_RUN = re.compile(r"[a-z0-9][a-z0-9._-]*")
Lines = dict[tuple[str, ...], int]
"""Key of a recipe as a tuple of names → its line."""


def read_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file. Raises RecipeErrors with all of its problems, or TweetstyleError where it is no YAML."""
    try:
        source = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        near = closest(path.name, [p.name for p in path.parent.glob("*.y*ml")])
        hint = f"did you mean {path.parent / near}?" if near else "recipes/ holds some to start from"
        raise TweetstyleError("there is no such recipe", where=str(path), hint=hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TweetstyleError(f"cannot be read ({error})", where=str(path), hint="a recipe is a UTF-8 text file") from error
    if not KEYS_OF_A_RUN.fullmatch(path.stem):
        hint = "name it with small letters, digits, '-', '_' and '.', as in my-style.yaml: Ollama's model gets that name"
        raise TweetstyleError("the file's name becomes the run's name and cannot be one", where=str(path), hint=hint)
    values, lines = _load_yaml(source, path)
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        details = error.errors()
        # A list with a bad item is also "too short" to pydantic, for it counts the good ones.
        parents = {tuple(d["loc"][:-1]) for d in details}
        problems = [_problem(d, path, lines) for d in details if not (d["type"] == "too_short" and tuple(d["loc"]) in parents)]
        raise RecipeErrors([problem for _, problem in sorted(problems, key=lambda pair: pair[0])]) from None
    recipe._name = path.stem
    return recipe


@contextlib.contextmanager
def located(path: Path) -> Iterator[None]:
    """Gives an error whose `where` begins with a dotted key of the recipe the file and line of that key."""
    try:
        yield
    except TweetstyleError as error:
        if (found := with_line(error, path)) is error:
            raise
        raise found from error


def with_line(error: TweetstyleError, path: Path) -> TweetstyleError:
    """The error with file and line of the recipe's key that its `where` begins with; the same where it begins with none."""
    key = tuple((error.where or "").split(":")[0].split("."))
    if key[0] not in Recipe.model_fields or not all(part.isidentifier() for part in key):
        return error
    _, lines = _load_yaml(path.read_text(encoding="utf-8"), path)
    return TweetstyleError(f"{error.where}: {error.what}", where=f"{path}:{_line_of(key, lines)}", hint=error.hint)


def schema() -> str:
    """The JSON Schema that editors read, as text; docs/recipe.schema.json is a copy that a test compares with it."""
    return json.dumps(Recipe.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


# -- YAML ---------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, but 2e-4 is a number (YAML 1.2), not a string (YAML 1.1)."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+0123456789."))


def _load_yaml(source: str, path: Path) -> tuple[dict[str, Any], Lines]:
    """The values and the lines of the keys (1-based)."""
    lines: Lines = {}
    try:
        node, values = yaml.compose(source, _Loader), yaml.load(source, _Loader)  # noqa: S506
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        what = getattr(error, "problem", None) or str(error)
        raise TweetstyleError(f"not valid YAML: {what}", where=where, hint="check quotes, colons and indentation") from None
    if not isinstance(values, dict):
        raise TweetstyleError("a recipe is a mapping of sections", where=str(path), hint="begin with: data:") from None
    _record_lines(node, (), lines, path)
    return values, lines


def _record_lines(node: yaml.Node, key: tuple[str, ...], lines: Lines, path: Path) -> None:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for name_node, value in node.value:
            child = (*key, str(name_node.value))
            line = name_node.start_mark.line + 1
            if child in lines:
                what = f"{'.'.join(child)} appears twice, first on line {lines[child]}"
                raise TweetstyleError(what, where=f"{path}:{line}", hint="keep one of them")
            lines[child] = line
            _record_lines(value, child, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _record_lines(value, (*key, str(index)), lines, path)


def _line_of(key: tuple[str, ...], lines: Lines) -> int:
    """The line of a key, or of the section that it is missing in."""
    while key not in lines:
        key = key[:-1]
    return lines[key]


# -- problems in words --------------------------------------------------------------------------------------


def _problem(detail: dict[str, Any], path: Path, lines: Lines) -> tuple[int, TweetstyleError]:
    """Its line, and what to say. detail: one of pydantic's errors."""
    key = tuple(str(part) for part in detail["loc"] if str(part) not in ("constrained-str", "literal"))
    if key and key[-1].isdigit() and key not in lines:
        # One value where a list may be: it has no place of its own.
        key = key[:-1]
    kind, given = detail["type"], detail.get("input")
    what, hint = _in_words(kind, given, detail.get("ctx", {}), key)
    if given is None and kind not in ("missing", "extra_forbidden"):
        what = "has no value"
    line = _line_of(key, lines)
    return line, TweetstyleError(f"{'.'.join(key) or 'recipe'}: {what}", where=f"{path}:{line}", hint=hint)


def _in_words(kind: str, given: Any, context: dict[str, Any], key: tuple[str, ...]) -> tuple[str, str]:
    """What is wrong, and what to write. kind, context: pydantic's type of error, and its figures."""
    shown = _shown(given)
    match kind:
        case "missing":
            return "is missing", f"add it: {_described(key)}"
        case "extra_forbidden" | "invalid_key":
            names = list(_fields(key[:-1]))
            near = closest(key[-1], names, 0.5)
            return "no such key", f"did you mean {near}?" if near else f"the keys here are: {', '.join(names)}"
        case "literal_error":
            near = closest(str(given), re.findall(r"'([^']+)'", context["expected"]))
            choices = context["expected"].replace("True", "true").replace("False", "false")
            return f"{shown} is not one of the choices", f"write {choices}" + (f" (did you mean {near}?)" if near else "")
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{shown} is not a section", f"write keys beneath it, among: {', '.join(_fields(key))}"
        case "value_error":
            return str(context["error"]), getattr(context["error"], "hint", "change one of the two")
        case kind if kind.startswith("date_"):
            return f"{shown} is not a day", "write it as 2023-04-30"
    if kind not in KINDS:
        return f"{shown} is not valid", f"write {_described(key)}"
    what, hint = KINDS[kind]
    return f"{shown} {what}", hint.format(**context)


def _shown(given: Any) -> str:
    """A value as its writer knows it, and not longer than a line of a message bears."""
    if isinstance(given, bool):
        return str(given).lower()
    shown = str(given) if isinstance(given, date) else repr(given)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"


def _fields(key: tuple[str, ...]) -> dict[str, Any]:
    """The fields of the section at a dotted key; empty where there is none."""
    section: Any = Recipe
    for name in key:
        section = section.model_fields[name].annotation if name in section.model_fields else None
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            return {}
    return section.model_fields


def _described(key: tuple[str, ...]) -> str:
    """A key with the first line of its field's documentation."""
    field = _fields(key[:-1]).get(key[-1])
    text = (field.description or "").split("\n")[0].rstrip(".") if field else ""
    return f"{key[-1]}: … ({text})" if text else f"{'.'.join(key)}: …"
