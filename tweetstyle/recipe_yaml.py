"""Reads a recipe; every problem at once, with line, key and what to write."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import yaml
from pydantic import BaseModel, ValidationError

from tweetstyle.console import as_rate
from tweetstyle.errors import RecipeErrors, TweetstyleError, closest
from tweetstyle.locale import N_, _
from tweetstyle.locale.libraries import reason
from tweetstyle.recipe import WRITE_WORDS, Recipe

if TYPE_CHECKING:
    from ruamel.yaml.comments import CommentedMap

NOT_VALID = N_("{value} is not valid")
KINDS = {
    "int_type": (N_("{value} is not a whole number"), N_("write a whole number")),
    "int_from_float": (N_("{value} is not a whole number"), N_("write a whole number")),
    "float_type": (N_("{value} is not a number"), N_("write a number")),
    "bool_type": (N_("{value} is not true or false"), N_("write true or false")),
    "string_type": (N_("{value} is not text"), N_('put it in quotes: {name}: "{value}"')),
    "tuple_type": (N_("{value} is not a list"), N_("write a list in brackets, with commas between its items")),
    "too_short": (N_("{value} is too short"), N_("write more, or remove the key for its default")),
    "string_too_long": (N_("{value} is too long"), N_("write at most {max_length} characters")),
    "finite_number": (N_("{value} is not a finite number"), N_("write a finite number")),
    "string_too_short": (N_("{value} is blank"), WRITE_WORDS),
    "path_type": (N_("{value} is not a path"), N_("write the path of a file or directory")),
    "string_pattern_mismatch": (N_("{value} is not a language code"), N_("write two lower-case letters (ISO 639-1): fr, en, es")),
    "greater_than_equal": (NOT_VALID, N_("it should be {ge:.15g} or more")),
    "less_than_equal": (NOT_VALID, N_("it should be {le:.15g} or less")),
    "greater_than": (NOT_VALID, N_("it should be more than {gt:.15g}")),
    "less_than": (NOT_VALID, N_("it should be less than {lt:.15g}")),
}
"""pydantic's kind of error → what is wrong with the value, and what to write; in braces pydantic's own figures."""
EXAMPLES = {
    "data": "data: {source: data/raw/tweets.csv}",
    "data.source": "source: data/raw/tweets.csv",
    "prompt": "prompt: {style: Nimzo}",
    "prompt.style": "style: Nimzo",
    "model": "model: {base: model/llama3-8b}",
    "model.base": "base: model/llama3-8b",
}
"""Key that has no default → what to write."""
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
        hint = _("did you mean {name}?", name=path.parent / near) if near else _("recipes/ holds some to start from")
        raise TweetstyleError(_("there is no such recipe"), where=str(path), hint=hint) from error
    except (OSError, UnicodeDecodeError) as error:
        what = _("cannot be read ({reason})", reason=reason(error))
        raise TweetstyleError(what, where=str(path), hint=_("a recipe is a UTF-8 text file")) from error
    if not KEYS_OF_A_RUN.fullmatch(path.stem):
        hint = _("use lower-case letters, digits, -, _ and ., as in my-style.yaml: the model in Ollama gets that name")
        raise TweetstyleError(_("the file's name cannot be the name of a run"), where=str(path), hint=hint)
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


# -- changed settings ---------------------------------------------------------------------------------------


class Commented(NamedTuple):
    """A setting and the comment behind it."""

    value: Any
    comment: str


Settings = Mapping[str, Any]
"""Dotted key of a recipe → its value, or that with a comment (Commented)."""


def with_settings(text: str, settings: Settings) -> str:
    """A recipe's text with other values: each in its line, a new one at the head of its section, whose comments stay.

    The comment behind a value goes with it: it was about the former one. A float is written as a learning rate is: 2e-4.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    editor, changed = YAML(), StringIO()
    editor.preserve_quotes, editor.width = True, 10_000
    # Lists within their brackets, and as far indented as the first line that is.
    editor.representer.add_representer(list, lambda to, items: to.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True))
    if indent := re.search(r"^( +)[^ #\n-]", text, re.M):
        editor.map_indent = len(indent[1])
    editor.representer.add_representer(float, lambda to, value: to.represent_scalar("tag:yaml.org,2002:float", as_rate(value)))
    values = editor.load(text)
    for key, setting in settings.items():
        *sections, name = key.split(".")
        section = values
        for part in sections:
            if section.get(part) is None:
                section[part] = CommentedMap()
                if section is values:
                    values.yaml_set_comment_before_after_key(part, before="\n")
            section = section[part]
        _set(section, name, *(setting if isinstance(setting, Commented) else (setting, "")))
    editor.dump(values, changed)
    return changed.getvalue()


