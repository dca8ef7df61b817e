"""The recipe: strict, every problem at once, each with file, line, key and what to write."""

import itertools
import math
import re
from datetime import date, datetime
from pathlib import Path

import pytest
import yaml

from tweetstyle.errors import RecipeErrors, TweetstyleError
from tweetstyle.locale import use_language
from tweetstyle.recipe import Recipe
from tweetstyle.recipe_yaml import Commented, _fields, read_recipe, schema, with_settings

ROOT = Path(__file__).parents[1]
GOOD = """\
data:
  source: tweets.csv
prompt:
  style: Nimzo
model:
  base: model/x
"""


def problems(tmp_path: Path, text: str, name: str = "mine.yaml") -> list[str]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TweetstyleError) as caught:
        read_recipe(path)
    found = caught.value.problems if isinstance(caught.value, RecipeErrors) else [caught.value]
    return [str(problem).replace(str(path), "FILE") for problem in found]


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_that_ships_is_valid(recipe):
    assert read_recipe(recipe).name == recipe.stem


def test_all_problems_are_reported_at_once_in_the_order_of_their_lines(tmp_path):
    text = GOOD.replace("source:", "sorce:").replace("style: Nimzo", "style: 3") + "  metod: lora\n"
    assert problems(tmp_path, text) == [
        "FILE:1: data.source: is missing\n  → add it, for example: source: data/raw/tweets.csv",
        "FILE:2: data.sorce: no such key\n  → did you mean source?",
        'FILE:4: prompt.style: 3 is not text\n  → put it in quotes: style: "3"',
        "FILE:7: model.metod: no such key\n  → did you mean method?",
    ]


def test_a_number_with_an_exponent_is_a_number(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD + "training:\n  learning_rate: 2e-4\n")
    assert read_recipe(path).training.learning_rate == 2e-4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("export: {types: q4_k_m}", "export.types: 'q4_k_m' is not a list\n  → write a list in brackets, with commas between its items"),
        (
            "export: [a]",
            "export: ['a'] is not a section\n  → write keys below it, among: "
            "types, num_ctx, merge_base, adapter_scale, imatrix, gate, gate_tweets, gate_answers",
        ),
        (
            "export: {types: [q5]}",
            "export.types.0: 'q5' is not one of the choices\n  → write one of: f32, f16, bf16, q8_0, q6_k, q5_k_m, q4_k_m",
        ),
        ("export: {types: []}", "export.types: [] is too short\n  → write more, or remove the key for its default"),
        ("training: {learning_rate: '2e-4'}", "training.learning_rate: '2e-4' is not a number\n  → write a number"),
        ("Evaluation: {}", "Evaluation: no such key\n  → did you mean evaluation?"),
        ("language: FR", "language: 'FR' is not one of the choices\n  → did you mean fr? Write one of: en, fr"),
        ("model: {base: y}", "model appears twice, first on line 5\n  → keep one of them"),
    ],
)
def test_a_problem_is_reported_once_and_in_plain_words(tmp_path, text, problem):
    assert problems(tmp_path, GOOD + text + "\n") == [f"FILE:7: {problem}"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "a recipe consists of sections"),
        (b"- a\n- b\n", "a recipe consists of sections"),
        (b"data:\n  source: [a\nprompt: b\n", "FILE:3: not valid YAML"),
        (GOOD.encode() + "# été".encode("cp1252"), "UTF-8"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_bytes(text)
    with pytest.raises(TweetstyleError) as caught:
        read_recipe(path)
    assert words in str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("format: custom", "format: custom needs prompt.custom"),
        ("custom: x", "read with format: custom only"),
        ("message: playback", "message: playback needs format: chat"),
        ("format: text\n  message: first-words", "format: text already begins with the first words"),
        ("format: inst\n  system: Be me.", "prompt.system is read with format: chat only"),
        ("format: chat\n  message: playback\n  topic: true", "prompt.topic is not read with message: playback"),
        ("message: first-words\n  topic: false", "message: first-words replaces the topic"),
        ('message: first-words\n  format: custom\n  custom: "<s>{style}: {text}</s>"', "needs {topic} in prompt.custom"),
        ("topic: true\ntraining: {eval_steps: 20, save_steps: 30}", "save_steps (30) must be a multiple of eval_steps (20)"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path, keys, words):
    assert words in "".join(problems(tmp_path, GOOD.replace("Nimzo", f"Nimzo\n  {keys}")))


PLAYBACK = GOOD.replace("Nimzo", "Nimzo\n  format: chat\n  message: playback") + "playback:\n"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("{}", "needs a model that writes messages"),
        ("{ollama: mistral, gguf: m.gguf}", "name two models"),
        ("{gguf: m.gguf, url: 127.0.0.1}", "url is read with playback.ollama only"),
        ("{ollama: mistral, url: localhost/api/chat}", "(/api/chat behind host and port is not read)"),
        ("{ollama: mistral, questions: 0.9}", "their sum must be 1"),
        ("{ollama: mistral, questions: 2.0}", "it should be 1 or less"),
        ("{ollama: mistral, train_tweets: 0}", "it should be 1 or more"),
    ],
)
def test_a_section_on_playback_that_cannot_be_is_refused(tmp_path, section, words):
    assert words in "".join(problems(tmp_path, PLAYBACK.rstrip() + f" {section}\n"))
    without = GOOD + "playback: {ollama: mistral}\n"
    assert "read with prompt.message: playback only" in "".join(problems(tmp_path, without))


