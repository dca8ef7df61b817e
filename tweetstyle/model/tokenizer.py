"""The base model's tokenizer without transformers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import _
from tweetstyle.model.hub import how_to_replace
from tweetstyle.prompt.chat_template import Turn
from tweetstyle.prompt.template import Template

if TYPE_CHECKING:
    from tokenizers import Tokenizer as FastTokenizer

IGNORED = -100
"""Label of a token without loss (torch.nn.CrossEntropyLoss's ignore_index)."""


@dataclass(frozen=True)
class Encoded:
    """One document: `ids` [n] and the number of them that are prompt (BOS included), which bear no loss."""

    ids: list[int]
    prompt_length: int

    @property
    def labels(self) -> list[int]:
        """[n], IGNORED on the prompt, the token itself on the answer and its end."""
        return [IGNORED] * self.prompt_length + self.ids[self.prompt_length :]


@dataclass(frozen=True)
class Tokenizer:
    """tokenizer.json of a base model (byte-level BPE), loaded when first used.

    The same library and file that transformers' fast tokenizers use, so the ids are the same; without its import of 4 s.
    """

    path: Path
    bos_id: int | None

    @cached_property
    def _fast(self) -> FastTokenizer:
        from tokenizers import Tokenizer as FastTokenizer

        source = self.path.read_text(encoding="utf-8")
        try:
            kind = json.loads(source)["model"]["type"]
        except (ValueError, KeyError, TypeError) as error:
            hint = how_to_replace(self.path.parent, self.path.name)
            raise TweetstyleError(_("not a tokenizer file"), where=str(self.path), hint=hint) from error
        if kind != "BPE":
            hint = _("use a model with a byte-level BPE tokenizer: Llama 3 or SmolLM2")
            raise TweetstyleError(_("the tokenizer's model is {kind}, not BPE", kind=kind), where=str(self.path), hint=hint)
        return FastTokenizer.from_str(source)

    def token_id(self, text: str) -> int | None:
        """The id of one whole token, special or not; None where it is none."""
        return self._fast.token_to_id(text)

    def highest_id(self) -> int:
        """The highest id, special tokens included, of a vocabulary that is numbered without gaps; it must have an embedding."""
        return max(self._fast.get_vocab_size(with_added_tokens=True) - 1, *self.special_ids)

    @property
    def special_ids(self) -> dict[int, str]:
        """Id → text of the added tokens, as tokenizer.json lists them."""
        return {index: token.content for index, token in self._fast.get_added_tokens_decoder().items()}

    def prompt_ids(self, text: str, *, add_bos: bool) -> list[int]:
        """Ids of a prompt as llama.cpp and Ollama make them: special-token text in it is the special token."""
        self._fast.encode_special_tokens = False
        ids = self._fast.encode(text, add_special_tokens=False).ids
        return [self.bos_id, *ids] if add_bos else ids

    def text_ids(self, text: str) -> list[int]:
        """Ids of a person's text: "<|im_end|>" in a tweet is eleven ordinary characters, not the end of it."""
        self._fast.encode_special_tokens = True
        return self._fast.encode(text, add_special_tokens=False).ids

    def decode(self, ids: list[int]) -> str:
        """Text of ids, special tokens included."""
        return self._fast.decode(ids, skip_special_tokens=False)

    def byte_length(self, token: int) -> int:
        """UTF-8 bytes that an ordinary token encodes: a byte-level BPE writes each byte as one character."""
        return len(self._fast.id_to_token(token))

    def encode(self, template: Template, text: str, topic: str | None, type: str, max_length: int | None = None) -> Encoded:
        """One training or evaluation document: prompt, answer, end token.

        A tweet longer than `max_length` tokens is cut, and has no end token. In the `text` format all but BOS bears loss.
        """
        prompt = self.prompt_ids(template.training_prompt(topic, type), add_bos=template.add_bos)
        ids = prompt + self.text_ids(template.answer(text)) + [self.end_id(template)]
        return Encoded(ids[:max_length], min(len(prompt), len(ids[:max_length])))

    def encode_turns(self, template: Template, turns: Sequence[Turn]) -> tuple[list[int], list[int]]:
        """One conversation as ids [n] and labels [n]: its last answer's end token is the last; answers and their ends bear loss.

        The ids are those of the chat template's whole text wherever `check_turns` passes.
        """
        ids: list[int] = []
        labels: list[int] = []
        for given, answer in template.turns.segments(turns):
            before = self.prompt_ids(given, add_bos=template.add_bos and not ids)
            learned = [*self.text_ids(template.answer(answer)), self.end_id(template)]
            ids += before + learned
            labels += [IGNORED] * len(before) + learned
        return ids, labels

    def check_turns(self, template: Template) -> None:
        """Refuses a template and a tokenizer under which a conversation's ids are not those of its turns one after the other.

        Where a vocabulary makes one token of two line ends at the end of a text, and two before a word (GPT-2's splitting does), the
        model would read its own answers otherwise than trained.
        """
        if template.turns is None:
            return
        sample = [("a", "b"), ("Ça ?", "Été"), ("1", "2")]
        whole = "".join(given + answer + template.end for given, answer in template.turns.segments(sample))
        if self.encode_turns(template, sample)[0] != self.prompt_ids(whole, add_bos=template.add_bos):
            what = _("its chat template gives other token ids within a conversation than at its end")
            raise TweetstyleError(
                what, where=str(self.path), hint=_("use the tokenizer.json that came with the template, or message: topic")
            )

    def end_id(self, template: Template) -> int:
        """Id of the token that ends an answer."""
        if (end := self.token_id(template.end)) is None:
            what = _("the end token {token} is not one token of the tokenizer", token=repr(template.end))
            raise TweetstyleError(what, where=str(self.path), hint=_("use format: inst"))
        return end
