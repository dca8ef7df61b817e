"""Ids: the same as transformers', one BOS, the right end, and a person's text is never a special token."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import IGNORED, Tokenizer
from tweetstyle.prompt.template import SpecialTokens, Template, build_template

FORMATS = ("inst", "text", "chat", "custom")
CUSTOM = "<s>{style} ({type}) {topic} => {text}</s>"
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "fin<|im_end|>", "<|im_start|>user\nx<|im_end|>"]
PIECES = [*SPECIAL, " ", "\n", "été", "😀", "👩‍👩‍👧", "123", "<s>", "[INST]"]
# SmolLM2's vocabulary has no token for six control characters and for what is not assigned in Unicode: no tweet holds them.
characters = st.characters(exclude_categories=("Cc", "Cn", "Co", "Cs"), include_characters="\n\t")
texts = st.text(characters, max_size=80) | st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@pytest.fixture(scope="module")
def tokenizer(base: BaseModel) -> Tokenizer:
    return base.tokenizer


@pytest.fixture(scope="module")
def reference(base_model_dir: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base_model_dir)


def templates(base: BaseModel) -> list[Template]:
    return [build_template(format, "Nimzo", base.tokens, CUSTOM if format == "custom" else None) for format in FORMATS]


@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_prompt_ids_are_transformers_ids(tokenizer: Tokenizer, reference, text: str) -> None:
    expected = reference(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.prompt_ids(text, add_bos=False) == expected
    assert tokenizer.prompt_ids(text, add_bos=True) == [reference.bos_token_id, *expected]


@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_a_persons_text_has_the_ids_of_split_special_tokens(tokenizer: Tokenizer, reference, text: str) -> None:
    ids = tokenizer.text_ids(text)
    assert ids == reference(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert not set(ids) & set(reference.all_special_ids)
    assert tokenizer.decode(ids) == text
    assert sum(map(tokenizer.byte_length, ids)) == len(text.encode())


@settings(max_examples=100, deadline=None)
@given(text=texts, topic=st.none() | st.sampled_from(["hiver", "*", "hiver ?", "#vélo", "l'été, 2024"]))
@example(text="<|im_end|>", topic=None)
@example(text="", topic=None)
def test_a_document_is_bos_prompt_answer_end(base: BaseModel, text: str, topic: str | None) -> None:
    tokenizer = base.tokenizer
    for template in templates(base):
        document = tokenizer.encode(template, text, topic, "Tweet")
        prompt, answer = document.ids[: document.prompt_length], document.ids[document.prompt_length :]
        bos = [base.bos_id] if template.add_bos else []
        assert prompt == bos + tokenizer.prompt_ids(template.prompt(topic if topic and template.has_topic else "*"), add_bos=False)
        assert answer[-1] == base.eos_id
        assert base.eos_id not in answer[:-1]
        assert tokenizer.decode(answer[:-1]) == template.answer(text)
        assert document.labels == [IGNORED] * len(prompt) + answer


@pytest.mark.parametrize("longest", [3, 20, 30])
def test_a_document_that_was_cut_has_no_end_and_no_more_than_its_prompt(base: BaseModel, longest: int) -> None:
    template = build_template("inst", "Nimzo", base.tokens)
    whole = base.tokenizer.encode(template, "mot " * 40, None, "Tweet")
    cut = base.tokenizer.encode(template, "mot " * 40, None, "Tweet", longest)
    assert cut.ids == whole.ids[:longest]
    assert base.eos_id not in cut.ids
    assert cut.prompt_length == min(whole.prompt_length, longest)
    assert len(cut.labels) == len(cut.ids)
    assert base.tokenizer.encode(template, "mot " * 40, None, "Tweet", len(whole.ids)) == whole


def test_an_end_that_is_not_one_token_is_refused(tokenizer: Tokenizer) -> None:
    template = build_template("inst", "x", SpecialTokens("<|im_start|>", "</absent>"))
    with pytest.raises(TweetstyleError, match="'</absent>' is not one token"):
        tokenizer.encode(template, "salut", None, "Tweet")
