"""Messages for tweets from a server that answers well, badly or not at all: one clear message each, and no reply is lost."""

import json
import time
from pathlib import Path

import pytest
from rich.console import Console
from support.fake_ollama import DROP, FakeOllama, tweet_of
from support.small_runs import write_tweets

from tweetstyle.dataset.threads import messages_path, read_messages
from tweetstyle.errors import TweetstyleError
from tweetstyle.playback import CACHE, REJECTED, pairs, playback, show_some, table
from tweetstyle.playback.collect import read_cache
from tweetstyle.recipe import Playback
from tweetstyle.records import REPLY, Tweet

LIKELY = ("fr", "en")
SUBJECTS = ("la neige", "le métro", "la soupe", "le vélo", "ma voisine", "le chat", "la radio", "le jardin", "le café", "la lune")
QUESTIONS = {"questions": 1.0, "remarks": 0.0, "requests": 0.0}
CLOUD = {"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"}
"""What /api/tags of an Ollama from 0.12 on says of a model that it sends to its cloud."""


def tweets(count: int, start: int = 0, **fields) -> list[Tweet]:
    texts = {start + n: f"encore {SUBJECTS[n % 10]} ce matin, numéro {start + n}, bref" for n in range(count)}
    return [Tweet(**{"id": str(n), "text": text, "created_at": "", "language": "fr"} | fields) for n, text in texts.items()]


@pytest.fixture
def processed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tweetstyle.playback.unload", lambda: None)  # the next test recognises languages too
    directory = tmp_path / "processed"
    directory.mkdir()
    for split, count, start in (("train", 40, 0), ("validation", 5, 1000), ("test", 5, 2000)):
        write_tweets(directory / f"{split}.jsonl", tweets(count, start))
    return directory


def good(body: dict, number: int) -> str:
    """A message that passes for every kind of request, and is another one for each tweet."""
    tweet, instruction = tweet_of(body), body["messages"][0]["content"]
    word = "x" + tweet.split("numéro ")[-1].split(",")[0]
    if "la question" in instruction:
        return f"Tu connais {word}{word} depuis quand ?"
    return f"Écris un tweet sur {word}{word}." if "la demande" in instruction else f"Je connais {word}{word} depuis longtemps."


def settings(fake: FakeOllama, **changes) -> Playback:
    return Playback(**{"ollama": "small", "url": fake.url} | changes)


def play(fake: FakeOllama, processed: Path, **changes):
    return playback(settings(fake, **changes), LIKELY, processed / "train.jsonl", processed)


def written(processed: Path) -> dict[str, dict[str, str]]:
    return {split: read_messages(messages_path(processed, split)) for split in ("train", "validation", "test")}


def printed(renderable) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_every_split_gets_its_messages_and_a_second_run_requests_nothing_and_writes_the_same_bytes(processed):
    with FakeOllama(good) as fake:
        played = play(fake, processed, concurrency=1)
        found = written(processed)
        assert {split: list(of) for split, of in found.items()} == {
            split: [str(n) for n in range(start, start + count)]
            for split, start, count in (("train", 0, 40), ("validation", 1000, 5), ("test", 2000, 5))
        }
        assert "x7x7" in found["train"]["7"]
        assert played.model == "small abc123" and played.answers == len(fake.requests) == 50
        assert played.splits["train"].usable == sum(played.splits["train"].kinds.values()) == 40
        assert played.outputs == [*(messages_path(processed, split) for split in found), processed / REJECTED]
        assert fake.unloaded == ["small"], "the memory is the training's"
        files = {path.name: path.read_bytes() for path in processed.glob("messages-*")}
        assert files[REJECTED] == b""
        assert play(fake, processed, concurrency=8).answers == 0 and len(fake.requests) == 50 and fake.unloaded == ["small"]
        assert {path.name: path.read_bytes() for path in processed.glob("messages-*")} == files
        for changes in ({"temperature": 0.1}, {"seed": 1}, {"most_words": 29}):
            assert play(fake, processed, **changes).answers == 50


