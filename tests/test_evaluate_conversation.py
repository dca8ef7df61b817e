"""Conversation measured: messages told apart by likelihood, the untrained model told and shown, openings; of too little, a sentence."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.chat_templates import BARE, CHATML
from support.html_page import Page
from support.likelihood import plain_sums
from support.playing_back import write_answers
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.dataset.held_out import HeldOut
from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate import ModelPair, evaluate, evaluation_table
from tweetstyle.evaluate.conversation import (
    OTHERS,
    TRIALS,
    choose_trials,
    instruction_baseline,
    instruction_text,
    relevance,
    trial_readings,
)
from tweetstyle.evaluate.style import word_overlap
from tweetstyle.inference.likelihood import TunedModel, score_readings
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.chat_template import take_apart
from tweetstyle.prompt.template import SpecialTokens, Template, build_template
from tweetstyle.recipe import Evaluation, Sampling
from tweetstyle.records import Tweet
from tweetstyle.report import RunFiles, run_report

SUBJECTS = ("neige", "métro", "café", "marché", "pluie", "hiver", "chat", "vélo", "pont", "train")


def answers(count: int, start: int = 0, language: str = "fr") -> list[Tweet]:
    found = []
    for n in range(count):
        about, day = f"{SUBJECTS[n % 10]} {start + n}", f"2024-{1 + n // 28 % 12:02}-{1 + n % 28:02}T00:00:00Z"
        found.append(Tweet(str(start + n), f"encore {about}", day, topic=f"et {about} ?", language=language))
    return found


def days(tweets: list[Tweet]) -> list[str]:
    return [tweet.created_at for tweet in tweets]


# -- trials and places, by hand -----------------------------------------------------------------------------


def test_a_scorer_whose_answers_match_is_always_right_and_one_that_hears_nothing_once_in_five() -> None:
    tweets = answers(300)
    trials = choose_trials(tweets, days(tweets), seed=3, most=300)
    matching = np.array([[0.0 if place == t.tweet else 5.0 for place in t.messages] for t in trials])
    for deaf in (np.full((len(trials), 5), 7.0), np.random.default_rng(1).random((300, 5))):
        found = relevance(deaf, matching, trials, days(tweets), confidence=0.95)
        assert found.tuned.estimate == 1
        assert found.base.low <= 0.2 <= found.base.high and abs(found.base.estimate - 0.2) < 0.08
        assert found.difference.sign == 1 and found.difference.estimate == pytest.approx(1 - found.base.estimate)


def test_a_trial_has_its_own_message_and_four_others_of_other_days_and_words_in_its_language_where_enough_are() -> None:
    tweets = answers(60) + [replace(t, id=f"again{t.id}", topic=t.topic.upper()) for t in answers(10, 0)]
    for trial in choose_trials(tweets, days(tweets), seed=1):
        said = [tweets[place].topic.casefold() for place in trial.messages]
        assert trial.messages[trial.right] == trial.tweet and len(set(said)) == 1 + OTHERS
        assert days(tweets)[trial.tweet] not in {days(tweets)[p] for p in trial.messages if p != trial.tweet}
    assert choose_trials(tweets, days(tweets), 1) == choose_trials(tweets, days(tweets), 1) != choose_trials(tweets, days(tweets), 2)
    assert len(choose_trials(tweets, days(tweets), 1, most=7)) == 7 and choose_trials(tweets[:3], days(tweets), 1) == []
    mixed = answers(20) + answers(20, 100, "en") + answers(2, 200, "de")
    for trial in choose_trials(mixed, [t.id for t in mixed], seed=5):
        spoken = {mixed[place].language for place in trial.messages}
        assert spoken == {mixed[trial.tweet].language} or mixed[trial.tweet].language == "de"


def test_words_that_come_back_are_counted_where_a_message_has_any() -> None:
    messages, said = ["et la neige ?", "le café ?", "et toi ?", "un vélo ?"], ["neige partout", "du thé", "moi", "mes vélos"]
    assert word_overlap(messages, said, range(4), confidence=0.95).estimate == pytest.approx(2 / 3)
    assert word_overlap(["et toi ?"], ["moi"], [1], confidence=0.95) is None


# -- the instruction ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    base = write_llama(tmp_path_factory.mktemp("tiny"), max_position_embeddings=2048)
    return replace(base, tokens=SpecialTokens(base.tokens.bos, "<|eot_id|>", CHATML.replace("<|im_end|>", "<|eot_id|>")))


@pytest.fixture(scope="module")
def adapter(tiny: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tmp_path_factory.mktemp("adapter"), tiny)


@pytest.fixture(scope="module")
def template(tiny: BaseModel) -> Template:
    return build_template("chat", "Nimzo", tiny.tokens, conversation=True)


def sample(base: BaseModel, template: Template, tweets: list[Tweet]) -> HeldOut:
    documents = [base.tokenizer.encode(template, t.text, t.topic, t.type) for t in tweets]
    return HeldOut(tweets, documents, np.array([len(t.text.encode()) for t in tweets], float), 0)


def holds(ids: list[int], run: list[int]) -> bool:
    return any(ids[place : place + len(run)] == run for place in range(len(ids)))


def test_told_and_shown_are_whole_conversations_of_the_chat_template_scored_as_by_a_plain_loop(tiny, adapter, template):
    tweets, known, six = answers(4, 500), answers(60), answers(6)
    line, examples, readings = instruction_baseline(tiny, template, known, tweets, 3, seed=1)
    trials, of_both = trial_readings(tiny, template, sample(tiny, template, six), 1)
    by_base, _ = score_readings(TunedModel(tiny, adapter, "lora"), readings | of_both, {})
    chosen = [t for t in known if holds(examples.ids, [*tiny.tokenizer.text_ids(t.text), tiny.tokenizer.end_id(template)])]
    assert examples.count == len(chosen) == 3

    def ids(*pairs: tuple[str, str], system: str = line) -> list[int]:
        said = "".join(f"<|im_start|>user\n{m}<|eot_id|>\n<|im_start|>assistant\n{a}<|eot_id|>\n" for m, a in pairs)
        text = f"<|im_start|>system\n{system}<|eot_id|>\n{said}".removesuffix("\n")
        return tiny.tokenizer.prompt_ids(text, add_bos=template.add_bos)

    def row(ids: list[int], tweet: Tweet) -> Encoded:
        return Encoded(ids, len(ids) - len(tiny.tokenizer.text_ids(tweet.text)) - 1)

    for name, before in (("instructed", []), ("instructed_examples", [(t.topic, t.text) for t in chosen])):
        rows = [row(ids(*before, (t.topic, t.text)), t) for t in tweets]
        assert by_base[name] == pytest.approx(plain_sums(tiny.path, rows), rel=1e-5)
    pairs = [(six[m].topic, six[trial.tweet]) for trial in trials for m in trial.messages]
    rows = [row(ids((message, t.text), system="You are helpful"), t) for message, t in pairs]
    assert by_base[TRIALS] == pytest.approx(plain_sums(tiny.path, rows), rel=1e-5)


def test_fewer_are_shown_where_they_do_not_fit_and_none_where_not_even_the_instruction_does(tiny: BaseModel, template: Template) -> None:
    tweets, known = answers(4, 500), answers(60)
    for room in (2048, 700, 420):
        narrow = replace(tiny, config=tiny.config | {"max_position_embeddings": room})
        _, examples, readings = instruction_baseline(narrow, template, known, tweets, 20, seed=1)
        shown = readings["instructed_examples"]
        assert len(shown.prefix) + max(len(document.ids) for document in shown.documents) <= room
        assert (examples.count == 20) is (room == 2048)
    nothing = replace(tiny, config=tiny.config | {"max_position_embeddings": 100})
    assert instruction_baseline(nothing, template, known, tweets, 20, 1)[2] == {}


def test_without_a_place_for_a_system_message_the_words_open_the_first_message(tiny: BaseModel, template: Template) -> None:
    turns, _ = take_apart(BARE, tiny.tokens.bos, "<|eot_id|>")
    bare = replace(template, turns=turns, end=turns.end)
    line, examples, _ = instruction_baseline(tiny, bare, answers(60), answers(4, 500), 2, seed=1)
    first = tiny.tokenizer.prompt_ids(f"<|user|>{line}\n\net", add_bos=bare.add_bos)
    assert examples.ids[: len(first)] == first and examples.count == 2


def test_the_words_name_language_length_and_the_usual_habits() -> None:
    line = instruction_text("Nimzo", [replace(t, text=f"{t.text}…") for t in answers(60)])
    assert "You are Nimzo" in line and "in French" in line and "an ellipsis of one sign …" in line and "all in lower case" in line
    assert "an exclamation mark" not in line
    opened = [replace(t, text=f"I n{n} {t.text}" if n % 4 else t.text) for n, t in enumerate(answers(60))]
    assert "opens with i" in instruction_text("Nimzo", opened)


def test_the_words_name_each_language_of_a_fair_share_of_the_tweets_and_of_several_ask_for_the_message_s() -> None:
    for spoken, named in (
        ({"fr": 18, "en": 2}, "in French or English, the language of the message, in "),  # a tenth is a fair share
        ({"fr": 19, "en": 1}, "in French, in "),
        ({"fr": 10, "de": 10}, "in the language of the message, in "),  # a language that has no name here
        ({"": 20}, "in the language of the message, in "),
    ):
        tweets = [tweet for language, count in spoken.items() for tweet in answers(count, language=language)]
        assert f"would in a tweet: {named}" in instruction_text("Nimzo", tweets[::-1])


# -- the whole verb -----------------------------------------------------------------------------------------

SHORT = Sampling(num_predict=6)
QUICK = Evaluation(samples=12, examples=2, bootstrap_resamples=200)


def whole(tiny, adapter, template, room, count, settings=QUICK, sampling=SHORT, gguf=None):
    files = {}
    for place, name in enumerate(("train", "validation", "test")):
        tweets = answers(60 if name == "train" else count, 1000 * place)
        files[name] = write_answers(room, name, tweets, {t.id: t.topic for t in tweets})
    return evaluate(ModelPair(tiny, adapter, "lora", template, gguf), files, settings, sampling, room / "run")


@pytest.fixture(scope="module")
def evaluated(tiny: BaseModel, adapter: Path, template: Template, tmp_path_factory: pytest.TempPathFactory):
    room = tmp_path_factory.mktemp("whole")
    return room, whole(tiny, adapter, template, room, 24)


def test_the_tuned_model_is_compared_with_the_strongest_without_training(evaluated) -> None:
    from rich.console import Console

    _, found = evaluated
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(evaluation_table(found))
    shown = console.export_text()
    assert "each after the message that it answers" in shown and "base, instructed, 2 answers" in shown
    test, validation = found.splits["test"], found.splits["validation"]
    names = {"instructed", "instructed_examples"}
    assert names <= test.baselines.keys() and "examples" not in test.baselines
    figures = {"prompt": validation.base} | validation.baselines
    assert test.best == min(figures, key=lambda name: figures[name].nats)
    gains = found.conversation.gains
    assert names < gains.keys() and gains[test.best] == test.over_best and gains["prompt"] == test.gain
    for name, gain in gains.items():
        other = test.base if name == "prompt" else test.baselines[name]
        assert gain.estimate == pytest.approx(other.bits_per_byte - test.tuned.bits_per_byte)


def test_both_models_answer_both_messages_of_every_opening_and_an_evaluation_cut_off_between_them_resumes(
    evaluated, tiny: BaseModel, adapter: Path, template: Template, tmp_path: Path
) -> None:
    room, found = evaluated
    assert len(found.conversation.openings) == 20
    again = shutil.copytree(room, tmp_path / "again")
    files = sorted((again / "run" / "written" / "second-turns").iterdir())
    assert [path.name for path in files] == ["base.jsonl", "tuned.jsonl"]
    for path in files:
        rows = [json.loads(line) for line in path.read_text().splitlines()[1:]]
        assert sorted(row["text"] for row in rows) == sorted(getattr(opening, path.stem)[1] for opening in found.conversation.openings)
        path.write_bytes(path.read_bytes()[:400])
    assert whole(tiny, adapter, template, again, 24) == found


def test_the_exported_file_answers_the_second_message_with_the_first_in_mind(tiny, adapter, template, tmp_path):
    from tweetstyle.export import export
    from tweetstyle.inference.chat import ChatModel
    from tweetstyle.recipe import Export

    greedy = Sampling(num_predict=6, temperature=0.0)
    gguf = export(tiny, None, template, Export(types=("f16",)), greedy, "tiny", tmp_path / "out").gguf["f16"]
    found = whole(tiny, adapter, template, tmp_path, 6, QUICK.model_copy(update={"samples": 2}), sampling=greedy, gguf=gguf)
    assert found.style.source == "gguf"
    speaker = ChatModel(gguf, template, greedy)
    for opening in found.conversation.openings[:3]:
        first, second = opening.messages
        assert opening.tuned[0] == speaker.answer(first).strip()
        assert opening.tuned[1] == speaker.answer(second, history=[(first, opening.tuned[0])]).strip()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_report_shows_the_conversation_and_its_words_are_of_conversation(evaluated, language: str) -> None:
    room, found = evaluated
    page = Page(run_report(RunFiles(room / "run", room, room / "export", "", {}), language))
    assert not page.errors and [a for a in page.all("section") if a["id"] == "conversation"]
    for opening in found.conversation.openings:
        assert all(message in page.text for message in opening.messages)
    assert found.conversation.instruction in page.text
    about = {
        "en": ("About: ", "no topic", "on the topics", "base, shown tweets"),
        "fr": ("Sujet : ", "pas de sujet", "sur les sujets", "base, avec vos tweets"),
    }[language]
    assert not [words for words in about if words in page.text]


def test_three_usable_pairs_are_a_clear_sentence_and_no_figure_that_pretends(tiny, adapter, template, tmp_path):
    found = whole(tiny, adapter, template, tmp_path, 3, QUICK.model_copy(update={"samples": 2}))
    assert found.conversation.relevance is None and all(gain.low is None for gain in found.conversation.gains.values())
    assert str(found.conversation.notes[0]).startswith("3 test tweets are too few")
    assert any("the number of independent days is only 3" in str(warning) for warning in found.warnings)
    page = Page(run_report(RunFiles(tmp_path / "run", tmp_path, tmp_path / "export", "", {}), "en"))
    assert not page.errors and "20%" not in page.text


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_without_a_message_is_one_clear_message(tiny, adapter, template, tmp_path, split):
    files = {}
    for name in ("train", "validation", "test"):
        tweets = answers(8)
        files[name] = write_answers(tmp_path, name, tweets, {} if name == split else {t.id: t.topic for t in tweets})
    with pytest.raises(TweetstyleError, match=rf"{split}\.jsonl: there is no tweet with a message") as caught:
        evaluate(ModelPair(tiny, adapter, "lora", template), files, QUICK, SHORT, tmp_path / "run")
    assert "tweetstyle playback" in str(caught.value) and not (tmp_path / "run").exists()
