"""What is trained on and what is held out."""

import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tweetstyle.cleaning.near_duplicates import chronological, near_duplicates
from tweetstyle.errors import TweetstyleError
from tweetstyle.prepare.split import leaks, split, split_apart, warnings
from tweetstyle.recipe import Data
from tweetstyle.records import Tweet

HELD_OUT = ("validation", "test")


def data(**settings) -> Data:
    return Data(source=Path("tweets.csv"), **settings)


def tweet(id: int | str, text: str = "", hour: int | None = 0) -> Tweet:
    moment = "" if hour is None else (datetime(2021, 3, 1, tzinfo=UTC) + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Tweet(str(id), text or f"tweet {id}", moment)


def tweets_of(count: int, hours: int = 24) -> list[Tweet]:
    return [tweet(i, hour=i * hours) for i in range(count)]


def alone(tweets: list[Tweet]) -> list[str]:
    return [t.id for t in tweets]


grouped = st.integers(30, 500).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, n), min_size=n, max_size=n)))
fractions = st.floats(0.01, 0.2)


def divided(count: int, groups: list, **settings) -> tuple[list[Tweet], dict[str, list[Tweet]]]:
    tweets = tweets_of(count)
    try:
        return tweets, split(tweets, groups, data(**settings))
    except TweetstyleError:
        assume(False)
        raise


@given(grouped, fractions, fractions, st.integers(1, 200), st.integers(0, 5))
def test_every_tweet_is_in_exactly_one_part_in_order_and_no_group_is_divided(grouped, validation, test, mini, seed):
    count, groups = grouped
    tweets, parts = divided(count, groups, validation_fraction=validation, test_fraction=test, mini_train=mini, seed=seed)
    assert list(parts) == ["train", "mini-train", "validation", "test"]
    assert sorted([*parts["train"], *parts["validation"], *parts["test"]], key=chronological) == tweets
    where = {t.id: name for name in ("train", *HELD_OUT) for t in parts[name]}
    assert len({(group, where[t.id]) for group, t in zip(groups, tweets, strict=True)}) == len(set(groups))
    for part in parts.values():
        assert part == sorted(part, key=chronological)
    sample = {t.id for t in parts["mini-train"]}
    assert len(sample) == min(mini, len(parts["train"])) and sample <= {t.id for t in parts["train"]}
    assert len(parts["train"]) >= count / 2
    assert split(tweets, groups, data(validation_fraction=validation, test_fraction=test, mini_train=mini, seed=seed)) == parts


