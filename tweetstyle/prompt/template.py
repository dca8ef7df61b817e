"""The prompt: training text, evaluation prompt, Ollama TEMPLATE, chat template."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, _
from tweetstyle.prompt.chat_template import Turn, Turns, take_apart
from tweetstyle.prompt.escaping import check_printable, go_literal, jinja_string
from tweetstyle.records import TWEET

NO_TOPIC = "*"
SLOTS = ("style", "type", "topic", "text")


@dataclass(frozen=True)
class Literally:
    """Text that is in every prompt."""

    text: str


@dataclass(frozen=True)
class SystemLine:
    """Style and type; a /set system line in Ollama replaces it. `line` has {style} and {type}."""

    line: str


@dataclass(frozen=True)
class Topic:
    """The subject, which is what the user types. With `optional`, no subject leaves out `before` too; without, it is `*`."""

    before: str = ""
    optional: bool = False


Piece = Literally | SystemLine | Topic


@dataclass(frozen=True)
class SpecialTokens:
    """Texts of the tokenizer's special tokens. `chat_template` is Jinja; `adds_bos`: whether that Jinja itself writes the BOS."""

    bos: str | None
    eos: str
    chat_template: str | None = None


@dataclass(frozen=True)
class Template:
    """The prompt as pieces, without BOS; what precedes the answer; what ends it.

    add_bos: the ids begin with the tokenizer's BOS, put there by the tokenizer (GGUF key add_bos_token) and never by the text.
    answer_prefix: belongs to the answer, for a byte-level BPE makes one token of a space and the word behind it:
    a prompt that ended in a space would end in a token that training never showed there.
    turns: how a conversation continues; None: each message is answered without the ones before.
    """

    format: Literal["inst", "text", "chat", "custom"]
    style: str
    pieces: tuple[Piece, ...]
    add_bos: bool
    end: str
    answer_prefix: str = ""
    stops: tuple[str, ...] = ()
    turns: Turns | None = None

    # -- what training, evaluation and chat read ------------------------------------------------------------

    def system_line(self, type: str = TWEET) -> str:
        """What a /set system line replaces, with the style's name and the type filled in."""
        if self.turns:
            return self.turns.system or ""
        slots, line = {"{style}": self.style, "{type}": type}, "".join(piece.line for piece in self.pieces if isinstance(piece, SystemLine))
        return re.sub(r"\{(style|type)\}", lambda slot: slots[slot[0]], line)

    def prompt(self, message: str = NO_TOPIC, *, type: str = TWEET, system: str | None = None, history: Iterable[Turn] = ()) -> str:
        """The text before the answer, BOS not included, for what the user typed (`*`: no subject).

        history: what was said before, which only a conversation has in its prompt.
        """
        if self.turns:
            return self.turns.prompt(message, history, system)
        topic = "" if message == NO_TOPIC else message
        parts = []
        for piece in self.pieces:
            match piece:
                case Literally(text):
                    parts.append(text)
                case SystemLine():
                    parts.append(system or self.system_line(type))
                case Topic(before, optional):
                    parts.append((before + topic if topic else "") if optional else topic or NO_TOPIC)
        return "".join(parts)

    def training_prompt(self, topic: str | None, type: str = TWEET) -> str:
        """The prompt under which a tweet is trained and scored. In the `text` format a tweet has none.

        topic: the tweet's subject or, in a conversation, the message that it answers.
        """
        return self.prompt(topic if topic and self.takes_message else NO_TOPIC, type=type)

    def answer(self, text: str) -> str:
        """The text that the model learns to write, its end token not included."""
        return self.answer_prefix + text

    def shown(self, generated: str) -> str:
        """Generated text as a person reads it: without the prefix, which is the format's and not the author's."""
        return generated.removeprefix(self.answer_prefix).rstrip()

    @property
    def has_topic(self) -> bool:
        """Whether a subject may be trained: not in raw text, where what is typed is the tweet's own beginning, nor in a conversation."""
        return self.takes_message and not self.turns

    @property
    def takes_message(self) -> bool:
        """Whether what is typed is a subject or a message, which is in the prompt, and not the tweet's own beginning."""
        return self.format != "text" and any(isinstance(p, Topic) for p in self.pieces)

    def line(self, text: str, topic: str | None = None, type: str = TWEET) -> str:
        """The JSONL line. <s> and </s> are written as such and mean the tokenizer's BOS and EOS; no code reads them back."""
        if self.turns and topic is None:
            return self.answer(text) + self.end  # its message is not there yet: playback finds one
        prompt = self.training_prompt(topic, type) + self.answer(text)
        if self.format == "chat":
            return prompt + self.end
        return f"<s>{prompt}</s>"

    # -- what Ollama and llama.cpp read ---------------------------------------------------------------------

    def ollama(self) -> str:
        """The Modelfile's TEMPLATE (Go's text/template): the last user message only, so that each message is answered afresh.

        `ollama run` resends the whole history through /api/chat and has no option against it. A conversation has all of it.
        """
        if self.turns:
            return self.turns.ollama()
        body = "".join(self._go(piece) for piece in self.pieces)
        last_user = 'and (eq $m.Role "user") (eq (len (slice $.Messages $i)) 1)'
        return "{{- range $i, $m := .Messages }}{{- if " + last_user + " }}" + body + "{{ end }}{{ end }}"

    def jinja(self) -> str | None:
        """The GGUF's chat template, the same prompt in Jinja; None for raw text, where a chat template would be a claim."""
        if self.format == "text":
            return None
        if self.turns:
            return self.turns.jinja()
        body = "".join(self._jinja(piece) for piece in self.pieces)
        system = "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}{% endif %}"
        guard = "{% if messages[-1].role == 'user' %}{% set topic = messages[-1].content %}"
        return "{% set system = '' %}" + system + guard + body + "{% endif %}"

    def _go(self, piece: Piece) -> str:
        match piece:
            case Literally(text):
                return go_literal(text)
            case SystemLine():
                return "{{ if $.System }}{{ $.System }}{{ else }}" + go_literal(self.system_line()) + "{{ end }}"
            case Topic(before, True):
                given = '{{ if and $m.Content (ne $m.Content "*") }}'
                return given + go_literal(before) + "{{ $m.Content }}{{ end }}"
            case _:
                return "{{ if $m.Content }}{{ $m.Content }}{{ else }}*{{ end }}"

    def _jinja(self, piece: Piece) -> str:
        match piece:
            case Literally(text):
                return "{{ " + jinja_string(text) + " }}"
            case SystemLine():
                return "{{ system or " + jinja_string(self.system_line()) + " }}"
            case Topic(before, True):
                return "{% if topic and topic != '*' %}{{ " + jinja_string(before) + " + topic }}{% endif %}"
            case _:
                return "{{ topic or '*' }}"


