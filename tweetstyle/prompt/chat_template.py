"""The instruct model's own chat template, taken apart once and used everywhere."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.prompt.escaping import go_literal, jinja_string, render_jinja

Turn = tuple[str, str]
"""(message, answer)."""
SYSTEM = "\ue000System\ue001"
MOST_CHECKED = 4
"""Turns up to which the pieces are compared with the template itself."""
ORDINARY = (
    "ça VA, l'Été à Québec ?",
    "two  spaces\nand\n\nlines\tand a tab",
    "1 < 2 & \"x\" 'y' > z, <b>bold</b> &amp; 50%",
    "{{ x }} {% y %} {# z #} \\n $i `j`",
    "#a @b https://t.co/Ab1?x=1&y=%C3%A9",
    "«\u00a0l’été… – ou\u202f“demain”\u202f?\u00a0» — ‘oui’ • œuf, 12\u00a0€",
    "😀 👩‍👩‍👧‍👦 e\u0301",
    "one word after another, " * 400 + "and the end.",
)
"""What people write, of every kind that a filter of a chat template may change."""


@dataclass(frozen=True)
class Turns:
    """The pieces of a chat template, between which messages and answers are put unchanged; BOS is not among them.

    head: what precedes the first message, the trained system line (or the template's own) in it; asked: between a message and
    its answer; end: the token that ends an answer; again: between that and the next message; around_system: what comes before and
    behind a system message of the user's own, `head` taking no part then (None: the template has no place for one); system: the
    trained line (None: none was given).
    """

    head: str
    asked: str
    end: str
    again: str
    around_system: tuple[str, str] | None
    system: str | None = None

    def opening(self, system: str | None = None) -> str:
        """What precedes the first message. system: of the user's own, in the trained one's place."""
        if not system or self.around_system is None:
            return self.head
        before, behind = self.around_system
        return before + system + behind

    def prompt(self, message: str, history: Iterable[Turn] = (), system: str | None = None) -> str:
        """The text before the answer to `message`, all that was said before in it."""
        before = "".join(earlier + self.asked + answer + self.end + self.again for earlier, answer in history)
        return self.opening(system) + before + message + self.asked

    def segments(self, turns: Sequence[Turn]) -> Iterator[Turn]:
        """(what is given, answer) of each turn: together, with the end token behind each answer, they are the training text."""
        before = self.head
        for message, answer in turns:
            yield before + message + self.asked, answer
            before = self.again

    def ollama(self) -> str:
        """The Modelfile's TEMPLATE: the whole history. Of what Ollama cut off to make it fit, no answer without its message is left."""
        opening = go_literal(self.head)
        if self.around_system:
            before, behind = map(go_literal, self.around_system)
            opening = "{{ if .System }}" + before + "{{ .System }}" + behind + "{{ else }}" + opening + "{{ end }}"
        user = '{{ if eq $m.Role "user" }}{{ $begun = true }}{{ $m.Content }}' + go_literal(self.asked)
        # An answer that comes last is one that Ollama has to continue.
        more = "{{ if gt (len (slice $.Messages $i)) 1 }}" + go_literal(self.end + self.again) + "{{ end }}"
        answer = '{{ else if and $begun (eq $m.Role "assistant") }}{{ $m.Content }}' + more + "{{ end }}"
        return "{{ $begun := false }}" + opening + "{{ range $i, $m := .Messages }}" + user + answer + "{{ end }}"

    def jinja(self) -> str:
        """The GGUF's chat template: the same in Jinja."""
        opening = "{{ " + jinja_string(self.head) + " }}"
        if self.around_system:
            before, behind = map(jinja_string, self.around_system)
            given = "messages[0].role == 'system' and messages[0].content"
            own = "{{ " + f"{before} + messages[0].content + {behind}" + " }}"
            opening = "{% if " + given + " %}" + own + "{% else %}" + opening + "{% endif %}"
        user = "{% if message.role == 'user' %}{% set seen.begun = true %}{{ message.content + " + jinja_string(self.asked) + " }}"
        more = "{% if not loop.last %}{{ " + jinja_string(self.end + self.again) + " }}{% endif %}"
        answer = "{% elif seen.begun and message.role == 'assistant' %}{{ message.content }}" + more + "{% endif %}"
        return "{% set seen = namespace(begun=false) %}" + opening + "{% for message in messages %}" + user + answer + "{% endfor %}"


def take_apart(source: str, bos: str | None, eos: str, system: str | None = None, *, needs_system: bool = False) -> tuple[Turns, bool]:
    """The pieces of a tokenizer's chat template (Jinja), and whether it writes the BOS itself, which is then left to the tokenizer.

    A system message or date that the template puts in by itself is part of `head`, as a fixed text: what is trained is then what
    Ollama is sent, on any day. Raises TweetstyleError for a template that is no mere row of turns, and where `system`, or with
    `needs_system` any system message, has no place.
    """
    render = _ChatTemplate(source, bos, eos)
    around_system = _around_system(render)
    if (system or needs_system) and around_system is None:
        hint = _("remove prompt.system, use another instruct model, or format: inst")
        raise _refusal(_("the base model's chat template has no place for a system message, or changes it"), hint)
    two = render(_messages(2), system)
    parts = re.split(f"({_message(0)}|{_answer(0)}|{_message(1)})", two)
    if parts[1::2] != [_message(0), _answer(0), _message(1)]:
        raise _refusal(_("the base model's chat template leaves messages out, or changes them (their case, for example)"))
    head, answering, later = parts[:5:2]
    token = re.match(r"<[|｜]?[^<>\s]+[|｜]?>|</s>", later)
    end = token[0] if token else eos
    if not later.startswith(end):
        raise _refusal(_("the base model's chat template puts no end token behind an answer"))
    turns = Turns(head, answering, end, later.removeprefix(end), around_system, system)
    _check(turns, render)
    return turns, render.writes_bos


# -- parts --------------------------------------------------------------------------------------------------


class _ChatTemplate:
    """A chat template that renders the prompts of conversations, without the BOS that it writes."""

    def __init__(self, source: str, bos: str | None, eos: str) -> None:
        self.source, self.bos, self.eos = source, bos or "", eos
        # A BOS that is in the template as ordinary text (ChatML) stays there.
        self.writes_bos = bool(bos) and self._rendered(_messages(1), "\ue000BOS\ue001").startswith("\ue000BOS\ue001")

    def __call__(self, messages: list[dict[str, str]], system: str | None = None) -> str:
        opening = [{"role": "system", "content": system}] if system else []
        text = self._rendered([*opening, *messages], self.bos)
        return text.removeprefix(self.bos) if self.writes_bos else text

    def _rendered(self, messages: list[dict[str, str]], bos: str) -> str:
        return render_jinja(self.source, messages, bos, self.eos, generate=messages[-1]["role"] == "user")


def _message(number: int) -> str:
    return f"\ue000Message {number}\ue001"


def _answer(number: int) -> str:
    return f"\ue000Answer {number}\ue001"


def _messages(turns: int) -> list[dict[str, str]]:
    """A conversation whose last message waits for its answer."""
    pairs = [pair for number in range(turns) for pair in (("user", _message(number)), ("assistant", _answer(number)))]
    return [{"role": role, "content": content} for role, content in pairs[:-1]]


def _around_system(render: _ChatTemplate) -> tuple[str, str] | None:
    """What comes before and behind a system message, where the template takes one and puts it before the first message."""
    try:
        whole = render(_messages(1), SYSTEM)
    except TweetstyleError:
        return None
    parts = re.split(f"({SYSTEM}|{_message(0)})", whole)
    return (parts[0], parts[2]) if parts[1::2] == [SYSTEM, _message(0)] else None


def _check(turns: Turns, render: _ChatTemplate) -> None:
    """Holds the pieces against the template, with and without a system message, for one turn and several, answered and not."""
    for system in (turns.system, *([SYSTEM] if turns.around_system else [])):
        for count in range(1, MOST_CHECKED + 1):
            history = [(_message(number), _answer(number)) for number in range(count - 1)]
            prompt = turns.prompt(_message(count - 1), history, system)
            answered = [*_messages(count), {"role": "assistant", "content": _answer(count - 1)}]
            whole = render(answered, system)
            if render(_messages(count), system) != prompt or not whole.startswith(prompt + _answer(count - 1) + turns.end):
                raise _refusal(_("the base model's chat template does not write a conversation turn by turn"))
    for text in ORDINARY:
        messages = [{"role": "user", "content": text}, {"role": "assistant", "content": text}, {"role": "user", "content": text}]
        system = text if turns.around_system else None
        if render(messages, system) != turns.prompt(text, [(text, text)], system):
            shown = repr(text[:40])
            raise _refusal(_("the base model's chat template changes texts, which Ollama cannot do; for example {text}", text=shown))


def _refusal(what: str, hint: str = "") -> TweetstyleError:
    hint = hint or _("use another instruct model, message: topic, or format: inst")
    return TweetstyleError(what, where="prompt.format: chat", hint=hint)