@given(st.integers(30, 3000), fractions, fractions)
def test_tweets_alone_are_divided_by_time_at_the_fractions(count, validation, test):
    tweets = tweets_of(count)
    parts = split(tweets, alone(tweets), data(validation_fraction=validation, test_fraction=test))
    assert parts["train"] + parts["validation"] + parts["test"] == tweets
    for name, fraction in (("validation", validation), ("test", test)):
        assert len(parts[name]) == max(1, round(count * fraction), min(30, count // 5))


def test_a_late_group_too_large_to_hold_out_is_trained_on():
    tweets = tweets_of(400)
    splits = split(tweets, [*range(200), *["thread"] * 195, *range(395, 400)], data())
    assert set(tweets[200:395]) <= set(splits["train"])
    assert [len(splits[name]) for name in HELD_OUT] == [30, 30]


@pytest.mark.parametrize("labels", [["one thread"] * 60, [*["one thread"] * 59, "alone"], [i // 20 for i in range(60)]])
def test_one_group_of_all_tweets_cannot_be_divided(labels):
    with pytest.raises(TweetstyleError, match="cannot be split: (60|59|20) of them are near-duplicates") as error:
        split(tweets_of(60), labels, data())
    assert "near_duplicate_jaccard" in error.value.hint


def test_undated_tweets_are_the_earliest_in_their_order():
    undated = [tweet(f"notes.txt:{i:07}", hour=None) for i in range(100)]
    dated = tweets_of(100)
    mixed = [t for pair in zip(undated, dated, strict=True) for t in pair]
    splits = split(mixed, alone(mixed), data())
    assert splits["train"] + splits["validation"] + splits["test"] == undated + dated
    assert "100 of 200 tweets have no date: they are taken to be the earliest, in the archive's order" in warnings(splits)
    splits = split(undated, alone(undated), data())
    assert splits["test"] == undated[80:]
    assert warnings(splits)[0].startswith("100 of 100 tweets have no date") and not any("days" in said for said in warnings(splits))


@pytest.mark.parametrize(
    ("count", "hours", "said"),
    [(60, 24, ["only 12 test tweets"]), (60, 1, ["only 12 test tweets", "too few days for an interval: 1,"]), (4000, 24, [])],
)
def test_warnings_say_in_words_what_can_be_measured(count, hours, said):
    tweets = tweets_of(count, hours)
    found = warnings(split(tweets, alone(tweets), data()))
    assert len(found) == len(said) and all(words in warning for words, warning in zip(said, found, strict=True))


def test_a_test_split_without_the_short_texts_that_are_trained_on_says_so():
    long = [f"un texte {i} qui est assez long" for i in range(600)]
    for frequent, warned in (("mdr", True), ("un texte assez long écrit souvent", False)):
        texts = long + [frequent] * 400
        parts = split([tweet(i, text, i * 24) for i, text in enumerate(texts)], texts, data())
        found = [str(warning) for warning in warnings(parts) if "short tweets" in warning]
        assert bool(found) == warned, found
        if warned:
            assert {t.text for t in parts["test"]}.isdisjoint({"mdr"})
            share = 400 / len(parts["train"])
            assert found[0].startswith(f"short tweets (fewer than 20 characters) are {share:.0%} of the training tweets and 0 of the")


def test_time_alone_leaks_and_whole_clusters_do_not():
    """800 tweets, one of eight a near-duplicate of one 10 to 500 before it."""
    texts = [
        f"numéro {i * 7919 % 10007} du matin, on en a vu {i * 104729 % 99991} passer sur la rue {i * 31337 % 9973} hier" for i in range(800)
    ]
    for i in range(520, 800, 8):
        texts[i] = texts[i - (10 if i % 3 else 500)].replace("hier", "hier soir")
    tweets = [tweet(i, text, i * 24) for i, text in enumerate(texts)]
    assert leaked(split(tweets, alone(tweets), data()), 0.75) >= 5
    assert leaked(split(tweets, near_duplicates(texts, 0.75).clusters(len(texts)), data()), 0.75) == 0
    assert leaked(split_apart(tweets, [alone(tweets)], data()), 0.75) == 0, "what leaks is put together"


def leaked(parts: dict[str, list[Tweet]], threshold: float) -> int:
    """Held-out tweets among those that leak."""
    found = leaks(parts, threshold, 2)
    return sum(tweet.id in found for name in HELD_OUT for tweet in parts[name])


def test_a_leak_that_no_split_mends_is_an_error(monkeypatch):
    monkeypatch.setattr("tweetstyle.prepare.split.leaks", lambda parts, threshold, seed: {parts["test"][-1].id: seed})
    with pytest.raises(TweetstyleError, match="1 tweets have near-duplicates in two splits") as error:
        split_apart(tweets_of(400), [alone(tweets_of(400))], data())
    assert "near_duplicate_jaccard" in error.value.hint


def lines_of(dice: random.Random, count: int) -> list[str]:
    """Four in ten short, of 300 phrases by Zipf's law; of the long ones one in ten written before; the rest each another."""
    phrases = [f"{'ha' * (n % 7)} oui {n}" for n in range(300)]
    texts: list[str] = []
    for n in range(count):
        if dice.random() < 0.4:
            texts += dice.choices(phrases, [1 / (k + 1) for k in range(300)])
        else:
            again = [text for text in texts[-400:] if len(text) > 30] if dice.random() < 0.1 else []
            texts.append(
                dice.choice(again) if again else f"une phrase sans pareille, {'encore et ' * dice.randrange(5)}le numéro {n * 7919}"
            )
    return texts


@pytest.mark.parametrize("seed", range(4))
def test_texts_written_again_have_their_share_in_every_part_and_frequent_ones_are_trained_on(seed):
    texts = lines_of(random.Random(seed), 6000)
    copies = Counter(texts)
    parts = split([tweet(i, text, i) for i, text in enumerate(texts)], texts, data(seed=seed))
    lengths = Counter(len(text) // 20 for text in texts)
    for name in ("train", *HELD_OUT):
        found = Counter(len(t.text) // 20 for t in parts[name])
        assert len(parts[name]) == pytest.approx({"train": 5400}.get(name, 300), rel=0.03)
        for length, count in lengths.items():
            # Three standard deviations of a random sample: what is taken by time is one.
            share = count / len(texts)
            assert abs(found[length] / len(parts[name]) - share) <= 3 * math.sqrt(share / len(parts[name])), (name, length)
    where = {t.text: name for name in ("train", *HELD_OUT) for t in parts[name]}
    assert all(where[t.text] == name for name in ("train", *HELD_OUT) for t in parts[name]), "all copies are in one part"
    assert {where[text] for text, count in copies.items() if count >= 10} == {"train"}
    for name in HELD_OUT:
        assert sum(copies[t.text] > 1 for t in parts[name]) > 10


def test_a_frequent_text_is_replaced_by_others_of_its_length_and_else_by_the_latest():
    """A fifth is one text: of 100 tweets held out 20 are as short, where there are such, the latest of them."""
    texts = ["ayoye" if n % 5 == 0 else f"court {n}" if n % 5 == 1 else f"une phrase bien plus longue, numéro {n}" for n in range(2000)]
    tweets = [tweet(n, text, n) for n, text in enumerate(texts)]
    parts = split(tweets, texts, data())
    for name in HELD_OUT:
        assert Counter(len(t.text) < 20 for t in parts[name]) == {True: 40, False: 60}
    latest = [t for t in tweets if t.text.startswith("court")][-80:]
    assert sorted((t for name in HELD_OUT for t in parts[name] if len(t.text) < 20), key=chronological) == latest
    long = [text if text == "ayoye" else f"une phrase bien plus longue, numéro {n}" for n, text in enumerate(texts)]
    parts = split([tweet(n, text, n) for n, text in enumerate(long)], long, data())
    assert [len(parts[name]) for name in HELD_OUT] == [100, 100] and {t.text for t in parts["test"]} == set(long[1875:]) - {"ayoye"}


def test_a_planted_leak_is_counted():
    plain = {name: [tweet(f"{name}{i}", f"{name} parle du numéro {i * 7919} et du {i * 31337}") for i in range(50)] for name in HELD_OUT}
    plain["train"] = [tweet(f"train{i}", f"ici le numéro {i * 7919}, là-bas c'est {i * 31337}") for i in range(200)]
    plain["mini-train"] = plain["train"][:5]
    near = plain["train"][7].text + " !! bis"
    for name, texts, threshold, count in (
        ("test", [], 0.75, 0),
        ("test", [near], 0.75, 1),
        ("test", [near, near.upper(), near], 0.75, 3),
        ("validation", [plain["train"][8].text.upper()], 0.75, 1),
        ("test", [plain["validation"][7].text], 0.75, 2),  # neither of the two measures alone any more
        ("test", [near], 1, 0),
    ):
        planted = plain | {name: [*plain[name], *(tweet(f"planted{i}", text) for i, text in enumerate(texts))]}
        assert leaked(planted, threshold) == count
