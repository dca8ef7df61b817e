"""Chat with an exported GGUF in the terminal, by llama.cpp in this process."""

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.inference.generate import REPEAT_LAST_N
from tweetstyle.inference.llama_cpp import load_server
from tweetstyle.locale import N_, _
from tweetstyle.model.tokenizer import Tokenizer
from tweetstyle.prompt.chat_template import Turn
from tweetstyle.prompt.template import SystemLine, Template
from tweetstyle.recipe import Sampling

stream = partial(say, err=False, wrap=False)
"""For an answer, which comes in pieces."""

LONGEST_PROMPT = 1024
"""Tokens of context for the prompt where a message is answered without what was said before."""

HELP = N_(
    """\
  what you type      is {typed}
  /set system LINE   changes this line of the prompt: {system}
  /set system        sets the trained line again
  /clear             forgets what was said and clears the screen
  /bye               leaves (so do Ctrl-D, and Ctrl-C at the prompt; Ctrl-C in an answer stops it)"""
)
HELP_COLUMN = 21
"""Where its second column begins, in every language."""


class ChatModel:
    """A model that answers messages, each alone or after a history, with one slot and the recipe's sampling.

    num_ctx: tokens of context, by default enough for one message and its answer.
    Raises TweetstyleError where there is no such file, or llama.cpp cannot load it.
    """

    def __init__(self, gguf: Path, template: Template, sampling: Sampling, num_ctx: int | None = None) -> None:
        if not gguf.is_file():
            hint = _("tweetstyle-fit RECIPE makes it, or tweetstyle export RECIPE after a finished training")
            raise TweetstyleError(_("there is no such model"), where=str(gguf), hint=hint)
        self.gguf, self.template, self.sampling = gguf, template, sampling
        self.ended = True
        """Whether the last answer ended by itself, and was not cut at num_predict or stopped."""
        self.num_ctx = num_ctx or LONGEST_PROMPT + sampling.num_predict
        self._server = load_server(gguf, self.num_ctx)

    def stream(self, message: str, *, system: str | None = None, history: Sequence[Turn] = (), seed: int | None = None) -> Iterator[str]:
        """The answer in pieces, as a person reads it. Closing the iterator stops the model within a token.

        system: what replaces the trained style and type; history: what a conversation has before the message. llama.cpp holds back
        characters that could begin a stop text. seed: in the place of the recipe's. Raises TweetstyleError for a message that is too long.
        """
        written, shown = "", ""
        with closing(self._pieces(self.request(self.template.prompt(message, system=system, history=history), seed))) as pieces:
            for piece in pieces:
                written += piece
                visible = self.template.shown(written)
                yield visible[len(shown) :]
                shown = visible

    def answer(self, message: str, *, system: str | None = None, history: Sequence[Turn] = (), seed: int | None = None) -> str:
        """The whole answer at once."""
        return "".join(self.stream(message, system=system, history=history, seed=seed))

    def request(self, prompt: str, seed: int | None = None) -> dict[str, Any]:
        """What is sent to llama.cpp: the prompt as text, whose ids it makes itself (BOS by the GGUF's flag), and the sampling."""
        seed = self.sampling.seed if seed is None else seed
        return self.sampling.model_dump(exclude={"num_predict"}) | {
            "prompt": prompt,
            "n_predict": self.sampling.num_predict,
            "repeat_last_n": REPEAT_LAST_N,
            "seed": -1 if seed is None else seed,
            "stop": list(self.template.stops),
            # A cached prefix is computed in other batches, and rounds otherwise: a seed would not give the same answer again.
            "cache_prompt": False,
            "stream": True,
        }

    def _pieces(self, request: dict[str, Any]) -> Iterator[str]:
        """Raw pieces, from a thread of their own: llama.cpp calls back, and swallows an exception raised there."""
        arrived: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        stopped = threading.Event()
        self.ended = False

        def work() -> None:
            try:
                self._server.handle_completions(request, lambda chunk: arrived.put(chunk) or stopped.is_set())
            finally:
                arrived.put(None)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        try:
            while (chunk := arrived.get()) is not None:
                yield self._text(chunk)
        finally:
            stopped.set()
            worker.join()

    def _text(self, chunk: dict[str, Any]) -> str:
        if error := chunk.get("error"):
            if error.get("type") == "exceed_context_size_error":
                values = {"tokens": error["n_prompt_tokens"], "room": error["n_ctx"]}
                what = _("the message has {tokens:,} tokens, the context has room for {room:,}", **values)
                raise TweetstyleError(what, hint=_("write a shorter one"))
            raise TweetstyleError(f"llama.cpp: {error.get('message', error)}")
        choice = chunk["choices"][0]
        self.ended = self.ended or choice["finish_reason"] == "stop"
        return choice["text"]