@pytest.mark.parametrize(
    "url",
    [
        "http://192.168.1.5:11434", "ollama.example.org", "http://[2001:db8::1]:11434", "https://127.0.0.1", "ftp://127.0.0.1",
        "http://127.0.0.1.example.org", "http://localhost@example.org", "http://2130706433", "127.0.0.1:99999", "http://127.1",
    ],
)  # fmt: skip
def test_messages_are_written_on_this_machine_and_no_name_is_looked_up(tmp_path, url, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("a name was looked up"))
    (problem,) = problems(tmp_path, PLAYBACK + f'  ollama: mistral\n  url: "{url}"\n')
    assert problem.startswith(f"FILE:11: playback.url: {url!r}"), "the line of the key itself"
    assert "as in http://127.0.0.1:11434" in problem and "one of the two" not in problem


def test_the_name_of_the_file_is_checked(tmp_path):
    (tmp_path / "demo.yaml").write_text(GOOD)
    with pytest.raises(TweetstyleError, match="did you mean .*demo.yaml"):
        read_recipe(tmp_path / "dmeo.yaml")
    assert "cannot be the name of a run" in problems(tmp_path, GOOD, "My Style.yaml")[0]


def test_the_schema_for_editors_is_the_recipes_own():
    committed = ROOT / "docs" / "recipe.schema.json"
    assert committed.read_text(encoding="utf-8") == schema(), "write it again: tweetstyle schema > docs/recipe.schema.json"


def test_a_path_of_the_own_home_is_read_as_a_shell_reads_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.replace("base: ", "base: ~/", 1), encoding="utf-8")
    named = GOOD.partition("base: ")[2].split()[0]
    assert read_recipe(path).model.base == tmp_path / named
    assert "no home directory for ~nobody-of-that-name" in problems(tmp_path, GOOD.replace("base: ", "base: ~nobody-of-that-name/", 1))[0]


MAY_NOT_BE_BLANK = [
    ("prompt.style", GOOD.replace("Nimzo", "{}")),
    ("prompt.custom", GOOD.replace("Nimzo", "Nimzo\n  format: custom\n  custom: {}")),
    ("playback.ollama", GOOD.replace("Nimzo", "Nimzo\n  format: chat\n  message: playback") + "playback: {{ollama: {}}}\n"),
    ("model.base", GOOD.replace("model/x", "{}")),
    ("data.source", GOOD.replace("tweets.csv", "{}")),
]


@pytest.mark.parametrize(("key", "text"), MAY_NOT_BE_BLANK, ids=[key for key, _ in MAY_NOT_BE_BLANK])
def test_a_text_in_which_nothing_is_visible_is_refused(tmp_path, key, text):
    for value in ('""', '"   "', r'"\u200b\u00a0\t"'):
        (problem, *_) = problems(tmp_path, text.format(value))
        hint = "write a name, for example: style: Nimzo" if key == "prompt.style" else "write a text"
        assert key in problem and f"is blank\n  → {hint}" in problem


