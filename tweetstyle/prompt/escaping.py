"""Text escaped for Jinja, Go's text/template and a Modelfile."""

import re
from functools import lru_cache

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _

TRIPLE = '"""'
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
        what = _("the base model's chat template cannot be used ({reason})", reason=str(error))
        raise TweetstyleError(what, where="prompt.format: chat", hint=_("use format: inst")) from error


@lru_cache(maxsize=8)
def _compiled(source: str):
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    # What `{% generation %}` marks for training is a block like any other.
    source = re.sub(r"(\{%[-+]?\s*)generation(\s*[-+]?%\})", r"\1if true\2", source)
    return environment.from_string(re.sub(r"(\{%[-+]?\s*)endgeneration(\s*[-+]?%\})", r"\1endif\2", source))


def check_printable(text: str, where: str, besides: str = "") -> None:
    """Refuses what Ollama's Modelfile cannot carry: it drops characters that are not printable (Go's strconv.IsPrint), and ends at
    three quotes. besides: characters that are taken all the same."""
    refused = [f"U+{ord(character):04X}" for character in text if not (character.isprintable() or character in besides)]
    if refused or TRIPLE in text:
        what = _("{text} is not allowed in a Modelfile", text=refused[0] if refused else TRIPLE)
        raise TweetstyleError(what, where=where, hint=_("remove it"))


def go_literal(text: str) -> str:
    """Text inside a Go template: only the opening braces have a meaning there."""
    return re.sub(r"\{\{+|\{$", lambda braces: '{{ "' + braces[0] + '" }}', text)


def jinja_string(text: str) -> str:
    """A Jinja expression for the text; llama.cpp's own Jinja reads its escapes too. It holds none of the words of CUT_AT: 'to' + 'ols'."""
    escaped = (part.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") for part in _CUTS.split(text))
    return " + ".join(f"'{part}'" for part in escaped)
