"""docs/conversation.md names what there is: every reason for a rejection, every recipe, every setting."""

from __future__ import annotations

import re
from pathlib import Path

from tweetstyle.playback.checks import REASONS, RUN
from tweetstyle.recipe import Export, Playback, Prompt
from tweetstyle.recipe_yaml import read_recipe

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "conversation.md").read_text(encoding="utf-8")


def test_every_reason_for_which_a_message_is_rejected_is_named() -> None:
    assert [reason for reason in REASONS if f"`{reason}`" not in TEXT] == []
    assert RUN == 5 and "five words in a row" in TEXT


def test_the_recipes_that_answer_are_those_that_are_said_to() -> None:
    named = {name.removeprefix("recipes/") for name in re.findall(r"[\w./-]+\.yaml", TEXT)}
    assert all((ROOT / "recipes" / name).is_file() for name in named)
    answering = {path.name for path in (ROOT / "recipes").glob("*.yaml") if read_recipe(path).prompt.message == "playback"}
    assert answering <= named and answering == {"demo-chat.yaml", "llama3-8b-instruct-chat-12gb.yaml"}


def test_every_setting_that_is_named_is_one() -> None:
    sections = {"playback": Playback, "prompt": Prompt, "export": Export}
    for section, key in re.findall(r"`(playback|prompt|export)\.(\w+)`", TEXT):
        assert key in sections[section].model_fields, f"{section}.{key}"
