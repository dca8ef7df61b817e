"""Ollama's Modelfile: FROM, TEMPLATE, SYSTEM and PARAMETER.

Ollama's parser/parser.go (v0.11.4): a value that begins with quotes continues to the same quotes at the end of a line, with no escapes
inside; runes that Go's strconv.IsPrint refuses are dropped.
"""

import os

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, _
from tweetstyle.model.tokenizer import Tokenizer
from tweetstyle.prompt.escaping import TRIPLE, check_printable
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Export, Sampling


def modelfile(gguf: str, template: Template, section: Export, sampling: Sampling, num_keep: int) -> str:
    """The file's text, for a GGUF that lies beside it. num_keep: as `head_length` has it.

    Raises TweetstyleError for a template, stop text or file name that a Modelfile cannot carry.
    """
    numbers = sampling.model_dump(exclude={"seed"}) | {"num_ctx": section.num_ctx, "num_keep": num_keep, "seed": sampling.seed}
    check_name(gguf)
    system = template.turns and template.turns.system
    about = N_("Writes tweets in the style {style}. Install: ollama create NAME -f Modelfile")
    if template.turns:
        about = N_("Answers in the style {style}. Install: ollama create NAME -f Modelfile")
    scaled = _("The adapter was merged at {scale} times its strength, chosen in export.adapter_scale.", scale=section.adapter_scale)
    lines = [
        f"# {_(about, style=repr(template.style))}",
        *([] if section.adapter_scale in ("auto", 1) else [f"# {scaled}"]),
        f"FROM ./{gguf}",
        f"TEMPLATE {quoted(template.ollama(), 'prompt', triple=True)}",
        *([f"SYSTEM {quoted(system, 'prompt.system', triple=True)}"] if system else []),
        *(f"PARAMETER stop {quoted(stop, 'prompt')}" for stop in template.stops),
        *(f"PARAMETER {name} {value}" for name, value in numbers.items() if value is not None),
    ]
    return "\n".join(lines) + "\n"


def head_length(template: Template, tokenizer: Tokenizer) -> int:
    """Tokens of the prompt before the message, without BOS: num_keep, to which Ollama adds one where the tokenizer adds a BOS.

    Of a prompt longer than num_ctx Ollama feeds these and as much of the end as fits. Its default of 4 would cut into the format.
    """
    # A token of the head may hold the message's first character too: it counts where every message leaves it as it is.
    prompts = [tokenizer.prompt_ids(template.prompt(message), add_bos=False) for message in ("a", "É", "1", "?", "😀")]
    return len(os.path.commonprefix(prompts))


def check_context(template: Template, tokenizer: Tokenizer, num_ctx: int) -> None:
    """Refuses a context of which the head alone takes more than half."""
    head = head_length(template, tokenizer)
    if 2 * head > num_ctx:
        values = {"head": head, "context": num_ctx, "enough": 4 * head}
        what = _("the prompt has {head} tokens before the message, more than half of the context of {context}", **values)
        raise TweetstyleError(what, where="export.num_ctx", hint=_("write {enough} or more, or a shorter prompt.system", **values))


def check_name(name: str) -> None:
    """Refuses a file name that FROM would read as another one: not printable, or not in this directory."""
    if not name.isprintable() or "/" in name or "\\" in name:
        hint = _("rename the recipe, with letters, digits, spaces, - and _ only")
        raise TweetstyleError(_("a Modelfile cannot name the file {file}", file=repr(name)), where=_("the recipe's name"), hint=hint)


def quoted(value: str, where: str, *, triple: bool = False) -> str:
    """`value` as Ollama reads it back: in one quote where that is enough, in three where it has lines or quotes.

    Raises TweetstyleError naming what cannot be carried; line ends and tabs can.
    """
    check_printable(value, where, besides="\n\t")
    return TRIPLE + value + TRIPLE if triple or set('"\n\t') & set(value) else f'"{value}"'
