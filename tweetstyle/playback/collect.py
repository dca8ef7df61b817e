"""Gets all messages, several at a time; replies are cached, so a killed run resumes."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tweetstyle.errors import TweetstyleError
from tweetstyle.files import clear_os_errors
from tweetstyle.inference.ollama import OllamaLost
from tweetstyle.playback.backends import TOKENS_PER_WORD, MessageModel, ModelReply, Sampled
from tweetstyle.playback.checks import ALIKE, EMPTY, LANGUAGE, Checked, Judge, NearDuplicates, bare_words, counted
from tweetstyle.playback.prompt import prompt_digest, turns
from tweetstyle.playback.selection import MessageRequest, fraction

if TYPE_CHECKING:
    from tweetstyle.recipe import Playback

FILE = "playback-answers.jsonl"
FIRST_REPLIES = 20
"""After this many replies of which none can be used, no more are requested."""
FOREIGN_SHARE = 0.9
"""Share of them in another language than the tweet's from which the model is taken not to speak it."""
WAITS = (1.0, 4.0)
"""Seconds before a lost request is sent again, and once more."""
SEEDS = 2**31


@dataclass
class Spent:
    """answers, tokens: of this run, without cached replies; seconds: of waiting for them."""

    answers: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Collector:
    """Answers from the cache where it has them, else from the model, each with the judge's verdict.

    patient: whether it continues if none of the first answers can be used.
    """

    def __init__(self, speaker: MessageModel, settings: Playback, cache: Cache, judge: Judge, *, patient: bool = False) -> None:
        self.speaker, self.settings, self.cache, self.judge, self.patient = speaker, settings, cache, judge, patient
        self.spent = Spent()
        self._had: set[str] = set()
        self._prompt = prompt_digest()

    def collect(self, requests: Sequence[MessageRequest], split: str) -> list[Checked]:
        """All checked messages by attempt, each in the order of `requests`: of one tweet only the last can be without a reason.

        Which message is used depends on the answers alone and not on when they came. split: theirs, for the progress bar and messages.
        Raises TweetstyleError where none of the first answers can be used, and where the model's server is lost; the cache is whole.
        """
        self.judge.begin()
        if not self.patient:
            self._check_first(in_good_order(requests)[:FIRST_REPLIES], split)
        checked: list[Checked] = []
        still: Sequence[MessageRequest] = requests
        for attempt in range(self.settings.retries + 1):
            if not still:
                break
            answers = self._answers(still, attempt, split)
            now = self.judge.check(still, [answers[request.id] for request in still], attempt)
            checked += now
            still = [check.request for check in now if check.reason]
        return checked

    def sampled(self, request: MessageRequest, attempt: int) -> Sampled:
        """How the tweet's message is drawn at an attempt."""
        seed = int(fraction(self.settings.seed, request.id, b"answer %d" % attempt) * SEEDS)
        return Sampled(self.settings.temperature, seed, TOKENS_PER_WORD * self.settings.most_words)

    def key(self, request: MessageRequest, sampled: Sampled) -> str:
        """What the answer is cached by: the tweet, the model, the prompt and how it is drawn."""
        drawn = (sampled.temperature, sampled.seed, sampled.num_predict)
        parts = (self.speaker.identity, self._prompt, request.id, request.text, request.before, request.language, request.kind, *drawn)
        return hashlib.blake2b(json.dumps(parts, ensure_ascii=True).encode(), digest_size=16).hexdigest()

    def _answers(self, requests: Sequence[MessageRequest], attempt: int, split: str) -> dict[str, ModelReply]:
        """Tweet id → answer."""
        keys = {request.id: self.key(request, self.sampled(request, attempt)) for request in requests}
        self._had.update(keys.values())
        found = {request.id: answer for request in requests if (answer := self.cache.get(keys[request.id]))}
        missing = [request for request in requests if request.id not in found]
        began = time.monotonic()
        what = split if not attempt else f"{split}, retry"
        with self._names_kept_replies(), closing(self._replies(in_good_order(missing), keys, attempt, what)) as arriving:
            for request, answer in arriving:
                found[request.id] = answer
                self.spent.answers += 1
                self.spent.tokens += answer.tokens
        self.spent.seconds += time.monotonic() - began
        return found

    @contextmanager
    def _names_kept_replies(self) -> Iterator[None]:
        """Adds to the error of a lost server how many replies of this run are cached, those of earlier runs included."""
        try:
            yield
        except OllamaLost as lost:
            kept = sum(self.cache.get(key) is not None for key in self._had)
            answers = "the one answer so far is" if kept == 1 else f"the {kept:,} answers so far are"
            hint = f"{answers} kept in {self.cache.path}: see that Ollama runs (ollama serve, or the app; its log says why it ended), "
            raise TweetstyleError(lost.what, where=lost.where, hint=f"{hint}then run the same command again to resume") from lost

    def _check_first(self, first: Sequence[MessageRequest], split: str) -> None:
        """Raises TweetstyleError where the first messages are useless: no more are requested."""
        if len(first) < FIRST_REPLIES:
            return
        answers = self._answers(first, 0, split)
        checked = self.judge.preview(first, [answers[request.id] for request in first])
        if not useless(checked):
            return
        counts = counted(check.reason for check in checked)
        # The reason of most messages first: it is the one to do something about.
        often = sorted(counts, key=lambda reason: -counts[reason])
        reasons = ", ".join(f"{reason} {counts[reason]}" for reason in often)
        if says_one_thing(checked):
            often.sort(key=lambda reason: reason != ALIKE)
        example = next(check.message for check in checked if check.reason == often[0])
        use = f"only {len(checked) - sum(counts.values())}" if sum(counts.values()) < len(checked) else "none"
        what = f"{use} of the first {len(checked)} messages of {split} can be used ({reasons})"
        what += f"; for example {example[:100]!r}" if example else ""
        wanted = {EMPTY: "one that chats, and answers", ALIKE: "one that does not say the same to everything"}
        model = wanted.get(often[0], "a larger one, that speaks the tweets' language")
        hint = f"name another model, {model}; tweetstyle playback RECIPE --show 20 shows what this one answers"
        hint += f"; if it answers better now, delete {self.cache.path}"
        raise TweetstyleError(what, where=self.speaker.where, hint=hint)

    def _replies(
        self, requests: Sequence[MessageRequest], keys: dict[str, str], attempt: int, what: str
    ) -> Iterator[tuple[MessageRequest, ModelReply]]:
        """The answers as they come, each cached by whoever got it. An error ends the others before their next request."""
        stop = threading.Event()

        def one(request: MessageRequest) -> tuple[MessageRequest, ModelReply]:
            answer = self._patiently(request, self.sampled(request, attempt), stop)
            self.cache.add(keys[request.id], request.id, answer)
            return request, answer

        from tweetstyle.progress import Bar

        waiting = iter(requests)
        with ThreadPoolExecutor(self.settings.concurrency) as pool, Bar(what, len(requests), "messages", delay=2) as bar:
            # Twice as many as run at once, so that none of them waits for this thread; not all, so that an error finds few behind it.
            running = {pool.submit(one, request) for request in islice(waiting, 2 * self.settings.concurrency)}
            try:
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    running |= {pool.submit(one, request) for request in islice(waiting, len(done))}
                    for future in done:
                        yield future.result()
                        bar.advance()
            finally:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)

    def _patiently(self, request: MessageRequest, sampled: Sampled, stop: threading.Event) -> ModelReply:
        """Repeats a request whose server was lost: a restarted one is back a moment later. Raises OllamaLost."""
        for seconds in WAITS:
            try:
                return self.speaker.ask(turns(request), sampled)
            except OllamaLost:
                if stop.wait(seconds):
                    raise
        return self.speaker.ask(turns(request), sampled)


