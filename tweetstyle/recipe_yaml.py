"""Reads a recipe; every problem at once, with line, key and what to write."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from tweetstyle.errors import RecipeErrors, TweetstyleError, closest
from tweetstyle.recipe import WRITE_WORDS, Recipe

BOUNDS = {
    "greater_than_equal": ("ge", "{} or more"),
    "less_than_equal": ("le", "{} or less"),
    "greater_than": ("gt", "more than {}"),
    "less_than": ("lt", "less than {}"),
}
"""pydantic's kind of error → where it keeps the bound, and the bound in words."""
NOT_A_DAY = ("is not a day", "write it as 2023-04-30")
SIMPLE = {
    "finite_number": ("is not a number that can be computed with", "write a finite number"),
    "string_too_short": ("is blank", WRITE_WORDS),
    "path_type": ("is not a path", "write the path of a file or directory"),
    "string_pattern_mismatch": ("is no language code", "write two small letters, ISO 639-1: fr, en, es"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), NOT_A_DAY),
}
"""pydantic's kind of error → what is wrong with the value, and what to write."""
LONGEST_SHOWN = 60
"""Characters of a value in a message."""
KEYS_OF_A_RUN = re.compile(r"[a-z0-9][a-z0-9._-]*")


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
        raise RecipeErrors([p for _, p in sorted(problems, key=lambda pair: pair[0])]) from None
    recipe._name = path.stem
    return recipe


@contextlib.contextmanager
def located(path: Path) -> Iterator[None]:
    """Gives an error whose `where` begins with a dotted key of the recipe the file and line of that key."""
    try:
        yield
    except TweetstyleError as error:
        key = (error.where or "").split(":")[0]
        if not (key.split(".")[0] in Recipe.model_fields and all(part.isidentifier() for part in key.split("."))):
            raise
        _, lines = _load_yaml(path.read_text(encoding="utf-8"), path)
        known = tuple(key.split("."))
        while known not in lines:
            known = known[:-1]
        raise TweetstyleError(f"{error.where}: {error.what}", where=f"{path}:{lines[known]}", hint=error.hint) from error