def test_a_message_that_the_archive_has_is_used_as_it_is_and_none_is_requested_for_its_tweet(processed):
    real = tweets(8, 100, message="Tu viens ?", type=REPLY) + tweets(2, 200, message="Je pars.") + tweets(1, 300, type=REPLY)
    write_tweets(processed / "train.jsonl", [*tweets(20), *real])
    with FakeOllama(good) as fake:
        played = play(fake, processed, train_tweets=12)
        train, found = played.splits["train"], written(processed)["train"]
        assert not {tweet.text for tweet in real} & set(map(tweet_of, fake.requests))
    assert {found[tweet.id] for tweet in real[:8]} == {"Tu viens ?"} and found["200"] == "Je pars." and "300" not in found
    assert (train.asked, train.real, train.usable, train.left_out, train.unknown_parent) == (12, 10, 22, 8, 1)
    assert "one that the archive has" in printed(table(played))


# -- what is rejected ---------------------------------------------------------------------------------------


def test_a_rejected_message_is_requested_again_with_another_seed_as_often_as_the_recipe_says_and_written_down(processed):
    asked: dict[str, int] = {}

    def badly_of_snow(body: dict, number: int) -> str:
        asked[tweet_of(body)] = count = asked.get(tweet_of(body), 0) + 1
        if "neige" in tweet_of(body):
            return "In English, do you like the snow?"
        return "" if "soupe" in tweet_of(body) and count == 1 else good(body, number)

    with FakeOllama(badly_of_snow) as fake:
        train = play(fake, processed, retries=1, **QUESTIONS).splits["train"]
    twice = [[r["options"]["seed"] for r in fake.requests if tweet_of(r) == tweet] for tweet, count in asked.items() if count == 2]
    assert len(twice) == 12 and all(len(set(seeds)) == 2 for seeds in twice)
    assert (train.usable, train.rejected, train.given_up) == (36, {"empty": 4, "other language": 8}, 4)
    rows = [json.loads(line) for line in (processed / REJECTED).read_text().splitlines()]
    assert len(rows) == 18 and {row["attempt"] for row in rows} == {0, 1}
    assert rows[0] == {
        "id": "0", "text": "encore la neige ce matin, numéro 0, bref", "language": "fr", "kind": "question", "before": "",
        "message": "In English, do you like the snow?", "reason": "other language", "attempt": 0, "split": "train",
    }  # fmt: skip


def test_an_answer_that_was_cut_where_its_tokens_end_is_too_long_however_few_its_words(processed):
    def cut_for_snow(body: dict, number: int) -> dict:
        tokens = body["options"]["num_predict"] if "neige" in tweet_of(body) else 10
        return {"message": {"content": good(body, number)}, "eval_count": tokens}

    with FakeOllama(cut_for_snow) as fake:
        train = play(fake, processed, retries=0).splits["train"]
    assert (train.usable, train.rejected) == (36, {"too long": 4})


def test_the_same_message_is_used_as_often_as_the_recipe_says_by_the_first_tweets_whenever_replies_come(processed):
    def slowly_for_some(body: dict, number: int) -> str:
        time.sleep(0.02 * (number % 3))
        return "Quoi de neuf, mon ami ?" if "vélo" in tweet_of(body) or "chat" in tweet_of(body) else good(body, number)

    used = []
    for concurrency in (1, 7):
        (processed / CACHE).unlink(missing_ok=True)
        with FakeOllama(slowly_for_some) as fake:
            play(fake, processed, most_alike=4, retries=0, concurrency=concurrency, **QUESTIONS)
        used.append(written(processed))
    assert used[0] == used[1]
    assert [id for id, message in used[0]["train"].items() if "Quoi de neuf" in message] == ["3", "5", "13", "15"]


# -- what goes wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "listed", "said"),
    [
        ("mine", {"mine:latest": CLOUD}, "https://ollama.com:443\n.*runs here .Ollama has: small:latest"),
        # Such names are sent there even if this machine has a model of that name, and whether they are listed or not.
        ("gpt-oss:cloud", {}, "its cloud\n.*runs here .Ollama has: small:latest"),
    ],
)
def test_a_model_of_ollamas_cloud_is_sent_no_tweet(processed, name, listed, said):
    models = {"small:latest": "abc123"} | dict.fromkeys(listed, "def456")
    with FakeOllama(good, models, remote=listed) as fake:
        with pytest.raises(TweetstyleError, match=said):
            play(fake, processed, ollama=name)
        assert fake.requests == []
        assert play(fake, processed).answers == 50, "one beside them that runs here is asked"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "0 of the first 20 .*20 × empty"),
        (
            "I am so happy about the weather, are you?",
            "20 × in a different language.*'I am so happy.*\n.*language of the tweets",
        ),
        ("I'm sorry, but I can't help with that.", "20 × a refusal"),
        ("Quoi de neuf ?", "3 of the first 20 .*17 × too similar"),
    ],
    ids=["empty", "wrong language", "refusals", "the same to everything"],
)
def test_useless_answers_throughout_end_it_after_the_first(processed, answer, reason):
    with FakeOllama(lambda body, n: answer) as fake, pytest.raises(TweetstyleError, match=reason):
        play(fake, processed, concurrency=2, **QUESTIONS)
    assert len(fake.requests) == 20, "nothing more was begun"
    assert not list(processed.glob("messages-*"))


