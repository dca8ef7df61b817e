"""Gets all messages, several at a time; tries again with another seed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from tweetstyle.errors import TweetstyleError
from tweetstyle.inference.ollama import OllamaLost
from tweetstyle.playback.backends import TOKENS_PER_WORD, MessageModel, Sampled
from tweetstyle.playback.cache import Cache, ModelReply, key_of
from tweetstyle.playback.checks import ALIKE, EMPTY, LANGUAGE, counted
from tweetstyle.playback.filters import Judge, Look
from tweetstyle.playback.prompt import prompt_digest, turns
from tweetstyle.playback.selection import Alike, MessageRequest, bare_words, fraction

if TYPE_CHECKING:
    from tweetstyle.recipe import Playback

FIRST_LOOK = 20
"""After so many answers of which none can be used, nothing more is asked."""
FOREIGN_SHARE = 0.9
"""Of these so many in another language than their tweet's are a model that does not speak it."""
WAITS = (1.0, 4.0)
"""Seconds before a lost request is sent again, and once more."""
SEEDS = 2**31


@dataclass
class Spent:
    """answers, tokens: asked for now and not cached; seconds: of waiting for them."""

    answers: int = 0
    tokens: int = 0
    seconds: float = 0.0


class Collector:
    """Answers from the cache where it has them, else from the model, and the judge's look at each.

    patient: whether it goes on where none of the first answers can be used.
    """

    def __init__(self, speaker: MessageModel, settings: Playback, cache: Cache, judge: Judge, *, patient: bool = False) -> None:
        self.speaker, self.settings, self.cache, self.judge, self.patient = speaker, settings, cache, judge, patient
        self.spent = Spent()
        self._had: set[str] = set()
        self._prompt = prompt_digest()

    def collect(self, asks: Sequence[MessageRequest], split: str) -> list[Look]:
        """Every look, attempt by attempt, each attempt in the order of `asks`: of one tweet at most one without a reason, its last.

        Which message is used depends on the answers alone and not on when they came. split: theirs, for the progress bar and messages.
        Raises TweetstyleError where none of the first answers can be used, and where the model's server is lost; the cache is whole.
        """
        self.judge.begin()
        looks: list[Look] = []
        still: Sequence[MessageRequest] = asks
        for attempt in range(self.settings.retries + 1):
            if not still:
                break
            answers = self._answers(still, attempt, split)
            now = self.judge.look(still, [answers[ask.id] for ask in still], attempt)
            looks += now
            still = [look.ask for look in now if look.reason]
        return looks

    def sampled(self, ask: MessageRequest, attempt: int) -> Sampled:
        """How the tweet's message is drawn at an attempt."""
        seed = int(fraction(self.settings.seed, ask.id, b"answer %d" % attempt) * SEEDS)
        return Sampled(self.settings.temperature, seed, TOKENS_PER_WORD * self.settings.most_words)

    def key(self, ask: MessageRequest, sampled: Sampled) -> str:
        """What the answer is cached by: the tweet, the model, the prompt and how it is drawn."""
        drawn = (sampled.temperature, sampled.seed, sampled.num_predict)
        return key_of(self.speaker.identity, self._prompt, ask.id, ask.text, ask.before, ask.language, ask.kind, *drawn)

    def _answers(self, asks: Sequence[MessageRequest], attempt: int, split: str) -> dict[str, ModelReply]:
        """Tweet id → answer."""
        keys = {ask.id: self.key(ask, self.sampled(ask, attempt)) for ask in asks}
        self._had.update(keys.values())
        found = {ask.id: answer for ask in asks if (answer := self.cache.get(keys[ask.id]))}
        missing = [ask for ask in asks if ask.id not in found]
        first = [] if attempt or self.patient or not missing else self._looked_at_before(asks, found)
        began = time.monotonic()
        what = split if not attempt else f"{split}, asked again"
        with self._kept_is_told(), closing(self._asked(in_good_order(missing), keys, attempt, what)) as arriving:
            for ask, answer in arriving:
                found[ask.id] = answer
                self.spent.answers += 1
                self.spent.tokens += answer.tokens
                if not attempt and not self.patient and len(first) < FIRST_LOOK:
                    first.append(ask)
                    if len(first) == FIRST_LOOK:
                        self._refuse_if_useless(first, found, split)
        self.spent.seconds += time.monotonic() - began
        return found

    @contextmanager
    def _kept_is_told(self) -> Iterator[None]:
        """A server that is lost is told with how many answers to what this run asks are in the cache, from earlier runs too."""
        try:
            yield
        except OllamaLost as lost:
            kept = sum(self.cache.get(key) is not None for key in self._had)
            answers = "the one answer so far is" if kept == 1 else f"the {kept:,} answers so far are"
            hint = f"{answers} kept in {self.cache.path}: see that Ollama runs (ollama serve, or the app; its log says why it ended), "
            raise TweetstyleError(lost.what, where=lost.where, hint=f"{hint}and the same command goes on from there") from lost

    def _looked_at_before(self, asks: Sequence[MessageRequest], found: dict[str, ModelReply]) -> list[MessageRequest]:
        """Those of the first look whose answers are cached; none where that look was in vain: what speaks now may be mended, and is
        looked at afresh, so that the same command typed again asks no more of a useless model than the first did."""
        first = [ask for ask in asks if ask.id in found][:FIRST_LOOK]
        if len(first) < FIRST_LOOK:
            return first
        return [] if useless(self.judge.glance(first, [found[ask.id] for ask in first])) else first

    def _refuse_if_useless(self, first: Sequence[MessageRequest], found: dict[str, ModelReply], split: str) -> None:
        looks = self.judge.glance(first, [found[ask.id] for ask in first])
        if not useless(looks):
            return
        counts = counted(look.reason for look in looks)
        # The reason of most messages first: it is the one to do something about.
        often = sorted(counts, key=lambda reason: -counts[reason])
        reasons = ", ".join(f"{reason} {counts[reason]}" for reason in often)
        if says_one_thing(looks):
            often.sort(key=lambda reason: reason != ALIKE)
        example = next(look.message for look in looks if look.reason == often[0])
        use = f"only {len(looks) - sum(counts.values())}" if sum(counts.values()) < len(looks) else "none"
        what = f"{use} of the first {len(looks)} messages of {split} can be used ({reasons})"
        what += f"; for example {example[:100]!r}" if example else ""
        wanted = {EMPTY: "one that chats, and answers", ALIKE: "one that does not say the same to everything"}
        model = wanted.get(often[0], "a larger one, that speaks the tweets' language")
        hint = f"name another model, {model}; tweetstyle playback RECIPE --show 20 shows what this one answers"
        raise TweetstyleError(what, where=self.speaker.where, hint=hint)

    def _asked(
        self, asks: Sequence[MessageRequest], keys: dict[str, str], attempt: int, what: str
    ) -> Iterator[tuple[MessageRequest, ModelReply]]:
        """The answers as they come, each cached by whoever got it. An error ends the others before their next request."""
        stop = threading.Event()

        def one(ask: MessageRequest) -> tuple[MessageRequest, ModelReply]:
            answer = self._patiently(ask, self.sampled(ask, attempt), stop)
            self.cache.add(keys[ask.id], ask.id, answer)
            return ask, answer

        from tweetstyle.progress import Bar

        waiting = iter(asks)
        with ThreadPoolExecutor(self.settings.concurrency) as pool, Bar(what, len(asks), "messages", delay=2) as bar:
            # Twice as many as are at work, so that none of them waits for this thread; not all, so that an error finds few behind it.
            running = {pool.submit(one, ask) for ask in islice(waiting, 2 * self.settings.concurrency)}
            try:
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    running |= {pool.submit(one, ask) for ask in islice(waiting, len(done))}
                    for future in done:
                        yield future.result()
                        bar.advance()
            finally:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)

    def _patiently(self, ask: MessageRequest, sampled: Sampled, stop: threading.Event) -> ModelReply:
        """Asks again where the server was lost: one that is started anew is there a moment later. Raises OllamaLost."""
        for seconds in WAITS:
            try:
                return self.speaker.ask(turns(ask), sampled)
            except OllamaLost:
                if stop.wait(seconds):
                    raise
        return self.speaker.ask(turns(ask), sampled)


def useless(looks: Sequence[Look]) -> bool:
    """Whether none can be used. Also where now and then a message, too short to tell, is not known to be in another language as all
    others are, and where the same is said to every tweet."""
    foreign = sum(look.reason == LANGUAGE for look in looks)
    return all(look.reason for look in looks) or foreign >= FOREIGN_SHARE * len(looks) or says_one_thing(looks)


def says_one_thing(looks: Sequence[Look]) -> bool:
    """Whether some were rejected as near-duplicates, and those that can be used are near-duplicates too, of one another."""
    usable = [bare_words(look.message) for look in looks if not look.reason]
    if not usable or all(look.reason != ALIKE for look in looks):
        return False
    first = Alike()
    first.add(usable[0])
    return all(first.count(words) for words in usable)


def in_good_order(asks: Sequence[MessageRequest]) -> list[MessageRequest]:
    """Some of everything first, for the first look; then by language and kind, whose common beginning a server has read already."""
    mixed = sorted(asks, key=lambda ask: fraction(0, ask.id, b"order"))
    return mixed[:FIRST_LOOK] + sorted(mixed[FIRST_LOOK:], key=lambda ask: (ask.language, ask.kind))