# -- the four formats ---------------------------------------------------------------------------------------


def build_template(
    format: str, style: str, tokens: SpecialTokens, custom: str | None = None, *, system: str | None = None, conversation: bool = False
) -> Template:
    """The template of a recipe's prompt section over a tokenizer's special tokens.

    conversation: several turns, each answer to a message (format chat); system: a line of one's own, in the `chat` format.
    Raises TweetstyleError for a custom line without {text} at its end, a style name or system line that a Modelfile cannot
    carry, and a `chat` format over a base model that has no chat template, or one that this format cannot be made of.
    """
    check_printable(style, "prompt.style")
    check_printable(system or "", "prompt.system", besides="\n")
    has_bos = tokens.bos is not None
    if format == "inst":
        pieces = (Literally("[INST] "), SystemLine("Style: {style} | Type: {type}"), Topic(" | Sujet: ", True), Literally(" [/INST]"))
        return Template("inst", style, pieces, has_bos, tokens.eos, " ", (tokens.eos, "[INST]"))
    if format == "text":
        return Template("text", style, (Topic(optional=True),), has_bos, tokens.eos, "", (tokens.eos,))
    if format == "custom":
        return _custom(custom or "", style, tokens)
    if not tokens.chat_template:
        hint = _("use an instruct model, or format: inst")
        raise TweetstyleError(_("the base model has no chat template"), where="prompt.format: chat", hint=hint)
    return _conversation(style, tokens, system) if conversation else _chat(style, tokens, system or "Style: {style} | Type: {type}")