def test_too_few_pairs_are_an_error_with_their_number_and_reasons_and_leave_earlier_messages(processed):
    with FakeOllama(good) as fake:
        play(fake, processed)
    before = written(processed)
    write_tweets(processed / "train.jsonl", tweets(15))

    def three(body: dict, number: int) -> str:
        return good(body, number) if tweet_of(body).split("numéro ")[-1].split(",")[0] in ("1", "2", "3") else ""

    with FakeOllama(three) as fake, pytest.raises(TweetstyleError, match=r"3 of 15 tweets of train .* at least 10 .*\(12 × empty\)"):
        play(fake, processed, retries=0, seed=5)
    assert written(processed) == before


def test_a_request_that_is_lost_is_repeated_so_that_a_restart_of_ollama_costs_seconds(processed, monkeypatch):
    monkeypatch.setattr("tweetstyle.playback.collect.WAITS", (0.01, 0.02))
    with FakeOllama(lambda body, n: DROP if n in (7, 8, 30) else good(body, n)) as fake:
        assert play(fake, processed, concurrency=1).answers == 50 and len(fake.requests) == 53


def test_a_lost_connection_keeps_what_was_answered_and_the_same_command_resumes_also_where_a_kill_cut_a_line_off(processed, monkeypatch):
    monkeypatch.setattr("tweetstyle.playback.collect.WAITS", (0.01,))
    with FakeOllama(lambda body, n: good(body, n) if n < 25 else DROP) as fake, pytest.raises(TweetstyleError) as caught:
        play(fake, processed, concurrency=2)
    kept = len(read_cache(processed / CACHE))
    assert 20 <= kept <= 25
    assert "Ollama ended the connection" in str(caught.value) and f"the replies so far are in {processed / CACHE}" in str(caught.value)
    assert "the same command again to resume" in str(caught.value)
    assert not list(processed.glob("messages-*"))
    with (processed / CACHE).open("r+b") as stream:
        stream.truncate((processed / CACHE).stat().st_size - 3)
    with FakeOllama(good) as fake:
        assert play(fake, processed).answers == 50 - kept + 1


# -- tables -------------------------------------------------------------------------------------------------


def test_some_are_shown_with_what_was_rejected_and_nothing_is_written_but_the_cache(processed):
    with FakeOllama(lambda body, n: "" if n == 0 else good(body, n)) as fake:
        checked = show_some(settings(fake, concurrency=1), LIKELY, processed / "train.jsonl", processed, 6)
        assert len(fake.requests) == 7
        screen = printed(pairs(checked))
        assert screen.count("encore ") == 6 and "empty" in screen and "6 of 6 tweets have a usable message" in screen
        assert {path.name for path in processed.iterdir()} == {"train.jsonl", "validation.jsonl", "test.jsonl", CACHE}
        assert play(fake, processed).answers == 50 - 6, "what was shown is not requested again"


def test_the_table_says_where_every_tweet_is(processed):
    write_tweets(processed / "train.jsonl", [*tweets(30), *tweets(2, 90, type=REPLY)])
    with FakeOllama(lambda body, n: "" if "lune" in tweet_of(body) else good(body, n)) as fake:
        played = play(fake, processed, train_tweets=25)
    screen, train = printed(table(played)), played.splits["train"]
    assert train.asked == train.usable + train.given_up and train.asked + train.left_out + train.unknown_parent == 32
    assert all(row in screen for row in ("with a message", "– empty", "replies to unknown tweets", "beyond the sample"))