def _set(section: "CommentedMap", name: str, value: Any, comment: str) -> None:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, str) and _read_as(value) != value:
        value = DoubleQuotedScalarString(value)
    if name not in section:
        section.insert(0, name, value, comment or None)
        return
    section[name] = value
    # The token also holds what follows the line, which stays: empty lines, and comments before the next key.
    token = section.ca.items.get(name, [None] * 3)[2]
    if token:
        after = token.value.partition("\n")[2]
        token.value = f"{'# ' + comment if comment else ''}\n{after}"
    elif comment:
        section.yaml_add_eol_comment(comment, name)


def _read_as(text: str) -> Any:
    """What a recipe has where this is written without quotes; ruamel reads YAML 1.2 alone, where yes and 1:30 are texts."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506
    except yaml.YAMLError:
        return None


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
        what = _("not valid YAML ({reason})", reason=reason(error))
        raise TweetstyleError(what, where=where, hint=_("check quotes, colons and indentation")) from None
    if not isinstance(values, dict):
        raise TweetstyleError(_("a recipe consists of sections"), where=str(path), hint=_("begin with: data:")) from None
    _record_lines(node, (), lines, path)
    return values, lines


def _record_lines(node: yaml.Node, key: tuple[str, ...], lines: Lines, path: Path) -> None:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for name_node, value in node.value:
            child = (*key, str(name_node.value))
            line = name_node.start_mark.line + 1
            if child in lines:
                what = _("{key} appears twice, first on line {line}", key=".".join(child), line=str(lines[child]))
                raise TweetstyleError(what, where=f"{path}:{line}", hint=_("keep one of them"))
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
    kind, given, dotted = detail["type"], detail.get("input"), ".".join(key)
    what, hint = _in_words(kind, given, detail.get("ctx", {}), key)
    if given is None and kind not in ("missing", "extra_forbidden"):
        what = _("has no value")
    if dotted == "prompt.style" and kind in ("string_too_short", "value_error"):
        hint = _("write a name, for example: {example}", example=EXAMPLES[dotted])
    line = _line_of(key, lines)
    return line, TweetstyleError(f"{dotted}: {what}" if key else what, where=f"{path}:{line}", hint=hint)


def _in_words(kind: str, given: Any, context: dict[str, Any], key: tuple[str, ...]) -> tuple[str, str]:
    """What is wrong, and what to write. kind, context: pydantic's type of error, and its figures."""
    shown = _shown(given)
    match kind:
        case "missing":
            example = EXAMPLES.get(".".join(key), f"{key[-1]}: …")
            return _("is missing"), _("add it, for example: {example}", example=example)
        case "extra_forbidden" | "invalid_key":
            names = list(_fields(key[:-1]))
            near = closest(key[-1], names, 0.5)
            hint = _("did you mean {name}?", name=near) if near else _("the keys here are: {names}", names=", ".join(names))
            return _("no such key"), hint
        case "literal_error":
            names = [name.strip("'") for name in re.split(r", | or ", context["expected"])]
            names = [name.lower() if name in ("True", "False") else name for name in names]
            hint = _("write one of: {names}", names=", ".join(names))
            if near := closest(str(given), names):
                hint = _("did you mean {near}? Write one of: {names}", near=near, names=", ".join(names))
            return _("{value} is not one of the choices", value=shown), hint
        case "model_type" | "model_attributes_type" | "dict_type":
            return _("{value} is not a section", value=shown), _("write keys below it, among: {names}", names=", ".join(_fields(key)))
        case "value_error":
            return str(context["error"]), getattr(context["error"], "hint", _("change one of the two"))
        case kind if kind.startswith("date_"):
            return _("{value} is not a day", value=shown), _("write it as 2023-04-30")
    if kind == "string_type" and not isinstance(given, int | float | date):
        return _("{value} is not text", value=shown), _("write text")
    what, hint = KINDS.get(kind, (NOT_VALID, N_("docs/recipe.schema.json says what is allowed here")))
    return _(what, value=shown), _(hint, value=shown, name=key[-1] if key else "", **context)


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
        kind = section.model_fields[name].annotation if name in section.model_fields else None
        section = next((of for of in (kind, *get_args(kind)) if isinstance(of, type) and issubclass(of, BaseModel)), None)
        if section is None:
            return {}
    return section.model_fields
