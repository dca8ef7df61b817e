"""sampling: auto. The distance against a sum over all pairs; the choice on planted texts; its way to report, chat and export."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from support.small_runs import write_tweets
from test_measures_written import SUBJECTS

from tweetstyle.dataset.held_out import clusters
from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate import ModelPair, evaluate
from tweetstyle.evaluate.calibration import Calibration, calibrate
from tweetstyle.evaluate.text_distance import ClusterSums, TextDistance, jackknifed, noise_floor
from tweetstyle.evaluate.two_sample import Texts
from tweetstyle.inference.sampling_grid import GRID, ROUNDS, in_words, tweets_by_round, tweets_written
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Evaluation, Sampling
from tweetstyle.recipe_yaml import read_recipe
from tweetstyle.records import Tweet
from tweetstyle.report import RunFiles, write_report
from tweetstyle.run import Run
from tweetstyle.statistics.intervals import Interval

RANDOM = random.Random(0)
WORDS = [f"mot{number}" for number in range(400)]


def text(subject: str, closing: float, chance: random.Random = RANDOM) -> str:
    """By an author who names the subject; closing: how often it closes with "voilà voilà"."""
    words = " ".join(chance.choices(WORDS, k=chance.randint(4, 12)))
    return f"{words} {subject} {chance.choice(WORDS)}" + (" voilà voilà" if chance.random() < closing else ".")


TRAIN = [text(SUBJECTS[number % 12], 0.3) for number in range(300)]
VALIDATION = [
    Tweet(
        str(place), text(SUBJECTS[place % 12], 0.3), f"2024-{1 + place // 28:02}-{1 + place % 28:02}T00:00:00Z", topic=SUBJECTS[place % 12]
    )
    for place in range(120)
]
DAYS = clusters(VALIDATION)


@cache
def by_training() -> TextDistance:
    return TextDistance(TRAIN)


def distance(real: Texts, written: Texts) -> tuple[ClusterSums, ClusterSums]:
    by, order = by_training(), list(dict.fromkeys(real.clusters))
    return ClusterSums.of(by, real, order), ClusterSums.of(by, written, order)


def brute_force(real: Texts, written: Texts) -> float:
    """Mean inner products within the sides and between them, of pairs of different clusters."""
    by = by_training()

    def mean(one: Texts, other: Texts) -> float:
        products = (by.features(one.texts) @ by.features(other.texts).T).toarray()
        places = product(range(len(one.texts)), range(len(other.texts)))
        return float(np.mean([products[i, j] for i, j in places if one.clusters[i] != other.clusters[j]]))

    return mean(real, real) + mean(written, written) - 2 * mean(real, written)


def without(side: Texts, cluster: str) -> Texts:
    kept = [place for place, of in enumerate(side.clusters) if of != cluster]
    return Texts([side.texts[place] for place in kept], [side.clusters[place] for place in kept])


def test_the_distance_is_the_mean_over_all_pairs_and_the_jackknife_leaves_out_each_day():
    real = Texts([tweet.text for tweet in VALIDATION[:14]], [f"day {number // 2}" for number in range(14)])
    written = Texts([text(SUBJECTS[number], 0.9) for number in range(9)], [f"day {number % 7}" for number in range(9)])
    found = jackknifed(*distance(real, written))
    assert found.estimate == pytest.approx(brute_force(real, written), abs=1e-6)
    left_out = [brute_force(without(real, f"day {day}"), without(written, f"day {day}")) for day in range(7)]
    assert found.without == pytest.approx(left_out, abs=1e-6)
    interval, half = found.interval(0.95), np.sqrt(6 / 7 * np.sum((left_out - np.mean(left_out)) ** 2)) * 2.4469  # Student's t, 6 degrees
    assert (interval.low, interval.high) == pytest.approx((found.estimate - half, found.estimate + half), abs=1e-5)


def test_texts_of_the_author_are_nought_apart_on_average_and_the_floor_is_what_they_rarely_exceed():
    real = Texts([tweet.text for tweet in VALIDATION], DAYS)
    chance = random.Random(5)
    alike = [Texts([text(tweet.topic, 0.3, chance) for tweet in VALIDATION], DAYS) for _ in range(40)]
    sums = [distance(real, of) for of in alike]
    found = [jackknifed(*pair).estimate for pair in sums]
    floor = noise_floor(sums[0][0], seed=0)
    assert abs(np.mean(found)) < 2 * np.std(found) / np.sqrt(40) + 0.002
    assert floor > 0 and np.mean(np.array(found) < floor) >= 0.95
    overshot = Texts([text(tweet.topic, 0.9, chance) for tweet in VALIDATION], DAYS)
    assert jackknifed(*distance(real, overshot)).estimate > 3 * floor


def test_who_says_the_same_again_and_again_lies_further_away_than_who_does_not():
    real = Texts([tweet.text for tweet in VALIDATION], DAYS)
    said = [text(tweet.topic, 0.3) for tweet in VALIDATION]
    far, near = (jackknifed(*distance(real, Texts(of, DAYS))) for of in ([said[place % 4] for place in range(120)], said))
    assert near.interval(0.95, far).low > 0


# -- the choice ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    gguf: Path | None = None


@dataclass(frozen=True)
class PlantedWriter:
    """In the place of Writing. closing: place in the grid → how often that candidate closes as the author does in 30%; alter: what
    becomes of its texts; log: round → candidate → numbers of its prompts."""

    closing: dict[int, float]
    alter: dict[int, Callable[[str], str]] = field(default_factory=dict)
    seed: int = 1
    others: dict[str, Sampling] = field(default_factory=dict)
    model: Pair = Pair(Path("exported.gguf"))
    log: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def answers(self, wanted, directory):
        self.log[directory.name] = {name: [prompt.number for prompt in prompts] for name, prompts in wanted.items()}
        assert self.model.gguf is None, "the exported file writes one tweet after the other"
        return {name: [self.answer(GRID.index(self.others[name]), prompt) for prompt in prompts] for name, prompts in wanted.items()}

    def answer(self, place, prompt):
        chance = random.Random(1000 * place + prompt.number)
        return self.alter.get(place, str)(text(prompt.topic, self.closing.get(place, 0.95), chance))


def choice(writer: PlantedWriter, validation=VALIDATION, samples=120) -> Calibration | None:
    return calibrate(writer, TRAIN, validation, samples, 0.95, Path("sampling"))


def test_the_candidate_that_writes_like_the_author_is_chosen_and_the_budget_is_what_was_announced():
    writer = PlantedWriter({4: 0.3})
    found = choice(writer)
    assert found.chosen == 4 and not found.on_test
    best, default = found.candidates[4], found.candidates[0]
    assert best.closer.low > 0 and best.distance.estimate < found.floor < default.distance.estimate
    assert [len(of) for of in writer.log.values()] == [count for count, _ in ROUNDS] == [12, 6, 3]
    assert all("candidate-0" in of and "candidate-4" in of for of in writer.log.values())
    numbers = [next(iter(of.values())) for of in writer.log.values()]
    assert sum(numbers, []) == list(range(120))
    assert all(of == dict.fromkeys(of, own) for of, own in zip(writer.log.values(), numbers, strict=True))
    written = sum(len(own) for of in writer.log.values() for own in of.values())
    assert written == sum(of.tweets for of in found.candidates) == tweets_written(120) == 720 and tweets_by_round(120) == [30, 60, 120]


def test_where_none_is_clearly_closer_the_default_stays():
    assert choice(PlantedWriter(dict.fromkeys(range(12), 0.3))).chosen == 0
    assert choice(PlantedWriter({0: 0.3})).chosen == 0


def test_who_copies_more_than_the_author_or_leaves_the_topic_is_refused():
    def copying(said: str) -> str:
        return random.Random(said).choice(TRAIN)

    def without_subject(said: str) -> str:
        return " ".join(word for word in said.split() if word.strip(".") not in SUBJECTS)

    for refused, alter in (("copies", copying), ("off_topic", without_subject)):
        found = choice(PlantedWriter({4: 0.3}, {4: alter}))
        nearest = found.candidates[4]
        assert nearest.closer.low > 0 and (found.chosen, nearest.refused) == (0, refused)
    assert found.copied == 0 and nearest.on_topic < found.candidates[0].on_topic


def test_tweets_of_few_days_and_few_samples_choose_nothing_and_nothing_is_written():
    writer = PlantedWriter({})
    assert choice(writer, samples=99) is None and tweets_written(99) == 0
    assert choice(writer, [replace(tweet, created_at="2024-01-01T00:00:00Z") for tweet in VALIDATION]) is None and not writer.log


def test_the_grid_begins_with_the_default_and_each_is_said_by_what_it_changes():
    assert GRID[0] == Sampling() and len(set(GRID)) == len(GRID) == len(set(map(in_words, GRID)))
    assert in_words(GRID[0]) == "temperature 1, top_p 0.95"
    assert in_words(Sampling(top_p=1.0, top_k=40, repeat_penalty=1.1)) == "temperature 1, top_k 40, repeat_penalty 1.1"


# -- in a run -----------------------------------------------------------------------------------------------


def test_the_choice_is_in_the_file_and_the_report_and_the_default_writes_beside_it(tiny, adapter, tmp_path, monkeypatch):
    """With a model of random weights, whose texts no sampling brings near: the interval is set aside to see what a choice entails."""
    monkeypatch.setattr(Interval, "sign", 1)
    monkeypatch.setattr("tweetstyle.evaluate.calibration.FEWEST_SAMPLES", 8)
    template = build_template("inst", "Nimzo", tiny.tokens)
    files = {name: write_tweets(tmp_path / f"{name}.jsonl", VALIDATION[:30]) for name in ("validation", "test")}
    files["train"] = write_tweets(tmp_path / "train.jsonl", [Tweet(str(place), of, "", topic="x") for place, of in enumerate(TRAIN[:60])])
    settings = Evaluation(samples=8, examples=2, bootstrap_resamples=200)
    monkeypatch.setattr("tweetstyle.evaluate.calibration.GRID", [of.model_copy(update={"num_predict": 12}) for of in GRID])
    found = evaluate(ModelPair(tiny, adapter, "lora", template), files, settings, None, tmp_path / "run")
    chosen = found.sampling.candidates[found.sampling.chosen].sampling
    assert found.sampling.chosen and found.sampling.on_test.keys() == {"default", "chosen", "closer"}
    assert {"real", "default", "tuned"} <= found.style.habits[0].shares.keys() if found.style.habits else True
    closer = found.sampling.on_test["default"].estimate - found.sampling.on_test["chosen"].estimate
    assert found.sampling.on_test["closer"].estimate == pytest.approx(closer)
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text())["sampling"]["chosen"] == found.sampling.chosen
    for language, said in (("en", "How the sampling was chosen"), ("fr", "Le choix du tirage")):
        page = write_report(RunFiles(tmp_path / "run", tmp_path, tmp_path / "export", "", {}), language).read_text(encoding="utf-8")
        assert said in page and in_words(Sampling(**chosen)) in page


def test_a_run_takes_what_was_chosen_and_what_the_recipe_says_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = Path("mine.yaml")
    recipe.write_text("data: {source: x}\nprompt: {style: N}\nmodel: {base: y}\nsampling: auto\n")
    run = Run(recipe)
    assert run.sampling == Sampling() and run.settings("sampling") == {"sampling": None}
    chosen = {"chosen": 1, "candidates": [{"sampling": of.model_dump()} for of in (Sampling(), Sampling(top_p=0.7))]}
    run.recipe.run_directory.mkdir(parents=True)
    (run.recipe.run_directory / "evaluation.json").write_text(json.dumps({"sampling": chosen}))
    assert Run(recipe).sampling == Sampling(top_p=0.7)
    recipe.write_text(recipe.read_text().replace("auto", "{temperature: 0.5}"))
    assert Run(recipe).sampling == Sampling(temperature=0.5)


@pytest.mark.parametrize(("written", "said"), [("", "has no value"), (" best", "'best' is neither auto nor"), (" 3", "3 is neither")])
def test_what_is_no_sampling_is_one_message(tmp_path, written, said):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"data: {{source: x}}\nprompt: {{style: N}}\nmodel: {{base: y}}\nsampling:{written}\n")
    with pytest.raises(TweetstyleError) as caught:
        read_recipe(recipe)
    assert f"mine.yaml:4: sampling: {said}" in str(caught.value) and "write auto, or settings below it" in str(caught.value)
