"""Does playback keep Ollama as busy as a plain load, and how fast are 5,000 cached answers checked?  python bench/playback.py

The load: the same requests, at the same concurrency, sent by threads that do nothing else. Alternated, in the
real Ollama with SmolLM2-135M.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import random
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from support.ollama import VERSION, OllamaServer  # noqa: E402
from support.small_runs import write_tweets  # noqa: E402

from scripts import demo_base_model as base_model  # noqa: E402
from tweetstyle.playback import playback  # noqa: E402
from tweetstyle.playback.backends import CONTEXT, SAMPLING, ModelReply, OllamaSpeaker, Sampled  # noqa: E402
from tweetstyle.playback.checks import Judge  # noqa: E402
from tweetstyle.playback.collect import Cache, Collector, in_good_order  # noqa: E402
from tweetstyle.playback.prompt import turns  # noqa: E402
from tweetstyle.playback.selection import MessageRequest, choose  # noqa: E402
from tweetstyle.recipe import Playback  # noqa: E402
from tweetstyle.records import Tweet, read_split  # noqa: E402

ROUNDS, TWEETS, CONCURRENCY, LEAST_SHARE = 3, 40, 4, 0.9
CACHED, RUNS, MOST_SECONDS = 5000, 5, 2.0
OUT = PROJECT / "bench" / "results" / "playback.json"

SYLLABLES = [consonant + vowel for consonant in "bcdfglmnprstv" for vowel in ("a", "e", "i", "o", "u", "an", "on")]
VOCABULARY = ["".join(random.Random(n).choices(SYLLABLES, k=2 + n % 3)) for n in range(3000)]
"""Nouns that no language has, seldom and common as words are (Zipf): message by message they repeat as in an archive."""
WEIGHTS = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(VOCABULARY))))
ARTICLES = {"fr": ("le", "la", "mon", "cette", "son", "leur"), "en": ("the", "my", "that", "your", "their", "this")}
ENDS = {
    "fr": ("depuis hier", "en ville", "avec ta sœur", "pour samedi", "sous la pluie", "au printemps", "chez le voisin", "à minuit"),
    "en": ("since yesterday", "in town", "with your sister", "for saturday", "in the rain", "next spring", "at midnight"),
}
MESSAGES = {
    ("fr", "question"): "Tu penses quoi de {0} {1}, et de {2} ?", ("fr", "remark"): "J'ai vu {0} {1}, puis {2}.",
    ("fr", "request"): "Écris un tweet sur {0} {1}, avec {2}.", ("en", "question"): "What do you think of {0} {1}, and of {2}?",
    ("en", "remark"): "I saw {0} {1}, and then {2}.", ("en", "request"): "Write a tweet about {0} {1}, with {2}.",
}  # fmt: skip


def thing(chance: random.Random, language: str) -> str:
    return f"{chance.choice(ARTICLES[language])} {chance.choices(VOCABULARY, cum_weights=WEIGHTS)[0]}"


def invented(count: int, language: str, start: int = 0) -> list[Tweet]:
    chance = random.Random(start)
    texts = (f"{thing(chance, language)} {chance.choice(ENDS[language])}, no. {n}: {thing(chance, language)}" for n in range(count))
    return [Tweet(str(start + n), text, "", language=language) for n, text in enumerate(texts)]


def key(chat: list[dict[str, str]]) -> str:
    return json.dumps([chat[0], chat[-1]])


class Talker:
    """Says something usable of the kind and in the language asked for nine times in ten. asks: what it is asked, by `key`."""

    identity, where = "talker 1", "talker"

    def __init__(self) -> None:
        self.asks: dict[str, MessageRequest] = {}

    def ask(self, chat: list[dict[str, str]], sampled: Sampled) -> ModelReply:
        ask = self.asks[key(chat)]
        chance = random.Random(f"{ask.id} {sampled.seed}")
        if chance.random() < 0.1:
            return ModelReply(chance.choice(("", "Sorry, I can't help with that.", ask.text)), 12)
        one, other = thing(chance, ask.language), thing(chance, ask.language)
        return ModelReply(MESSAGES[ask.language, ask.kind].format(one, chance.choice(ENDS[ask.language]), other), 12)

    def close(self) -> None:
        """It holds no memory."""


def cached_and_checked(room: Path, count: int = CACHED) -> dict[str, Any]:
    """Seconds, of the clock and of processors, from nothing to the files of messages, for tweets whose answers are all cached."""
    train = [*invented(count * 3 // 4, "fr"), *invented(count - count * 3 // 4, "en", 10**6)]
    for split, tweets in (("train", train), ("validation", invented(1, "fr", 10**7)), ("test", invented(1, "fr", 10**8))):
        write_tweets(room / f"{split}.jsonl", tweets)
    settings = Playback(ollama="x", train_tweets=count)
    talker = Talker()
    for split in ("train", "validation", "test"):
        for ask in choose(list(read_split(room / f"{split}.jsonl")), settings, count, "fr").requests:
            chat = turns(ask)
            talker.asks[key(chat)] = ask
    playback(settings, ("fr", "en"), room / "train.jsonl", room, talker)
    talker.asks.clear()
    seconds, busy = [], []
    for _ in range(RUNS):
        started, worked = time.perf_counter(), time.process_time()
        played = playback(settings, ("fr", "en"), room / "train.jsonl", room, talker)
        seconds.append(round(time.perf_counter() - started, 2))
        busy.append(round(time.process_time() - worked, 2))
    if played.answers or played.splits["train"].usable < count * 0.9:
        sys.exit(f"not the work that is to be measured: {played}")
    return {
        "tweets": count, "seconds": seconds, "median": statistics.median(seconds), "processor seconds": busy,
        "median of processors": statistics.median(busy), "load average": os.getloadavg()[0], "limit": MOST_SECONDS,
    }  # fmt: skip


def plain_load(address: str, asks: list[MessageRequest], sampled: dict[str, Sampled]) -> tuple[int, float]:
    """Tokens and seconds of the requests alone."""

    def one(ask: MessageRequest) -> int:
        drawn = sampled[ask.id]
        options = SAMPLING | {"temperature": drawn.temperature, "seed": drawn.seed, "num_predict": drawn.num_predict}
        options |= {"num_ctx": CONTEXT, "stop": ["\n"]}
        body = {"model": "small", "messages": turns(ask), "options": options, "stream": False, "think": False}
        request = urllib.request.Request(f"http://{address}/api/chat", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer).get("eval_count", 0)  # left out where it is 0

    started = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        tokens = sum(pool.map(one, asks))
    return tokens, time.perf_counter() - started


def overlapping(room: Path, binary: Path) -> dict[str, list[float]]:
    """Tokens per second of both, round by round."""
    server = OllamaServer(binary, room)
    server.environment["OLLAMA_NUM_PARALLEL"] = str(CONCURRENCY)
    rates: dict[str, list[float]] = {"plain load": [], "playback": []}
    with server:
        shutil.copy(base_model.CACHE / base_model.GGUF, room / "m.gguf")
        (room / "Modelfile").write_text("FROM ./m.gguf\nPARAMETER num_thread 1\n")
        server.create("small", room / "Modelfile")
        settings = Playback(ollama="small", url=f"http://{server.address}", concurrency=CONCURRENCY, retries=0, most_words=10)
        speaker = OllamaSpeaker("small", settings.url)
        asks = [MessageRequest(tweet.id, tweet.text, "en", "question") for tweet in invented(TWEETS, "en")]
        for number in range(ROUNDS + 1):
            with Cache(room / f"cache-{number}.jsonl") as cache:
                collector = Collector(speaker, settings, cache, Judge(settings, ("fr", "en")))
                sampled = {ask.id: collector.sampled(ask, 0) for ask in asks}
                tokens, seconds = plain_load(server.address, in_good_order(asks), sampled)
                started = time.perf_counter()
                collector.collect(asks, "playback")
                ours = collector.spent.tokens / (time.perf_counter() - started)
            if number:  # The first round loads the model and the prompt's common beginning.
                rates["plain load"].append(round(tokens / seconds, 1))
                rates["playback"].append(round(ours, 1))
            print(f"round {number}: {tokens / seconds:.1f} and {ours:.1f} tokens/s", flush=True)
    return rates


def main() -> None:
    with tempfile.TemporaryDirectory() as room:
        cached = cached_and_checked(Path(room))
    result = {
        "date": date.today().isoformat(), "python": platform.python_version(), "cpus": os.cpu_count(),
        "cached answers read, checked and written": cached,
    }  # fmt: skip
    save(result)
    binary = PROJECT / ".cache" / f"ollama-{VERSION}" / "ollama"
    if binary.is_file():
        with tempfile.TemporaryDirectory() as room:
            rates = overlapping(Path(room), binary)
        medians = {name: statistics.median(values) for name, values in rates.items()}
        ratios = [ours / theirs for ours, theirs in zip(rates["playback"], rates["plain load"], strict=True)]
        result["tokens per second in Ollama"] = {
            "ollama": VERSION, "concurrency": CONCURRENCY, "requests": TWEETS, "rounds": rates, "median": medians,
            "median of the rounds' ratios": round(statistics.median(ratios), 3), "least": LEAST_SHARE,
        }  # fmt: skip
    else:
        print("Ollama is not built (make ollama): its tokens per second are not measured")
    save(result)
    print(json.dumps(result, indent=2))


def save(result: dict) -> None:
    OUT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
