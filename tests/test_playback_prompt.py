"""What the model is told: the tweet is data on one line, everything before it is the same for its like, and every word counts."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.dataset.messages import KINDS
from tweetstyle.playback import prompt
from tweetstyle.playback.checks import NearDuplicates, bare_words, is_kind, runs
from tweetstyle.playback.prompt import WORDS, as_data, instructions, prompt_digest, shown, turns
from tweetstyle.playback.selection import MessageRequest
from tweetstyle.text.languages import languages_of

SPECIAL = ("<|im_end|>", "<|im_start|>", "<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<end_of_turn>", "<unk>")
ASK = MessageRequest("1", "il neige", "fr", "question")


@given(st.lists(st.one_of(st.text(), st.sampled_from([*SPECIAL, "\n", '"', "\\", " "])), max_size=6).map("".join))
def test_any_tweet_is_one_quoted_line_in_which_no_turn_ends(text):
    data = as_data(text)
    assert len(data.splitlines()) <= 1 or not re.search(r"[\n\r]", data)
    assert not any(token in data for token in SPECIAL)
    read = json.loads(data)
    assert len(read) <= prompt.MOST_CHARACTERS
    if not re.search(r"[<\[]", text):
        assert read == " ".join(text[: prompt.MOST_CHARACTERS].split())


@pytest.mark.parametrize("text", ["a < b and b > c", "<3 toi", "[lien] ici", "x <- y", "[1] note"])
def test_ordinary_brackets_stay(text):
    assert json.loads(as_data(text)) == text


def test_all_but_the_last_turn_is_the_same_for_a_language_and_kind():
    one, other = turns(ASK), turns(MessageRequest("2", "il pleut", "fr", "question", "hier"))
    assert one[:-1] == other[:-1] and one[-1] != other[-1]
    assert len({json.dumps(turns(MessageRequest("1", "x", language, kind))[:-1]) for language in ("fr", "en", "es") for kind in KINDS}) == 9


def test_the_roles_alternate_and_the_language_is_named():
    roles = [turn["role"] for turn in turns(ASK)]
    assert roles == ["system", *["user", "assistant"] * len(WORDS["fr"].examples), "user"]
    assert (
        "Spanish" in turns(MessageRequest("1", "x", "es", "remark"))[0]["content"]
        and "xy" in turns(MessageRequest("1", "x", "xy", "remark"))[0]["content"]
    )


@pytest.mark.parametrize("language", ["fr", "en"])
def test_our_own_examples_are_what_we_ask_for(language):
    """Of the kind, in the language, in other words than their tweet's, and no two alike."""
    for example in WORDS[language].examples:
        for kind in KINDS:
            message = getattr(example, kind)
            assert is_kind(message, kind), message
            assert not runs(bare_words(message)) & runs(bare_words(example.tweet))
    messages = shown(language)
    near = NearDuplicates()
    for message in messages:
        assert near.count(bare_words(message)) == 0, message
        near.add(bare_words(message))
    found = [name for name, _ in languages_of(messages, ("fr", "en"), 1)]
    assert set(found) <= {language, ""} and found.count(language) > 15


def test_every_word_of_the_prompt_is_in_its_digest(monkeypatch):
    before = prompt_digest()
    assert before == prompt_digest()
    for words in ("instruction", "before"):
        with monkeypatch.context() as patched:
            changed = WORDS["fr"].__class__(**WORDS["fr"].__dict__ | {words: getattr(WORDS["fr"], words) + " x"})
            patched.setitem(prompt.WORDS, "fr", changed)
            assert prompt_digest() != before, words
    with monkeypatch.context() as patched:
        patched.setitem(prompt.WORDS, "fr", WORDS["fr"].__class__(**WORDS["fr"].__dict__ | {"examples": WORDS["fr"].examples[1:]}))
        assert prompt_digest() != before
    assert all("{" not in sentence for sentence in instructions("fr") + instructions("es"))
