"""Chat with an exported GGUF in the terminal, by llama.cpp in this process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tweetstyle.console import say
from tweetstyle.errors import TweetstyleError
from tweetstyle.inference.generate import REPEAT_LAST_N
from tweetstyle.prompt.template import SystemLine, Template

if TYPE_CHECKING:
    from tweetstyle.model.tokenizer import Tokenizer
    from tweetstyle.prompt.chat_template import Turn
    from tweetstyle.recipe import Sampling

write = partial(say, err=False, wrap=False)
"""What is streamed, and what was typed, stays in the lines that it has."""

LONGEST_PROMPT = 1024
"""Tokens of context kept for the prompt: a message and its answer are all that the context holds, for each is answered afresh."""

HELP = """\
  what you type      {typed}
  /set system LINE   {another}{system}
  /set system        the trained line again
  /history           what was said so far
  /clear             forget it and clear the screen
  /bye               leave (so do Ctrl-D, and Ctrl-C at the prompt; Ctrl-C in an answer stops it)"""
STYLE_OR_TYPE, SYSTEM_MESSAGE = "another style or type, as in: /set system ", "a system message, in place of: "
A_SUBJECT = "is the subject of the tweet; * names none"
FIRST_WORDS = "is how the tweet begins; * begins nothing"
A_MESSAGE = "is answered, with what was said before in mind"


class ChatModel:
    """A model that answers messages, each afresh or after a history, with one slot and the recipe's sampling.

    gguf: the exported file. threads: of llama.cpp, by default as many as it finds fit. num_ctx: tokens of context, by default enough
    for one message and its answer.
    Raises TweetstyleError where there is no such file, it is no GGUF, or llama.cpp cannot load it.
    """

    def __init__(
        self, gguf: Path, template: Template, sampling: Sampling, *, threads: int | None = None, num_ctx: int | None = None
    ) -> None:
        check_gguf(gguf)
        import xllamacpp

        self.template, self.sampling = template, sampling
        self.ended = True
        """Whether the last answer ended by itself, and was not cut at num_predict or stopped."""
        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx = num_ctx or LONGEST_PROMPT + sampling.num_predict
        params.n_parallel = 1  # more slots would share the context between them
        params.warmup, params.verbosity = False, -1
        if threads:
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            hint = "export it again (tweetstyle export RECIPE --force), or free some memory"
            raise TweetstyleError("llama.cpp cannot load it", where=str(gguf), hint=hint) from error
        # A server that is let go before its loop runs waits for that loop forever: one that has answered is running.
        self._server.handle_completions({"prompt": " ", "n_predict": 0}, lambda chunk: False)

    def stream(self, message: str, *, system: str | None = None, history: Sequence[Turn] = ()) -> Iterator[str]:
        """The answer in pieces, as a person reads it. Closing the iterator stops the model within a token.

        system: what replaces the trained style and type. history: what a conversation has before the message. An answer
        cut at num_predict may lack its last characters where they could begin a stop text: llama.cpp holds those back. Raises
        TweetstyleError for a message that is too long.
        """
        written, shown = "", ""
        with closing(self._pieces(self.template.prompt(message, system=system, history=history))) as pieces:
            for piece in pieces:
                written += piece
                visible = self.template.shown(written)
                yield visible[len(shown) :]
                shown = visible

    def answer(self, message: str, *, system: str | None = None, history: Sequence[Turn] = ()) -> str:
        """The whole answer at once."""
        return "".join(self.stream(message, system=system, history=history))

    def request(self, prompt: str) -> dict[str, Any]:
        """What is sent to llama.cpp: the prompt as text, whose ids it makes itself (BOS by the GGUF's flag), and the sampling."""
        sampling = self.sampling
        return {
            "prompt": prompt,
            "n_predict": sampling.num_predict,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
            "repeat_penalty": sampling.repeat_penalty,
            "repeat_last_n": REPEAT_LAST_N,
            "seed": -1 if sampling.seed is None else sampling.seed,
            "stop": list(self.template.stops),
            # A cached prefix is computed in other batches, and rounds otherwise: a seed would not give the same answer again.
            "cache_prompt": False,
            "stream": True,
        }

    def _pieces(self, prompt: str) -> Iterator[str]:
        """Raw pieces, from a thread of their own: llama.cpp calls back, and swallows an exception raised there."""
        arrived: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        stopped = threading.Event()
        self.ended = False

        def take(chunk: dict[str, Any]) -> bool:
            arrived.put(chunk)
            return stopped.is_set()

        def work() -> None:
            try:
                self._server.handle_completions(self.request(prompt), take)
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
                what = f"the message has {error['n_prompt_tokens']:,} tokens, the context has room for {error['n_ctx']:,}"
                raise TweetstyleError(what, hint="write a shorter one")
            raise TweetstyleError(f"llama.cpp: {error.get('message', error)}")
        choice = chunk["choices"][0]
        self.ended = self.ended or choice["finish_reason"] == "stop"
        return choice["text"]


def check_gguf(path: Path) -> None:
    """Raises TweetstyleError where there is no file, or one that is no GGUF."""
    if not path.is_file():
        hint = "tweetstyle-fit RECIPE makes it, or tweetstyle export RECIPE after a finished training"
        raise TweetstyleError("there is no such model", where=str(path), hint=hint)
    with path.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise TweetstyleError("not a GGUF file", where=str(path), hint="export it again: tweetstyle export RECIPE --force")


# -- the terminal -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Memory:
    """How far back a conversation is remembered: as many turns as go into num_ctx tokens with an answer of num_predict."""

    num_ctx: int
    tokenizer: Tokenizer

    def kept(self, speaker: ChatModel, turns: Sequence[Turn], message: str, system: str | None) -> Sequence[Turn]:
        """The latest turns that fit, each of them whole."""
        template = speaker.template
        room = max(self.num_ctx - speaker.sampling.num_predict, self.num_ctx // 2)
        for first in range(len(turns)):
            prompt = template.prompt(message, system=system, history=turns[first:])
            if len(self.tokenizer.prompt_ids(prompt, add_bos=template.add_bos)) <= room:
                return turns[first:]
        return []


@dataclass
class ChatSession:
    """What the screen has shown: (message, answer) pairs, and the line set by /set system.

    memory: how many of the pairs the model sees; None, as where each message is answered afresh: none. begins: what is typed is a
    tweet's first words.
    """

    speaker: ChatModel
    memory: Memory | None = None
    system: str | None = None
    turns: list[tuple[str, str]] = field(default_factory=list)
    begins: bool = False

    def say(self, message: str) -> None:
        """Streams the answer to the screen. Ctrl-C stops it and keeps what was written."""
        answer, history = "", self._remembered(message)
        try:
            with closing(self.speaker.stream(message, system=self.system, history=history)) as pieces:
                for piece in pieces:
                    answer += piece
                    write(piece, nl=False)
        except KeyboardInterrupt:
            write(" (stopped)", dim=True, nl=False)
        else:
            if not self.speaker.ended:
                write(f" (cut at {self.speaker.sampling.num_predict} tokens)", dim=True, nl=False)
        write("\n")
        self.turns.append((message, answer))

    def _remembered(self, message: str) -> Sequence[Turn]:
        if self.memory is None:
            return []
        kept = self.memory.kept(self.speaker, self.turns, message, self.system)
        if len(kept) < len(self.turns):
            forgotten = len(self.turns) - len(kept)
            write(f"(the first {forgotten} of {len(self.turns)} turns are beyond the context of {self.memory.num_ctx} tokens)", dim=True)
        return kept

    def command(self, line: str) -> None:
        """Carries out a line that begins with a slash."""
        match line.split():
            case ["/set", "system", *_]:
                self._set_system(line.split("system", 1)[1].strip())
            case ["/clear"]:
                self.turns.clear()
                click.clear()
            case ["/history"]:
                for message, answer in self.turns:
                    write(f">>> {message}\n{answer}\n")
            case ["/?"] | ["/help"]:
                template = self.speaker.template
                begins = self.begins or template.format == "text"
                typed = A_MESSAGE if template.turns else FIRST_WORDS if begins else A_SUBJECT
                another = SYSTEM_MESSAGE if template.turns else STYLE_OR_TYPE
                write(HELP.format(typed=typed, another=another, system=template.system_line() or "…"))
            case _:
                write(f"there is no command {line.split()[0]}; /? lists them")

    def _set_system(self, line: str) -> None:
        template = self.speaker.template
        if template.turns and template.turns.around_system is None:
            write("this model's chat template has no system message: nothing to set")
            return
        if not template.turns and not any(isinstance(piece, SystemLine) for piece in template.pieces):
            write("this prompt format has no style and type in it: nothing to set")
            return
        self.system = line.strip('"') or None
        write(f"the prompt now says: {self.system or template.system_line() or 'what the model was trained with'}")


def chat(
    gguf: Path, template: Template, sampling: Sampling, prompt: str | None, memory: Memory | None = None, begins: bool = False
) -> None:
    """A conversation in the terminal until /bye, Ctrl-D or Ctrl-C at the prompt; with `prompt`, one answer and no more.

    memory: of a model that was trained on conversations. begins: what is typed is a tweet's first words, where others take a subject.
    """
    speaker = ChatModel(gguf, template, sampling, num_ctx=memory.num_ctx if memory else None)
    if prompt is not None:
        for piece in speaker.stream(prompt):
            write(piece, nl=False)
        write()
        return
    asks_for = "a message" if template.turns else "a subject, or * for none"
    if begins or template.format == "text":
        asks_for = "the first words of a tweet"
    write(f"{gguf.name} {'answers' if template.turns else 'writes'} as {template.style}. Type {asks_for}; /? helps, /bye leaves.\n")
    conversation = ChatSession(speaker, memory, begins=begins)
    for line in typed_lines():
        if line == "/bye":
            return
        try:
            conversation.command(line) if line.startswith("/") else conversation.say(line)
        except TweetstyleError as error:
            say(str(error), fg="red")


def typed_lines() -> Iterable[str]:
    """What the person types, line by line, blank lines left out, with the arrow keys where the platform has readline."""
    with suppress(ImportError):
        import readline  # noqa: F401  (importing it gives input() its line editing)
    while True:
        try:
            line = input(">>> ").strip()
        except (EOFError, KeyboardInterrupt):
            write()
            return
        if line:
            yield line