def schema() -> str:
    """The JSON Schema that editors read, as text; docs/recipe.schema.json is a copy that a test compares with it."""
    return json.dumps(Recipe.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


# -- YAML ---------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, but 2e-4 is a number (YAML 1.2), not a string (YAML 1.1)."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+0123456789."))


def _load_yaml(source: str, path: Path) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    """The values and, for each key as a tuple of names, its line (1-based)."""
    try:
        loader = _Loader(source)
        try:
            node = loader.get_single_node()
            lines: dict[tuple[str, ...], int] = {}
            if node is not None:
                _record_lines(node, (), lines, path)
            values = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        what = getattr(error, "problem", None) or str(error)
        raise TweetstyleError(f"not valid YAML: {what}", where=where, hint="check quotes, colons and indentation") from None
    if not isinstance(values, dict):
        raise TweetstyleError("a recipe is a mapping of sections", where=str(path), hint="begin with: data:") from None
    return values, lines


def _record_lines(node: yaml.Node, key: tuple[str, ...], lines: dict[tuple[str, ...], int], path: Path) -> None:
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


# -- problems in words --------------------------------------------------------------------------------------


def _problem(detail: dict[str, Any], path: Path, lines: dict[tuple[str, ...], int]) -> tuple[int, TweetstyleError]:
    key = tuple(str(part) for part in detail["loc"] if str(part) not in ("constrained-str", "literal"))
    if key and key[-1].isdigit() and key not in lines:
        # One value where a list may be: it has no place of its own.
        key = key[:-1]
    known = key
    while known not in lines:
        known = known[:-1]
    what, hint = _in_words(detail, key)
    line = lines[known]
    return line, TweetstyleError(f"{'.'.join(key) or 'recipe'}: {what}", where=f"{path}:{line}", hint=hint)


def _in_words(detail: dict[str, Any], key: tuple[str, ...]) -> tuple[str, str]:
    given, context = detail.get("input"), detail.get("ctx", {})
    what, hint = _by_kind(detail["type"], given, context, key)
    # A key with nothing behind it is None to YAML, and a word that nobody wrote.
    return ("has no value" if given is None and detail["type"] not in ("missing", "extra_forbidden") else what), hint


def _by_kind(kind: str, given: Any, context: dict[str, Any], key: tuple[str, ...]) -> tuple[str, str]:
    """What is wrong, and what to write. kind, context: pydantic's type of error, and its figures."""
    shown = _shown(given)
    match kind:
        case "missing":
            return "is missing", f"add it: {describe(key)}"
        case "extra_forbidden" | "invalid_key":
            names = list(_fields(key[:-1]))
            near = closest(key[-1], names, 0.5) or _elsewhere(key[-1])
            return "no such key", f"did you mean {near}?" if near else f"the keys here are: {', '.join(names)}"
        case "literal_error":
            near = closest(str(given), re.findall(r"'([^']+)'", context["expected"]))
            choices = context["expected"].replace("True", "true").replace("False", "false")
            return f"{shown} is not one of the choices", f"write {choices}" + (f" (did you mean {near}?)" if near else "")
        case "int_type" | "float_type" | "bool_type" | "string_type" | "int_from_float":
            wanted = {"int": "a whole number", "float": "a number", "bool": "true or false", "string": "text"}[kind.split("_")[0]]
            return f"{shown} is not {wanted}", f"write {wanted}"
        case "tuple_type":
            return f"{shown} is not a list", _write_a_list(given, key)
        case kind if kind in SIMPLE:
            what, hint = SIMPLE[kind]
            return f"{shown} {what}", hint
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than" as bound:
            name, wanted = BOUNDS[bound]
            # A bound of a fraction is 1.0 to pydantic, and 1 to who wrote it.
            number = f"{context[name]:g}" if isinstance(context[name], float) else context[name]
            return f"{shown} is not valid", f"it should be {wanted.format(number)}"
        case "too_short":
            return f"{shown} is empty" if not given else f"{shown} is too short", "write at least one, or leave it out for the default"
        case "string_too_long":
            return f"{shown} has {len(given):,} characters", f"write at most {context['max_length']:,}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{shown} is not a section", f"write keys beneath it, among: {', '.join(_fields(key))}"
        case "value_error":
            return str(context["error"]), getattr(context["error"], "hint", "change one of the two")
        case _:
            return f"{shown} is not valid", f"write {describe(key)}"


def _shown(given: Any) -> str:
    """A value as its writer knows it, and not longer than a line of a message bears."""
    if isinstance(given, bool):
        return str(given).lower()
    shown = str(given) if isinstance(given, date) else repr(given)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"


def _write_a_list(given: Any, key: tuple[str, ...]) -> str:
    choices = _choices(key)
    if choices and given not in choices:
        return f"write a list in brackets, among: {', '.join(choices)}; or leave it out for all of them"
    if isinstance(given, str) and given.strip() and len(given) <= LONGEST_SHOWN:
        return f"write it in brackets: [{given}]"
    return "write a list in brackets, its items between commas"


def _fields(key: tuple[str, ...]) -> dict[str, Any]:
    """The fields of the section at a dotted key; empty where there is none."""
    section: Any = Recipe
    for name in key:
        section = section.model_fields[name].annotation if name in section.model_fields else None
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            return {}
    return section.model_fields


def _choices(key: tuple[str, ...]) -> tuple[str, ...]:
    """The items allowed in the list at a dotted key, where it is a list of named things and all of them is what it is without the key."""
    field = _fields(key[:-1]).get(key[-1])
    named = get_args(next(iter(get_args(field.annotation)), None)) if field else ()
    return named if field and named == field.default else ()


def _elsewhere(name: str) -> str | None:
    """The dotted key of the same name in another section, for a key in the wrong one."""
    keys = [(), *((section,) for section in Recipe.model_fields), ("model", "lora")]
    sections = {key: _fields(key) if key else Recipe.model_fields for key in keys}
    everywhere = {field: ".".join((*key, field)) for key, fields in sections.items() for field in fields}
    near = closest(name, everywhere, 0.8)
    return near and everywhere[near]


def describe(key: tuple[str, ...]) -> str:
    """A field's first line of documentation, or its dotted key."""
    field = _fields(key[:-1]).get(key[-1]) if key else None
    text = (field.description or "").split("\n")[0] if field else ""
    return f"{key[-1]}: … ({text.rstrip('.')})" if text else f"{'.'.join(key)}: …"
