"""Gets all messages, several at a time; replies are cached, so a killed run resumes."""

import hashlib
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import clear_os_errors
from tweetstyle.inference.ollama import OllamaLost
from tweetstyle.locale import _
from tweetstyle.playback.backends import MessageModel, ModelReply
from tweetstyle.playback.checks import TOKENS_PER_WORD, Checked, Judge, counted, in_words
from tweetstyle.playback.requests import MessageRequest, fraction, turns
from tweetstyle.recipe import Playback

FIRST_REPLIES, FEWEST_USABLE = 20, 4
"""Where fewer of the first training tweets' replies can be used, no more are requested. Of one message for every tweet three may pass."""
SEEDS = 2**31
WAITS = (2, 20, 60)
"""Seconds before a request to an Ollama that does not answer is repeated: one that restarts is back a moment later."""


class Collector:
    """Replies from the cache where it has them, else from the model, each checked. answers: replies of this run.

    likely: languages that tweets are in, ISO 639-1. cache: a file of JSON lines.
    """

    def __init__(self, model: MessageModel, settings: Playback, likely: Sequence[str], cache: Path) -> None:
        self.model, self.settings, self.likely, self.cache, self.answers = model, settings, likely, cache, 0
        self._replies = read_cache(cache)

    def collect(self, requests: Sequence[MessageRequest], split: str, *, patient: bool = False) -> list[Checked]:
        """All checked messages by attempt, each in the order of `requests`: of one tweet only the last can be without a reason.

        Which message is used depends on the replies alone and not on when they came.

        Args:
            requests: of one split.
            split: its name, for the progress bar and messages.
            patient: whether to continue if hardly any of the first replies can be used.

        Raises:
            TweetstyleError: where hardly any of the first replies can be used, and where the model's server is lost.
        """
        if not patient and len(requests) >= FIRST_REPLIES:
            self._check_first(requests[:FIRST_REPLIES], split)
        judge, checked, open_ = Judge(self.settings, self.likely), [], requests
        for attempt in range(self.settings.retries + 1):
            now = judge.check(open_, self._replies_to(open_, attempt, split), attempt)
            checked += now
            open_ = [check.request for check in now if check.reason]
        return checked

    def _check_first(self, requests: Sequence[MessageRequest], split: str) -> None:
        checked = Judge(self.settings, self.likely).check(requests, self._replies_to(requests, 0, split), 0)
        rejected = counted(check.reason for check in checked)
        usable = len(checked) - sum(rejected.values())
        if usable >= FEWEST_USABLE:
            return
        most = max(rejected, key=rejected.__getitem__)
        example = next(check.message for check in checked if check.reason == most)[:100]
        values = {"usable": usable, "count": len(checked), "split": split, "reasons": in_words(rejected), "example": repr(example)}
        what = _("{usable} of the first {count} messages of {split} are usable ({reasons}); for example {example}", **values)
        hint = _(
            "name a larger model that chats in the language of the tweets; if this one answers better now, delete {file}", file=self.cache
        )
        raise TweetstyleError(what, where=self.model.where, hint=hint)

    def _replies_to(self, requests: Sequence[MessageRequest], attempt: int, split: str) -> list[ModelReply]:
        keys = [self._key(request, attempt) for request in requests]
        if missing := {key: request for key, request in zip(keys, requests, strict=True) if key not in self._replies}:
            self._request(missing, attempt, _("{split}, again", split=split) if attempt else split)
        return [self._replies[key] for key in keys]

    def _request(self, missing: dict[str, MessageRequest], attempt: int, label: str) -> None:
        """Gets the missing replies; each is in the file before the next is waited for, and survives the end of this process."""
        from tweetstyle.progress import Bar

        self.cache.parent.mkdir(parents=True, exist_ok=True)
        # By language and kind: a server has read the beginning of such prompts already.
        ordered = sorted(missing.items(), key=lambda item: (item[1].language, item[1].kind))
        with (
            ThreadPoolExecutor(self.settings.concurrency) as pool,
            self.cache.open("ab", buffering=0) as stream,
            Bar(label, len(missing), _("messages"), delay=2) as bar,
        ):
            stop = threading.Event()
            keys = {pool.submit(self._ask, request, attempt, stop): key for key, request in ordered}
            try:
                for future in as_completed(keys):
                    key, reply = keys[future], future.result()
                    row = {"key": key, "id": missing[key].id, "answer": reply.text, "tokens": reply.tokens}
                    with clear_os_errors(self.cache):
                        # The line end comes first: it ends a line that a kill cut off.
                        stream.write(f"\n{json.dumps(row)}".encode())
                    self._replies[key] = reply
                    self.answers += 1
                    bar.advance()
            except OllamaLost as lost:
                hint = _(
                    "start Ollama (ollama serve) and run the same command again to resume; the replies so far are in {file}",
                    file=self.cache,
                )
                raise TweetstyleError(lost.what, where=lost.where, hint=hint) from lost
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)

    def _ask(self, request: MessageRequest, attempt: int, stop: threading.Event) -> ModelReply:
        """The model's reply; a lost request is repeated. Raises OllamaLost."""
        for wait in WAITS:
            try:
                return self.model.ask(turns(request), self._drawn(request, attempt))
            except OllamaLost:
                if stop.wait(wait):
                    raise
        return self.model.ask(turns(request), self._drawn(request, attempt))

    def _drawn(self, request: MessageRequest, attempt: int) -> dict[str, Any]:
        """How the tweet's message is drawn at an attempt."""
        seed = int(fraction(self.settings.seed, request.id, b"answer %d" % attempt) * SEEDS)
        most = TOKENS_PER_WORD * self.settings.most_words
        return {"temperature": self.settings.temperature, "seed": seed, "num_predict": most}

    def _key(self, request: MessageRequest, attempt: int) -> str:
        """What a reply is cached by: the model, the prompt and how it is drawn."""
        parts = self.model.identity, turns(request), self._drawn(request, attempt)
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def read_cache(path: Path) -> dict[str, ModelReply]:
    """Key → reply. A line that a kill cut off is left out, and its reply requested again."""
    replies = {}
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        with suppress(ValueError, KeyError, TypeError):
            row = json.loads(line)
            replies[row["key"]] = ModelReply(row["answer"], row["tokens"])
    return replies