def useless(checked: Sequence[Checked]) -> bool:
    """Whether none can be used. Also where sometimes a message, too short to tell, is not known to be in another language as all
    others are, and where the same is said to every tweet."""
    foreign = sum(check.reason == LANGUAGE for check in checked)
    return all(check.reason for check in checked) or foreign >= FOREIGN_SHARE * len(checked) or says_one_thing(checked)


def says_one_thing(checked: Sequence[Checked]) -> bool:
    """Whether some were rejected as near-duplicates, and those that can be used are near-duplicates too, of one another."""
    usable = [bare_words(check.message) for check in checked if not check.reason]
    if not usable or all(check.reason != ALIKE for check in checked):
        return False
    first = NearDuplicates()
    first.add(usable[0])
    return all(first.count(words) for words in usable)


def in_good_order(requests: Sequence[MessageRequest]) -> list[MessageRequest]:
    """Some of everything first, for the first check; then by language and kind, whose common beginning a server has read already."""
    mixed = sorted(requests, key=lambda request: fraction(0, request.id, b"order"))
    return mixed[:FIRST_REPLIES] + sorted(mixed[FIRST_REPLIES:], key=lambda request: (request.language, request.kind))


class Cache(AbstractContextManager):
    """key → answer, in memory and in a file of JSON lines. Use as a context manager; many threads may add.

    A last line without its end was cut off by a kill or a power loss: it is dropped and its answer requested again. So is any line
    that does not read; `dropped` counts them.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.dropped = path, 0
        self._answers: dict[str, ModelReply] = {}
        self._lock = threading.Lock()
        self._stream: BinaryIO | None = None
        self._whole = self._read()

    def __len__(self) -> int:
        return len(self._answers)

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            with clear_os_errors(self.path):
                self._stream.flush()
                os.fsync(self._stream.fileno())
                self._stream.close()
            self._stream = None

    def get(self, key: str) -> ModelReply | None:
        return self._answers.get(key)

    def add(self, key: str, id: str, answer: ModelReply) -> None:
        """Remembers an answer: what this returns from has been handed to the operating system, and survives this process."""
        line = json.dumps({"key": key, "id": id, "answer": answer.text, "tokens": answer.tokens}) + "\n"
        with self._lock, clear_os_errors(self.path):
            self._open().write(line.encode())
            self._answers[key] = answer

    def _read(self) -> int:
        """Bytes of whole lines."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return 0
        whole = content.rfind(b"\n") + 1
        self.dropped += whole < len(content)
        for line in content[:whole].splitlines():
            try:
                row = json.loads(line)
                if not (isinstance(row["key"], str) and isinstance(row["answer"], str) and isinstance(row["tokens"], int)):
                    raise TypeError
                self._answers[row["key"]] = ModelReply(row["answer"], row["tokens"])
            except (ValueError, KeyError, TypeError):
                self.dropped += 1
        return whole

    def _open(self) -> BinaryIO:
        """Opened at the first answer, the incomplete last line removed: a run without requests writes nothing."""
        if self._stream is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.path.open("ab", buffering=0)
            self._stream.truncate(self._whole)
            self._stream.seek(0, os.SEEK_END)
        return self._stream