WRONG = ("", "   ", "text", 0, -1, 1.5, math.inf, math.nan, True, None, [], ["a"], [None], {}, {"a": 1}, {1: 2}, date(2020, 1, 1),
         datetime(2020, 1, 1, 5), b"x", 10**30, ["fr", 3], "é" * 600, "~nobody-of-that-name/x")  # fmt: skip
OF_PYDANTIC = re.compile(r"(?i)input|should (?!be (?:\d|more|less))|valid (?!\n)\w|character\(s\)|at least \d+ char|instance of|pydantic")
ENGLISH = re.compile(r"(?<![\w-])(?:the|is|are|was|be|not|no|of|to|and|or|write|read|add|should|with|need|needs|its|it|has)(?![\w-])")


NO_YAML = ("data: {a\n", "data: {a: b\nc: d}", "data: [a\n", "data: [a: b\nc: d]", "data:\n\ta: b", 'a: "b', "a: b: c", "a: @b",
           "- a\nb: c", "a:\n  b: c\n d: e", "a: {b: c d: e}")  # fmt: skip


@pytest.mark.parametrize("text", NO_YAML)
def test_what_is_not_yaml_is_said_in_french(tmp_path, text):
    """By PyYAML's own errors: every one of these is among the known ones."""
    use_language("fr")
    said = problems(tmp_path, text)
    assert len(said) == 1 and "YAML non valide (" in said[0] and not re.search(r"\b(?:expected|found|not|but)\b", said[0]), said


@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_wrong_value_gets_a_message_in_pydantics_words(tmp_path, language):
    """In all keys of a section at once: each problem has its own message."""
    use_language(language)
    sections = [()] + [(name,) for name in Recipe.model_fields] + [("model", "lora")]
    path, seen = tmp_path / "mine.yaml", 0
    for section, value in itertools.product(sections, WRONG):
        recipe = {"data": {"source": "x.csv"}, "prompt": {"style": "N"}, "model": {"base": "b"}}
        if section[:1] == ("playback",):
            recipe["prompt"] |= {"message": "playback", "format": "chat"}
        keys = recipe
        for name in section:
            keys = keys.setdefault(name, {})
        keys |= dict.fromkeys(_fields(section), value)
        path.write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
        try:
            read_recipe(path)
        except TweetstyleError as error:
            for message in map(str, error.problems if isinstance(error, RecipeErrors) else [error]):
                seen += 1
                assert not OF_PYDANTIC.search(message), message
                assert language == "en" or not ENGLISH.search(message.replace(str(path), "")), message
                assert "  → " in message and max(map(len, message.splitlines())) < 450, message
    assert seen > 1000


# -- changed settings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_changed_setting_changes_its_line_alone(recipe):
    before = recipe.read_text(encoding="utf-8").splitlines()
    after = with_settings(recipe.read_text(encoding="utf-8"), {"prompt.style": Commented("Ann", "me")}).splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [new.split() for old, new in changed] == [["style:", "Ann", "#", "me"]] and changed[0][0].startswith("  style: ")


@pytest.mark.parametrize("name", ["yes", "1:30", "on", "2e-4", "null", "# a", "a: b", "- c", 'é "x"', "2001-01-01", "l'été", "[a]", "😀 x"])
def test_a_text_is_read_back_as_it_was_given(tmp_path, name):
    path = tmp_path / "mine.yaml"
    path.write_text(with_settings(GOOD, {"prompt.style": name, "playback.ollama": name}), encoding="utf-8")
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["playback"] == {"ollama": name}
    path.write_text(with_settings(GOOD, {"prompt.style": name}), encoding="utf-8")
    assert read_recipe(path).prompt.style == name


def test_settings_new_and_old_at_every_depth_and_the_comments_around_them():
    text = """\
# mine
data:
    source: [a.csv, b.csv]  # both
    # a note

model:
    base: model/x  # small
    lora: {r: 8}

# the end
"""
    settings = {"data.source": "c.csv", "data.seed": 1, "model.base": Commented("model/y", "large"), "model.lora.r": 4}
    assert (
        with_settings(text, settings | {"training.learning_rate": Commented(0.00025, "measured"), "export.types": ["f16", "q8_0"]})
        == """\
# mine
data:
    seed: 1
    source: c.csv
    # a note

model:
    base: model/y  # large
    lora: {r: 4}

training:
    learning_rate: 2.5e-4  # measured

export:
    types: [f16, q8_0]

# the end
"""
    )