# -- the terminal -------------------------------------------------------------------------------------------


@dataclass
class ChatSession:
    """What was said: (message, answer) pairs, and the line set by /set system. typed: what a message is, in words.

    tokenizer: of a model that was trained on conversations, which sees the pairs that fit its context; None: it sees none.
    """

    chat_model: ChatModel
    typed: str
    tokenizer: Tokenizer | None = None
    system: str | None = None
    turns: list[Turn] = field(default_factory=list)

    def say(self, message: str) -> None:
        """Streams the answer to the screen. Ctrl-C stops it and keeps what was written."""
        answer, history = "", self.remembered(message)
        try:
            with closing(self.chat_model.stream(message, system=self.system, history=history)) as pieces:
                for piece in pieces:
                    answer += piece
                    stream(piece, nl=False)
        except KeyboardInterrupt:
            stream(" " + _("(stopped)"), dim=True, nl=False)
        else:
            if not self.chat_model.ended:
                stream(" " + _("(cut at {tokens} tokens)", tokens=self.chat_model.sampling.num_predict), dim=True, nl=False)
        stream("\n")
        self.turns.append((message, answer))

    def remembered(self, message: str) -> Sequence[Turn]:
        """The latest turns that fit into the context with the message and an answer of num_predict tokens, each of them whole."""
        if self.tokenizer is None:
            return []
        template, num_ctx = self.chat_model.template, self.chat_model.num_ctx
        room, forgotten = max(num_ctx - self.chat_model.sampling.num_predict, num_ctx // 2), 0
        while forgotten < len(self.turns):
            prompt = template.prompt(message, system=self.system, history=self.turns[forgotten:])
            if len(self.tokenizer.prompt_ids(prompt, add_bos=template.add_bos)) <= room:
                break
            forgotten += 1
        if forgotten:
            values = {"forgotten": forgotten, "turns": len(self.turns), "tokens": num_ctx}
            say(_("(the first {forgotten} of {turns} turns are beyond the context of {tokens} tokens)", **values), dim=True, err=False)
        return self.turns[forgotten:]

    def command(self, line: str) -> None:
        """Carries out a line that begins with a slash."""
        match line.split():
            case ["/set", "system", *_]:
                self._set_system(line.split("system", 1)[1].strip().strip('"'))
            case ["/clear"]:
                self.turns.clear()
                click.clear()
            case ["/?"] | ["/help"]:
                say(_(HELP, typed=self.typed, system=self.chat_model.template.system_line() or "…"), err=False, hanging=HELP_COLUMN)
            case _:
                say(_("there is no command {command}; /? lists them", command=line.split()[0]), err=False)

    def _set_system(self, line: str) -> None:
        template = self.chat_model.template
        has_line = template.turns.around_system if template.turns else any(isinstance(piece, SystemLine) for piece in template.pieces)
        if not has_line:
            say(_("this prompt has no system message, style or type: nothing to set"), err=False)
            return
        self.system = line or None
        say(_("the prompt now says: {line}", line=self.system or template.system_line() or _("what the model was trained with")), err=False)


def chat(chat_model: ChatModel, prompt: str | None, typed: str, tokenizer: Tokenizer | None = None) -> None:
    """A conversation in the terminal until /bye, Ctrl-D or Ctrl-C at the prompt; with `prompt`, one answer and no more.

    typed, tokenizer: as ChatSession has them.
    """
    if prompt is not None:
        for piece in chat_model.stream(prompt):
            stream(piece, nl=False)
        say(err=False)
        return
    conversation, values = ChatSession(chat_model, typed, tokenizer), {"file": chat_model.gguf.name, "style": chat_model.template.style}
    say(_("{file} writes as {style}. Type {typed}; /? helps, /bye leaves.", typed=typed, **values) + "\n", err=False)
    for line in typed_lines():
        if line == "/bye":
            return
        try:
            conversation.command(line) if line.startswith("/") else conversation.say(line)
        except TweetstyleError as error:
            say(str(error), fg="red")


def typed_lines() -> Iterator[str]:
    """What the person types, line by line, blank lines left out, with the arrow keys where the platform has readline."""
    with suppress(ImportError):
        import readline  # noqa: F401  (importing it gives input() its line editing)
    while True:
        try:
            line = input(">>> ").strip()
        except (EOFError, KeyboardInterrupt):
            say(err=False)
            return
        if line:
            yield line
