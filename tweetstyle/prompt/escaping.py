"""Text escaped for Jinja, Go's text/template and a Modelfile."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from tweetstyle.errors import TweetstyleError

if TYPE_CHECKING:
    from jinja2 import Environment

CUT_AT = (
    "to|ol", "th|ink", "func|tion", "chan|nel", "har|mony", "reci|pient", "Bai|ling",
    "arg_|key", "message_|sep", "end_of_|msg", "START_|ACTION", "CHATBOT_|TOKEN",
)  # fmt: skip
"""Places in the words by whose presence in a chat template's source Ollama 0.33 (server/images.go) and llama.cpp (common/chat.cpp)
take a model for one that calls tools, thinks aloud or speaks another family's format; Ollama then ignores the Modelfile's TEMPLATE."""
_CUTS = re.compile("|".join("(?<={})(?={})".format(*words.split("|")) for words in CUT_AT), re.IGNORECASE)


def render_jinja(source: str, messages: list[dict[str, str]], bos: str, eos: str, *, generate: bool) -> str:
    """Renders a Hugging Face chat template with the names that transformers gives it.

    But for the clock (strftime_now): a template that uses it writes its own fixed date instead, and the same on any day.
    TRL's `{% generation %}` tags, which mark what bears loss, are accepted and have no effect on the text.
    """
    from jinja2 import TemplateError

    def raise_exception(message: str):
        raise TemplateError(message)

    try:
        return _compiled(source).render(
            messages=messages,
            tools=None,
            documents=None,
            bos_token=bos,
            eos_token=eos,
            add_generation_prompt=generate,
            raise_exception=raise_exception,
        )
    except TemplateError as error:
        raise TweetstyleError(
            f"the base model's chat template cannot be used ({error})", where="prompt.format: chat", hint="use format: inst"
        ) from error


@lru_cache(maxsize=8)
def _compiled(source: str):
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    _add_generation_tags(environment)
    return environment.from_string(source)


def _add_generation_tags(environment: Environment) -> None:
    """`{% generation %}…{% endgeneration %}` as transformers reads it: what is inside, in a scope of its own."""
    from jinja2 import nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012  (Extension declares it as an instance attribute)

        def parse(self, parser: Parser) -> nodes.Scope:
            line = next(parser.stream).lineno
            return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)

    environment.add_extension(Generation)


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


YOUNGER = (range(0x2FFC, 0x3000), range(0x31EF, 0x31F0), range(0x2EBF0, 0x2EE5E))
"""Characters of Unicode 15.1, which a younger Python prints and Go's tables (15.0) do not know."""


def is_printable(character: str) -> bool:
    """Whether Ollama's Modelfile keeps the character (Go's strconv.IsPrint), independent of Python's own tables."""
    return character.isprintable() and not any(ord(character) in characters for characters in YOUNGER)


def check_printable(text: str, where: str) -> None:
    """Refuses what Ollama's Modelfile cannot carry: it silently drops runes that are not printable, and ends at three quotes."""
    for character in text:
        if not is_printable(character):
            raise TweetstyleError(f"the character U+{ord(character):04X} is not allowed in a Modelfile", where=where, hint="leave it out")
    if '"""' in text:
        raise TweetstyleError('""" is not allowed in a Modelfile', where=where, hint="leave it out")


def go_literal(text: str) -> str:
    """Text inside a Go template: only the opening braces have a meaning there."""
    return re.sub(r"\{\{+|\{$", lambda braces: '{{ "' + braces[0] + '" }}', text)


def jinja_string(text: str) -> str:
    """A Jinja expression for the text; llama.cpp's own Jinja reads its escapes too. It holds none of the words of CUT_AT: 'to' + 'ols'."""
    return " + ".join(f"'{_escaped(part)}'" for part in _CUTS.split(text))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
