"""One template: prompt, JSONL line, Jinja and Go say the same; what a Modelfile or a tokenizer cannot carry is refused by name."""

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from support.chat_templates import CHATML, HEADERS

from tweetstyle.errors import TweetstyleError
from tweetstyle.prompt.escaping import go_literal, render_jinja
from tweetstyle.prompt.template import SpecialTokens, Template, build_template
from tweetstyle.records import REPLY

SMOL = SpecialTokens("<|im_start|>", "<|im_end|>", CHATML)
LLAMA = SpecialTokens("<|begin_of_text|>", "<|end_of_text|>", HEADERS)
CUSTOM = '<s>"{style}", {type}:\n{topic} => {text}</s>'

printable = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Co", "Cn", "Zs", "Zl", "Zp"), include_characters=" "), max_size=40)
styles = printable.filter(lambda text: text and text.isprintable() and '"""' not in text)
messages = st.text(max_size=60) | st.sampled_from(
    ["", "*", "[INST]", "{{ x }}", "{% if %}", "'", "\\n", "<s>", "</s>", "<|im_end|>", " hiver "]
)


def build(format: str, style: str = "Nimzo", tokens: SpecialTokens = SMOL) -> Template:
    return build_template(format, style, tokens, CUSTOM if format == "custom" else None)


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


# -- what each format says ----------------------------------------------------------------------------------


def test_inst_is_the_line_of_the_notes() -> None:
    template = build("inst")
    assert template.line("salut") == "<s>[INST] Style: Nimzo | Type: Tweet [/INST] salut</s>"
    assert template.line("salut", "hiver, Montréal") == "<s>[INST] Style: Nimzo | Type: Tweet | Sujet: hiver, Montréal [/INST] salut</s>"
    assert template.line("oui", None, REPLY) == "<s>[INST] Style: Nimzo | Type: Réponse [/INST] oui</s>"
    assert template.prompt("hiver") == "[INST] Style: Nimzo | Type: Tweet | Sujet: hiver [/INST]"
    assert template.answer("salut") == " salut" and template.shown(" salut \n") == "salut"
    assert (template.end, template.stops, template.add_bos) == ("<|im_end|>", ("<|im_end|>", "[INST]"), True)


def test_text_is_the_bare_tweet_and_what_is_typed_is_its_beginning() -> None:
    template = build("text")
    assert template.line("salut", "hiver") == "<s>salut</s>"
    assert template.training_prompt("hiver") == ""
    assert template.prompt("C'est l'") == "C'est l'"
    assert template.prompt("*") == ""
    assert not template.has_topic
    assert template.jinja() is None


def test_chat_is_the_models_own_turns_with_its_bos_as_text() -> None:
    template = build("chat")
    expected = "<|im_start|>system\nStyle: Nimzo | Type: Tweet<|im_end|>\n<|im_start|>user\nhiver<|im_end|>\n<|im_start|>assistant\n"
    assert template.prompt("hiver") == expected
    assert template.line("salut", "hiver") == expected + "salut<|im_end|>"
    assert template.training_prompt(None).count("*") == 1
    assert (template.add_bos, template.end, template.stops) == (False, "<|im_end|>", ("<|im_end|>",))


def test_a_bos_that_the_chat_template_writes_is_left_to_the_tokenizer() -> None:
    template = build("chat", tokens=LLAMA)
    assert template.add_bos and template.end == "<|eot_id|>"
    turn = "<|start_header_id|>{}<|end_header_id|>\n\n{}<|eot_id|>"
    said = turn.format("system", "Style: Nimzo | Type: Tweet") + turn.format("user", "hiver")
    assert template.prompt("hiver") == said + "<|start_header_id|>assistant<|end_header_id|>\n\n"


def test_custom_is_the_users_line_less_its_ends_and_the_space_before_the_text() -> None:
    template = build("custom")
    assert template.prompt("hiver") == '"Nimzo", Tweet:\nhiver =>'
    assert template.prompt("*") == '"Nimzo", Tweet:\n* =>'
    assert template.answer("salut") == " salut"
    assert template.line("salut", "hiver") == '<s>"Nimzo", Tweet:\nhiver => salut</s>'
    assert template.add_bos
    assert not build_template("custom", "x", SMOL, "{style}: {text}").add_bos
    assert not build_template("custom", "x", SMOL, "{style}: {text}").has_topic


def test_a_system_line_takes_the_place_of_style_and_type() -> None:
    assert build("inst").prompt("hiver", system="Style: Poe | Type: Vers") == "[INST] Style: Poe | Type: Vers | Sujet: hiver [/INST]"
    assert build("custom").prompt("hiver", system="MOI") == '"MOI:\nhiver =>'
    assert build("chat").prompt("x", system="sois bref").startswith("<|im_start|>system\nsois bref<|im_end|>")
    assert build("text").prompt("x", system="MOI") == "x"
    for format in ("inst", "custom", "chat"):
        template = build(format)
        assert template.prompt("x", system=template.system_line()) == template.prompt("x", system="") == template.prompt("x")


# -- the same prompt in Jinja -------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["inst", "chat", "custom"])
@given(style=styles, system=messages, message=messages)
@example(style="l'été \\", system="", message="l'hiver")
@example(style="{{ x }} {% raw %} {# #}", system="{{ z }}", message="{{ y }}")
@example(style="x", system="*", message="\n*\n")
def test_jinja_renders_the_prompt_of_the_last_message_under_any_system_message(format: str, style: str, system: str, message: str) -> None:
    template = build(format, style)
    before = [{"role": "user", "content": "avant"}, {"role": "assistant", "content": "réponse"}]
    for turns in (user(message), before + user(message)):
        assert render_jinja(template.jinja(), turns, "", "", generate=True) == template.prompt(message)
        given = [{"role": "system", "content": system}, *turns]
        assert render_jinja(template.jinja(), given, "", "", generate=True) == template.prompt(message, system=system)


