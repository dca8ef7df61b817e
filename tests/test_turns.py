"""A conversation is the chat template's own text: in training, in prompts, in Jinja; and its ids are transformers'."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.chat_templates import BARE, CHANGING, CHATML, DATED, HEADERS, INST, changing, messages
from transformers.utils.chat_template_utils import render_jinja_template

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import IGNORED
from tweetstyle.prompt.chat_template import Turn, take_apart
from tweetstyle.prompt.escaping import render_jinja
from tweetstyle.prompt.template import SpecialTokens, Template, build_template

TOKENS = {
    "chatml": SpecialTokens("<|im_start|>", "<|im_end|>", CHATML),
    "headers": SpecialTokens("<|begin_of_text|>", "<|end_of_text|>", HEADERS),
    "dated": SpecialTokens("<|begin_of_text|>", "<|end_of_text|>", DATED),
    "bare": SpecialTokens("<s>", "</s>", BARE),
}
# Stripped, as messages and tweets are: the templates of Llama 3 trim what they are given.
words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Co")), min_size=1, max_size=30).map(str.strip).filter(bool)
turns = st.lists(st.tuples(words, words), min_size=1, max_size=6)
HARD = [("l'été {{ x }} {% if %}", "oui 😀"), ("'\\n\" ?", "*"), ("[INST]", "<s> non </s>")]


def conversation(name: str, system: str | None = None) -> Template:
    return build_template("chat", "Nimzo", TOKENS[name], system=system, conversation=True)


def by_the_model(name: str, said: list[Turn], message: str | None = None, system: str | None = None) -> str:
    """Its own template's text, less the BOS that the template writes and the tokenizer then adds."""
    tokens = TOKENS[name]
    text = render_jinja(tokens.chat_template, messages(said, message, system), tokens.bos, tokens.eos, generate=message is not None)
    return text.removeprefix(tokens.bos) if name != "chatml" else text


@pytest.mark.parametrize("system", [None, "Be {style} “me”.", "l'été\n{{ x }} \\n"])
@pytest.mark.parametrize("name", TOKENS)
@settings(max_examples=30, deadline=None)
@given(said=turns)
@example(said=HARD)
def test_a_prompt_is_the_models_own_with_all_that_was_said_and_the_ggufs_jinja_says_the_same(name, system, said):
    """With a system line that was trained, without one, and with another in its place."""
    if name == "bare":
        system = None
    template, (*before, (message, _)) = conversation(name, system), said
    prompt, others = template.prompt(message, history=before), template.prompt(message, history=before, system="Other.")
    assert prompt == by_the_model(name, before, message, system)
    if name != "bare":
        assert others == by_the_model(name, before, message, "Other.")
        assert conversation(name).prompt(message, history=before, system=system) == prompt and template.system_line() == (system or "")
    for own, expected in ((None, prompt), ("Other.", others)):
        assert render_jinja(template.jinja(), messages(before, message, own), "", "", generate=True) == expected