def _conversation(style: str, tokens: SpecialTokens, system: str | None) -> Template:
    turns, writes_bos = take_apart(tokens.chat_template or "", tokens.bos, tokens.eos, system.strip() if system else None)
    pieces = Literally(turns.head), Topic(), Literally(turns.asked)
    return Template("chat", style, pieces, writes_bos, turns.end, "", (turns.end,), turns)


def _custom(line: str, style: str, tokens: SpecialTokens) -> Template:
    check_printable(line, "prompt.custom", besides="\n")
    body = line.removeprefix("<s>").removesuffix("</s>")
    prompt = body.removesuffix("{text}").removesuffix(" ")
    pieces = tuple(_custom_pieces(prompt))
    has_bos = tokens.bos is not None and line.startswith("<s>")
    unknown = [name for name in re.findall(r"\{(\w*)\}", body) if name not in SLOTS]
    inside = [token for token in ("<s>", "</s>", tokens.bos, tokens.eos) if token and token in body]
    problems = {
        N_("{unknown} is not one of {{style}}, {{type}}, {{topic}} and {{text}}"): unknown,
        N_("the line must end in {{text}}, once, with at most </s> after it"): not body.endswith("{text}") or body.count("{text}") != 1,
        N_("each of {{style}}, {{type}} and {{topic}} may occur once at most"): any(body.count(f"{{{slot}}}") > 1 for slot in SLOTS[:3]),
        N_("{inside} is allowed only at the ends, as <s> and </s>"): inside,
        N_("there is more than one space before {{text}}"): prompt.endswith(" "),
        N_("{{topic}} is not allowed between {{style}} and {{type}}"):
            any(isinstance(p, SystemLine) and "{topic}" in p.line for p in pieces),
        N_("there is nothing before {{text}}: Ollama does not answer an empty prompt; with a BOS token, begin with <s>"):
            not pieces and not has_bos,
    }  # fmt: skip
    if found := next((what for what, applies in problems.items() if applies), None):
        what = _(found, unknown="".join(f"{{{name}}}" for name in unknown[:1]), inside="".join(inside[:1]))
        hint = _("write for example: {example}", example='"<s>[{style}, {type}] {topic} => {text}</s>"')
        raise TweetstyleError(what, where="prompt.custom", hint=hint)
    prefix = " " if body.endswith(" {text}") else ""
    return Template("custom", style, pieces, has_bos, tokens.eos, prefix, (tokens.eos,))


def _custom_pieces(prompt: str) -> Iterator[Piece]:
    """The system line is the span from the first to the last of {style} and {type}: one /set system line replaces both."""
    span = re.search(r"\{(style|type)\}.*\{(style|type)\}|\{(style|type)\}", prompt, re.S)
    for part in re.split("(" + re.escape(span[0]) + r"|\{topic\})" if span else r"(\{topic\})", prompt):
        if part == "{topic}":
            yield Topic()
        elif span and part == span[0]:
            yield SystemLine(part)
        elif part:
            yield Literally(part)


def _chat(style: str, tokens: SpecialTokens, line: str) -> Template:
    """The model's own chat template with a place for the system line, for one message and its answer.

    A template that writes the BOS itself leaves it to the tokenizer instead (a BOS in TEMPLATE makes two in Ollama); one that writes it
    as ordinary text (ChatML) keeps it there.
    """
    turns, writes_bos = take_apart(tokens.chat_template or "", tokens.bos, tokens.eos, needs_system=True)
    before, behind = turns.around_system or ("", "")
    pieces = (Literally(before), SystemLine(line), Literally(behind), Topic(), Literally(turns.asked))
    pieces = tuple(p for p in pieces if p != Literally(""))
    return Template("chat", style, pieces, writes_bos, turns.end, "", (turns.end,))
