"""tweetstyle write: which candidates are drawn, what is left out, and how they are printed."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.fake_ollama import FakeOllama

from tweetstyle.cli import tweetstyle
from tweetstyle.prompt.template import SpecialTokens, build_template
from tweetstyle.records import Tweet
from tweetstyle.run import Run
from tweetstyle.stages import write as stage
from tweetstyle.text.habits import find_habits
from tweetstyle.write import Request, WrittenTweet, chosen, usable, weighted_draw, write
from tweetstyle.write.discriminator import Discriminator

WORDS = "gare pluie chat soupe lac vélo neige port phare tuile hibou carotte métro balcon train".split()
CLOSING = " voilà voilà"


def tweets(count: int, closing: float, seed: int) -> list[str]:
    """Random words, of which a share `closing` ends with the same phrase."""
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, 8)) + CLOSING * (random.random() < closing) for _ in range(count)]


def share_of_closings(texts: list[str]) -> float:
    return float(np.mean([text.endswith(CLOSING) for text in texts]))


def learned(real: int, written: int, author: float = 0.3, model: float = 0.6) -> Discriminator:
    """author, model: share of their tweets that close with the phrase."""
    own = tweets(real, author, seed=1)
    return Discriminator.train(own, tweets(written, model, seed=2), find_habits(own), "those")


# -- the draw -------------------------------------------------------------------------------------------------


def test_the_draw_has_the_probabilities_of_drawing_one_after_the_other():
    weights = np.array([4.0, 3.0, 2.0, 1.0])
    drawn = Counter(tuple(weighted_draw(np.log(weights), 2, seed)) for seed in range(20_000))
    for (first, second), count in drawn.items():
        expected = weights[first] / 10 * weights[second] / (10 - weights[first])
        assert count / 20_000 == pytest.approx(expected, abs=0.012)
    assert len(drawn) == 12


def test_a_habit_that_the_model_exaggerates_comes_as_often_as_the_author_has_it():
    judge = learned(400, 200)
    pool = tweets(3200, 0.6, seed=3)
    shown = [
        chosen([WrittenTweet("*", text, n) for n, text in enumerate(pool[start : start + 16])], judge, 1, start)[0].text
        for start in range(0, 3200, 16)
    ]
    assert 0.57 < share_of_closings(pool) < 0.63
    assert share_of_closings(shown) == pytest.approx(0.3, abs=0.1)  # three standard errors of 200 draws


def test_the_odds_are_those_of_the_shares():
    judge = learned(2000, 2000)
    new = tweets(500, 0.5, seed=3)
    odds, closes = judge.log_odds(new), np.array([text.endswith(CLOSING) for text in new])
    assert odds[closes].mean() == pytest.approx(np.log(0.3 / 0.6), abs=0.15)
    assert odds[~closes].mean() == pytest.approx(np.log(0.7 / 0.4), abs=0.15)


def test_a_classifier_that_has_learned_nothing_weighs_all_alike():
    judge = learned(200, 200, author=0.5, model=0.5)
    assert np.abs(judge.log_odds(tweets(100, 0.5, seed=3))).mean() < 0.5  # weights between 0.6 and 1.6


# -- the file -------------------------------------------------------------------------------------------------


def test_the_discriminator_is_the_same_when_read_and_small(tmp_path: Path):
    path, texts = tmp_path / "discriminator.npz", tweets(50, 0.5, seed=3)
    made = learned(200, 200)
    made.save(path)
    assert np.array_equal(Discriminator.read(path, made.habits, "those").log_odds(texts), made.log_odds(texts))
    assert path.stat().st_size < 2**19
    assert Discriminator.read(path, made.habits, "others") is None and Discriminator.read(tmp_path / "none", [], "those") is None


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: b"", lambda data: data[:-40] + bytes(40)])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage):
    path = tmp_path / "discriminator.npz"
    learned(60, 60).save(path)
    path.write_bytes(damage(path.read_bytes()))
    assert Discriminator.read(path, [], "those") is None


# -- what is left out -------------------------------------------------------------------------------------------


def test_copies_of_training_tweets_and_near_duplicates_are_left_out():
    known = ["le traversier est en retard et personne ne sait pourquoi, voilà voilà"]
    texts = [
        "encore un matin où le traversier est en retard et personne ne sait pourquoi",
        "il pleut sur la gare et le chat dort encore",
        "il pleut sur la gare et le chat dort encore !",
        "du lac je ne vois que la brume",
    ]
    found = usable([WrittenTweet("*", text, n) for n, text in enumerate(texts)], known)
    assert [one.text for one in found] == [texts[1], texts[3]]


def test_what_was_cut_is_no_candidate_and_seeds_are_kept():
    asked = []

    def writer(subject: str, seed: int) -> str | None:
        asked.append((subject, seed))
        return None if seed == 8 else f"{subject} {WORDS[seed]} {WORDS[seed - 3]} {WORDS[seed - 6]}"

    found = list(write(Request(["lac", "phare"], 2, 3, seed=7), writer, [], None, lambda: None))
    assert asked == [("lac", 7), ("lac", 8), ("lac", 9), ("phare", 7), ("phare", 8), ("phare", 9)]
    assert [[(one.subject, one.seed) for one in tweets] for tweets in found] == [[("lac", 7), ("lac", 9)], [("phare", 7), ("phare", 9)]]


# -- the command ------------------------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs `tweetstyle write` on a run with 100 training tweets, whose exported model draws words by the seed."""
    known = [Tweet(str(n), text, "") for n, text in enumerate(tweets(100, 0.3, seed=1))]
    gguf = tmp_path / "export" / "mine" / "mine.gguf"
    gguf.parent.mkdir(parents=True)
    gguf.write_bytes(b"GGUF")
    (tmp_path / "mine.yaml").write_text("data: {source: tweets.csv}\nmodel: {base: base}\nprompt: {style: Nimzo}\n", encoding="utf-8")
    asked = []

    def writer(subject: str, seed: int) -> str:
        asked.append(subject)
        return f"{subject} : {tweets(1, 0.6, seed)[0]}"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stage, "exported_gguf", lambda recipe, path: gguf)
    monkeypatch.setattr(stage, "gguf_writer", lambda run, path: writer)
    monkeypatch.setattr(stage, "read_tweets", lambda path, template: iter(known))
    monkeypatch.setattr(stage, "tweets_of", lambda run, split: {"train": "1"})
    monkeypatch.setattr(Run, "template", None)

    def run(*arguments: str) -> tuple[str, list[str]]:
        asked.clear()
        done = CliRunner().invoke(tweetstyle, ["write", "mine.yaml", *arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout, list(asked)

    return run


def test_the_model_writes_once_for_its_discriminator_and_then_only_candidates(command):
    first, asked = command("phare", "--seed", "1", "-n", "2", "--candidates", "6")
    assert len(asked) == stage.LEARNED_FROM + 6 and Path("export/mine/discriminator.npz").is_file()
    again, asked = command("phare", "--seed", "1", "-n", "2", "--candidates", "6")
    assert again == first and asked == ["phare"] * 6
    assert [text.startswith("phare : ") for text in first.split("\n\n") if text.strip()] == [True, True]
    assert command("phare", "--seed", "2", "-n", "2", "--candidates", "6")[0] != first


def test_nothing_is_learned_where_there_is_nothing_to_choose(command):
    out, asked = command("--seed", "1", "-n", "3", "--candidates", "3")
    assert asked == ["*"] * 3 and not Path("export/mine/discriminator.npz").exists()


def test_the_model_in_ollama_writes_with_the_seed_of_each_tweet(command, monkeypatch: pytest.MonkeyPatch):
    def say(body: dict, number: int) -> dict:
        return {"message": {"content": f" un {WORDS[body['options']['seed']]} "}, "done_reason": "length" if number == 1 else "stop"}

    template = build_template("inst", "Nimzo", SpecialTokens("<s>", "</s>"))
    with FakeOllama(say, models={"mine:latest": "abc"}) as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        monkeypatch.setattr(Run, "template", template)
        out, asked = command("phare", "--seed", "3", "-n", "3", "--candidates", "3", "--ollama")
    assert not asked and [body["messages"] for body in ollama.requests] == [[{"role": "user", "content": "phare"}]] * 3
    assert out.split("\n\n")[:2] == [f"un {WORDS[3]}", f"un {WORDS[5]}"], "the second one was cut"


def test_subjects_of_a_file_as_json_and_csv(command):
    Path("subjects.txt").write_text("\ufefflac\n\n  phare  \n", encoding="utf-8")
    options = ("gare", "--subjects", "subjects.txt", "--seed", "1", "-n", "1", "--candidates", "2")
    rows = json.loads(command(*options, "--json")[0])
    assert [row["subject"] for row in rows] == ["gare", "lac", "phare"]
    assert all(row["text"] == f"{row['subject']} : {tweets(1, 0.6, row['seed'])[0]}" and isinstance(row["log_odds"], float) for row in rows)
    assert [row["text"] for row in csv.DictReader(io.StringIO(command(*options, "--csv")[0]))] == [row["text"] for row in rows]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file or directory"), (b"\n \n", "names no subject"), ("neige à Québec".encode("cp1252"), "cannot be read")],
)
def test_a_file_of_subjects_that_cannot_be_read_is_one_message(tmp_path: Path, content: bytes | None, message: str):
    path = tmp_path / "subjects.txt"
    if content is not None:
        path.write_bytes(content)
    done = CliRunner().invoke(tweetstyle, ["write", "mine.yaml", "--subjects", str(path)])
    assert done.exit_code == 1 and message in done.output.lower() and str(path) in done.output and "Traceback" not in done.output