def test_what_a_template_puts_in_by_itself_is_a_fixed_text() -> None:
    assert conversation("chatml").prompt("ça va ?") == (
        "<|im_start|>system\nYou are helpful<|im_end|>\n<|im_start|>user\nça va ?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert conversation("dated").prompt("x").startswith("<|start_header_id|>system<|end_header_id|>\n\nToday: 26 Jul 2024\n\n<|eot_id|>")
    assert conversation("headers").prompt("x").startswith("<|start_header_id|>user")


def test_a_line_has_its_message_once_there_is_one() -> None:
    template = conversation("chatml")
    assert template.line("salut") == "salut<|im_end|>"
    assert template.line("salut", "ça va ?") == template.prompt("ça va ?") + "salut<|im_end|>"
    assert not template.has_topic and template.takes_message


@pytest.mark.parametrize(
    ("source", "system", "words"),
    [
        (BARE, "Be me.", "has no place for a system message"),
        (INST, None, "puts no end token behind an answer"),
        (INST.replace("' ' + eos", "eos"), None, "does not write a conversation turn by turn"),
        ("{% for m in messages %}{{ m.content | upper }}</s>{% endfor %}", None, "or changes them (their case, for example)"),
        ("{{ messages[-1].content }}", None, "leaves messages out"),
        ("{% for m in messages %}{{ loop.index }}{{ m.content }}</s>{% endfor %}", None, "does not write a conversation turn by turn"),
        ("{{ raise_exception('no') }}", None, "cannot be used (no)"),
    ],
)
def test_a_template_that_is_no_row_of_turns_is_refused(source: str, system: str | None, words: str) -> None:
    with pytest.raises(TweetstyleError) as caught:
        take_apart(source, "<s>", "</s>", system)
    assert words in caught.value.what and caught.value.where == "prompt.format: chat"


@pytest.mark.parametrize("changed", ["user", "system", "assistant"])
def test_a_template_that_changes_what_is_said_is_refused(changed: str) -> None:
    for filter in CHANGING:
        with pytest.raises(TweetstyleError, match="changes texts|or changes them|no place for|no end token") as caught:
            take_apart(changing(filter, changed), "<s>", "</s>", "Be me.")
        assert caught.value.where == "prompt.format: chat"


TRL = Path(find_spec("trl").origin).parent / "chat_templates"
MARKED = ["llama3", "qwen2_5", "gemma"]


@pytest.mark.parametrize("name", MARKED)
@settings(max_examples=20, deadline=None)
@given(said=turns)
@example(said=HARD)
def test_tags_for_training_leave_no_trace(name: str, said: list[Turn]) -> None:
    """TRL's own files with `{% generation %}`, against the same models' without it, and against transformers."""
    plain, marked = ((TRL / f"{name}{ending}.jinja").read_text() for ending in ("", "_training"))
    assert "{% generation %}" in marked.replace("{%- ", "{% ").replace(" -%}", " %}") and "generation %}" not in plain
    tokens = SpecialTokens("<s>", "</s>", marked)
    template = build_template("chat", "Nimzo", tokens, conversation=True)
    assert template == build_template("chat", "Nimzo", SpecialTokens("<s>", "</s>", plain), conversation=True)
    assert "generation" not in template.jinja() + template.ollama()
    *before, (message, _) = said
    (theirs,), _ = render_jinja_template(
        [messages(before, message)], chat_template=marked, add_generation_prompt=True, bos_token="<s>", eos_token="</s>"
    )
    assert template.prompt(message, history=before) == theirs.removeprefix("<s>")


@pytest.fixture(scope="module")
def reference(base_model_dir: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base_model_dir)


SAID = [(f"{number}. l'été {mark} ?", f"{mark}oui, {number * 111} fois 😀 @toi #neige") for number, mark in enumerate("aé🙂«.…*", start=1)]


@pytest.mark.parametrize("system", [None, "Write as I do.\nBriefly."])
@pytest.mark.parametrize("count", range(1, len(SAID) + 1))
def test_training_ids_are_those_of_apply_chat_template(base: BaseModel, reference, count: int, system: str | None) -> None:
    """Up to the last end token: behind it a template may write what nothing is learned from."""
    template = build_template("chat", "Nimzo", base.tokens, system=system, conversation=True)
    ids, labels = base.tokenizer.encode_turns(template, SAID[:count])
    theirs = reference.apply_chat_template(messages(SAID[:count], None, system), tokenize=True, return_dict=True)["input_ids"]
    assert ids == theirs[: len(ids)]
    assert base.tokenizer.decode(theirs[len(ids) :]) == "\n"
    learned = "".join(answer + "<|im_end|>" for _, answer in SAID[:count])
    assert base.tokenizer.decode([id for id in labels if id != IGNORED]) == learned
    assert [id for id, label in zip(ids, labels, strict=True) if label != IGNORED] == [label for label in labels if label != IGNORED]


@settings(max_examples=60, deadline=None)
@given(said=turns)
def test_a_prompt_has_the_ids_that_the_conversation_was_trained_with(base: BaseModel, said: list[Turn]) -> None:
    """Words that are no special token's: those a person's text is split of, and a prompt's are read."""
    special = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
    said = [turn for turn in said if not any(token in text for token in special for text in turn)] or [("a", "b")]
    template, (*before, (message, answer)) = build_template("chat", "Nimzo", base.tokens, conversation=True), said
    ids, _ = base.tokenizer.encode_turns(template, said)
    prompt = base.tokenizer.prompt_ids(template.prompt(message, history=before), add_bos=template.add_bos)
    assert ids[: len(prompt)] == prompt
    alone = base.tokenizer.encode(template, answer, message, "Tweet")
    assert base.tokenizer.encode_turns(template, [(message, answer)]) == (alone.ids, alone.labels)