LOOKED_FOR = (
    # Ollama 0.33.1, server/images.go
    "tools", "tool_call", "<think>", "content.split('</think>')",
    # llama.cpp b11434, common/chat.cpp and chat-diff-analyzer.cpp
    "[TOOL_CALLS]", "chat_format=llm-jp-harmony-v1", "<|channel|>", "<atem:function_calls>", ">>>${recipient", "<|end_of_msg|>",
    "<arg_key>", "<|START_ACTION|>", "<|message_sep|>", "<function=", "<|CHATBOT_TOKEN|>", "<TOOL_RESPONSE>", "laguna_glm_thinking",
    "Bailing V3 chat template",
)  # fmt: skip
"""Texts by which programs decide on a chat template's family; of those that only count together, one."""


@pytest.mark.parametrize("text", LOOKED_FOR)
def test_a_word_of_the_users_own_makes_no_other_template_of_it(text: str) -> None:
    """Ollama 0.33 would ignore TEMPLATE, and say that the model calls tools or thinks; llama.cpp would read the answers otherwise."""
    for written in (text, text.upper(), f"a{text}b {text}"):
        for template in (
            build_template("inst", written, SMOL),
            build_template("custom", "x", SMOL, f"<s>{written} {{style}} {{topic}}: {{text}}"),
            build_template("chat", "x", SMOL, system=written, conversation=True),
        ):
            jinja = template.jinja()
            assert text.lower() not in jinja.lower()
            assert written in template.prompt("hiver") == render_jinja(jinja, user("hiver"), "", "", generate=True)


# -- Go's text/template -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "written"),
    [("a {b} }} c", "a {b} }} c"), ("{{ x }}", '{{ "{{" }} x }}'), ("{{{", '{{ "{{{" }}'), ("ends in {", 'ends in {{ "{" }}')],
)
def test_braces_are_carried_through_go(text: str, written: str) -> None:
    assert go_literal(text) == written


# -- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ["\n", "\x07", "\u00a0", "\u200d", "\ue000"])
def test_a_style_that_a_modelfile_cannot_carry_is_refused_by_its_number(character: str) -> None:
    with pytest.raises(TweetstyleError, match=rf"prompt.style: U\+{ord(character):04X} is not allowed"):
        build("inst", f"Nim{character}zo")
    with pytest.raises(TweetstyleError, match='""" is not allowed'):
        build("inst", 'x"""')


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("<s>{style}", "must end in {text}"),
        ("{text} {text}", "must end in {text}"),
        ("{mood}: {text}", r"{mood} is not one of {style}"),
        ("{}: {text}", r"{} is not one of"),
        ("{topic} {topic} {text}", "once at most"),
        ("{style} <s> {text}", "<s> is allowed only at the ends"),
        ("{style}<|im_end|>{text}", "<|im_end|> is allowed only"),
        ("{style}  {text}", "more than one space"),
        ("{style} {topic} {type} {text}", "is not allowed between"),
        ("{style}\u200d {text}", "U+200D is not allowed"),
        ("{text}", "there is nothing before {text}"),
    ],
)
def test_a_custom_line_that_cannot_be_is_refused(line: str, message: str) -> None:
    with pytest.raises(TweetstyleError, match=re.escape(message).replace(r"\{mood", "{mood")) as caught:
        build_template("custom", "x", SMOL, line)
    assert caught.value.where == "prompt.custom"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "has no chat template"),
        ("{{ raise_exception('no system role') }}", "cannot be used (no system role)"),
        ("{% for m in messages %}", "cannot be used"),
        ("{{ messages.__class__.__mro__ }}{{ ''.__class__.__base__.__subclasses__() }}", "cannot be used"),
        ("{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}", "no place for a system message"),
    ],
)
def test_a_chat_template_that_will_not_do_or_reaches_into_the_program_is_refused(source: str | None, message: str) -> None:
    with pytest.raises(TweetstyleError, match=re.escape(message)) as caught:
        build_template("chat", "x", SpecialTokens("<s>", "</s>", source))
    assert caught.value.where == "prompt.format: chat" and "format: inst" in caught.value.hint


# -- any custom line ----------------------------------------------------------------------------------------

ordinary = printable.filter(lambda text: '"""' not in text and "<s>" not in text and "</s>" not in text and text.isprintable())


@given(parts=st.tuples(ordinary, ordinary, ordinary, ordinary), style=styles, message=messages, end=st.sampled_from(["", " ", "\n", ":"]))
@example(parts=("{{", "}} {", "{% {{ }", "}"), style="{", message="{", end=" ")
def test_any_custom_line_that_is_taken_is_rendered_as_it_is_written(parts: tuple[str, ...], style: str, message: str, end: str) -> None:
    parts = tuple(re.sub(r"\{\w*\}", "", part) for part in parts)
    line = f"<s>{parts[0]}{{style}}{parts[1]}{{type}}{parts[2]}{{topic}}{parts[3].rstrip()}{end}{{text}}</s>"
    assume(not re.search(r"\{\w*\}", re.sub(r"\{(style|type|topic|text)\}", "\0", line)))
    template = build_template("custom", style, SMOL, line)
    written = f"{parts[0]}{style}{parts[1]}Tweet{parts[2]}{message or '*'}{parts[3].rstrip()}{end}le tweet"
    assert template.prompt(message) + template.answer("le tweet") == written
    assert render_jinja(template.jinja(), user(message), "", "", generate=True) == template.prompt(message)
