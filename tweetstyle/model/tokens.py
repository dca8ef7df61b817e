"""Any tokenizer's special tokens, and the tokens of a text (`tweetstyle tokens`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _, _n
from tweetstyle.model.hub import cached_snapshot, known_model
from tweetstyle.text.visible import visible

if TYPE_CHECKING:
    from rich.text import Text
    from tokenizers import Tokenizer as FastTokenizer

ROLES = ("bos", "eos", "pad", "mask", "unk", "cls", "sep")
"""Of special tokens, as transformers names them in `bos_token` and so on; the last two are BERT's."""
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "*.tiktoken")
FILES = "--include '*.json' --include '*.txt' --include '*.model'"
"""What `hf download` needs for a tokenizer: none of the weights."""
STYLES = ("black on bright_cyan", "black on bright_yellow")
SAMPLES = {
    "fr": "Ce matin, la neige a fondu d’un coup et la rue est devenue une rivière. J’ai raté l’autobus, perdu un gant, et souri.",
    "en": "This morning the snow melted all at once and the street became a river. I missed the bus, lost a glove, and smiled.",
}
"""The same in French and in English, to compare how finely a tokenizer cuts the two."""


@dataclass(frozen=True)
class AnyTokenizer:
    """A tokenizer of any model, as transformers reads it. special: role (of ROLES) → token."""

    path: Path
    fast: FastTokenizer
    special: dict[str, str]

    @property
    def around(self) -> tuple[list[str], list[str]]:
        encoding = self.fast.encode("a")
        own = [index for index, special in enumerate(encoding.special_tokens_mask) if not special] or [0]
        return self.tokens(encoding.ids[: own[0]]), self.tokens(encoding.ids[own[-1] + 1 :])

    def ids(self, text: str) -> list[int]:
        """Of the text alone; the text of a special token in it is that token."""
        return self.fast.encode(text, add_special_tokens=False).ids

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """As they are in the vocabulary, bytes of a byte-level BPE as text, and nothing invisible."""
        added = self.fast.get_added_tokens_decoder()
        bytes_of = {}
        if "ByteLevel" in str(self.fast.decoder):
            from transformers.convert_slow_tokenizer import bytes_to_unicode

            bytes_of = {character: byte for byte, character in bytes_to_unicode().items()}
        return [added[index].content if index in added else _shown(self.fast.id_to_token(index), bytes_of) for index in ids]

    def bytes_per_token(self, text: str) -> float:
        """UTF-8 bytes of the text for each of its tokens."""
        return len(text.encode()) / (len(self.ids(text)) or 1)

    def figures(self, text: str | None) -> dict[str, Any]:
        """All that the command shows, for programs. What is not UTF-8 in the text counts as question marks."""
        special = {role: {"token": token, "id": self.fast.token_to_id(token)} for role, token in self.special.items()}
        found: dict[str, Any] = {
            "tokenizer": str(self.path),
            "model": type(self.fast.model).__name__,
            "vocabulary": self.fast.get_vocab_size(with_added_tokens=True),
            "special": dict.fromkeys(ROLES) | special,
            "around": dict(zip(("before", "after"), self.around, strict=True)),
            "bytes_per_token": {language: round(self.bytes_per_token(sample), 2) for language, sample in SAMPLES.items()},
        }
        if text is not None:
            text = text.encode(errors="replace").decode()
            ids = self.ids(text)
            tokens = [{"id": index, "token": token} for index, token in zip(ids, self.tokens(ids), strict=True)]
            found["text"] = {"tokens": tokens, "bytes": len(text.encode()), "bytes_per_token": round(self.bytes_per_token(text), 2)}
        return found


def read_tokenizer(model: str) -> AnyTokenizer:
    """The tokenizer of a directory, or of a hub name in the hub's cache on this machine, by transformers.

    Raises:
        TweetstyleError: nothing is there, with the command that downloads it, or it is no tokenizer.
    """
    from transformers import AutoTokenizer

    directory = _directory(model)
    if not any(any(directory.glob(name)) for name in VOCABULARIES):
        hint = _("a tokenizer is one of these files: {names}", names=", ".join(VOCABULARIES))
        raise TweetstyleError(_("there is no tokenizer here"), where=str(directory), hint=hint)
    try:
        found = AutoTokenizer.from_pretrained(directory, local_files_only=True)
        special = {role: token for role in ROLES if (token := getattr(found, f"{role}_token"))}
        return AnyTokenizer(directory, found.backend_tokenizer, special)
    except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        hint = _("its config.json must be there and name a model that transformers knows, or download its tokenizer.json")
        raise TweetstyleError(_("transformers cannot read this tokenizer"), where=str(directory), hint=hint) from error


def _directory(model: str) -> Path:
    path = Path(model).expanduser()
    if found := path if path.is_dir() else cached_snapshot(model):
        return found
    known = known_model(path)
    if not known and not re.fullmatch(r"[\w-][\w.-]*(/[\w.-]+)?", model) or path.is_file():
        hint = _("name the directory of the tokenizer's files, or a model as the hub names it")
        raise TweetstyleError(_("there is no such directory"), where=model, hint=hint)
    command = f"hf download {known.repository} {FILES} --local-dir {known.directory}" if known else f"hf download {model} {FILES}"
    hint = _("download its files without the weights: {command}", command=command)
    raise TweetstyleError(_("this tokenizer is not on this machine"), where=model, hint=hint)


def _shown(token: str, bytes_of: dict[str, int]) -> str:
    if bytes_of and all(char in bytes_of for char in token):
        encoded = bytes(bytes_of[char] for char in token)
        try:
            token = encoded.decode()
        except UnicodeDecodeError:  # A part of a character
            return "".join(f"‹{byte:02X}›" for byte in encoded)
    return re.sub(r"[^\S\n ]", lambda space: f"‹U+{ord(space[0]):04X}›", visible(token)).replace(" ", "␣").replace("\n", "↵")


def lines(figures: dict[str, Any]) -> list[Text]:
    """The figures as the lines of the command's output; without colours, a bar separates two tokens."""
    from rich.text import Text

    before, after = (" ".join(figures["around"][side]) for side in ("before", "after"))
    around = _("around a text: {before} … {after}", before=before, after=after) if before or after else _("none is put around a text")
    head = _("{path}: {count:,} tokens, {model}", path=figures["tokenizer"], count=figures["vocabulary"], model=figures["model"])
    shown = [Text(head), Text(), Text(_("special tokens"), style="bold")]
    for role, special in figures["special"].items():
        if special or role not in ("cls", "sep"):
            shown.append(Text(f"  {role:<6}" + (f"{special['token']}  {special['id']}" if special else _("(none)"))))
    shown.append(Text(f"  {around}"))
    if text := figures.get("text"):
        tokens, numbers = text["tokens"], {"bytes": text["bytes"], "rate": text["bytes_per_token"]}
        coloured = [part for index, token in enumerate(tokens) for part in (("|", "dim"), (token["token"], STYLES[index % 2]))]
        shown += [Text(), Text.assemble(*coloured[1:]), Text(" ".join(str(token["id"]) for token in tokens), style="dim")]
        count = _n(
            "{count:,} token, {bytes:,} bytes", "{count:,} tokens, {bytes:,} bytes: {rate:.1f} bytes per token", len(tokens), **numbers
        )
        shown.append(Text(count))
    rates = figures["bytes_per_token"]
    shown += [Text(), Text(_("bytes per token, on the same sentences: French {fr:.1f}, English {en:.1f}", **rates))]
    return shown
