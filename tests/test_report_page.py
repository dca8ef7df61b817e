"""A run's report: its verdict, its figures, what is missing, and that nothing in it can act."""

import json
import re
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from string import Formatter

import pytest
from support.html_page import VOID, Page

from tweetstyle.cleaning.archive_rules import REASONS
from tweetstyle.dataset.threads import KINDS
from tweetstyle.evaluate.scoring import Likelihood, SplitResult, warnings
from tweetstyle.playback.checks import REASONS as REJECTED
from tweetstyle.report import RunFiles, State, run_report
from tweetstyle.statistics.intervals import Interval
from tweetstyle.statistics.metrics import best_validation, read_evaluation, take_off
from tweetstyle.verify.checks import GateCheck, within
from tweetstyle.verify.gate import CHECKS, write_parity
from tweetstyle.wording.verdict import answers, trial
from tweetstyle.wording.words import Note, Say, texts

HOSTILE = '<script>document.title="ran"</script><img src=x onerror="document.title=\'ran\'"> " \u202e end'
VOID |= {"circle", "polyline"}
PACKAGE = Path(__file__).parents[1] / "tweetstyle"


def interval(estimate, low, high) -> dict:
    return {"estimate": estimate, "low": low, "high": high, "confidence": 0.95, "clusters": 37}


def likelihood(bits: float) -> dict:
    return {"nats": 100.0, "bits_per_byte": bits, "perplexity": 9.0}


def evaluation(gain=(0.9, 0.8, 1.0), over=(0.34, 0.28, 0.4), excess=(0.0, -0.01, 0.02), text="un tweet") -> dict:
    split = {
        "tweets": 37, "tokens": 1500, "bytes": 4210, "too_long": 0, "base": likelihood(2.723), "tuned": likelihood(1.804),
        "gain": interval(*gain), "baselines": {"examples": likelihood(2.144)}, "best": "examples", "over_best": interval(*over),
        "with_topic": {"base": likelihood(2.594), "tuned": likelihood(1.697)},
    }  # fmt: skip
    distance = {"auc": interval(0.63, 0.5, 0.7), "texts": 50}
    shares = {side: interval(0.4, 0.3, 0.5) for side in ("real", "tuned")}
    habits = [{"kind": "case", "name": "all in lower case", "example": text, "shares": shares},
              {"kind": "length", "name": "at most", "example": "51", "shares": shares}]  # fmt: skip
    style = {
        "samples": 60, "source": "hf", "empty": 0.0, "to": {"floor": distance, "base": None, "tuned": distance},
        "gap_closed": {"tuned": interval(0.62, 0.4, 0.8)}, "habits": habits, "notes": [],
        "diversity": {"tuned": {"distinct_2": 0.91, "lengths": [50.0] * 9, "real_lengths": [62.0] * 9}},
        "copying": {"generated": interval(0.21, 0.1, 0.3), "held_out": interval(0.03, 0.0, 0.1), "excess": interval(*excess),
                    "worst": [{"text": text, "source": text, "span": text[:5], "characters": 57}]},
        "prompt_adherence": {},
    }  # fmt: skip
    sample = {"topic": text, "type": "tweet", "real": text, "base": text, "examples": None, "tuned": text}
    return {"splits": {"test": split}, "shown": 20, "warnings": [], "specificity": None, "style": style, "samples": [sample]}


def curve(*bits: float) -> list[dict]:
    lines = []
    for place, value in enumerate(bits, 1):
        lines += [{"step": 10 * place, "epoch": place / 2, "loss": 3.5, "seconds": 1.0}]
        lines += [{"step": 10 * place, "eval_bits_per_byte": value, "eval_loss": 3.1, "seconds": 1.0}]
    return lines


def files(root: Path, found: dict | None = None, metrics=()) -> RunFiles:
    run = root / "model" / "mine"
    run.mkdir(parents=True)
    if found is not None:
        (run / "evaluation.json").write_text(json.dumps(found))
    if metrics:
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metrics))
    return RunFiles(run, root / "data", root / "export", "language: en", {"torch": "2.14.1"})


def flat(texts: dict, path: str = "") -> dict[str, str]:
    """Key with the keys above it → text."""
    found = {}
    for key, value in texts.items():
        for inner, text in flat(value, f"{path}{key}/").items() if isinstance(value, dict) else [(key, value)]:
            found[inner if isinstance(value, dict) else path + key] = text
    return found


def places(text: str | list) -> list[str]:
    return sorted({name for _, name, _, _ in Formatter().parse(" ".join(text) if isinstance(text, list) else text) if name})


def test_both_languages_have_the_same_texts_with_the_same_places():
    english, french = flat(texts("en")), flat(texts("fr"))
    assert len(english) > 300 and list(english) == list(french)
    assert {key: places(text) for key, text in english.items()} == {key: places(text) for key, text in french.items()}


def test_an_evaluation_of_an_earlier_version_is_read_by_today_s_names(tmp_path):
    now, before = evaluation(), evaluation()
    before["style"]["obedience"] = before["style"].pop("prompt_adherence")
    now["conversation"], before["conversation"] = {"instruction": "Write."}, {"told": "Write."}
    assert read_evaluation(files(tmp_path, before).run) == now and read_evaluation(tmp_path) == {}


def said(evaluation: dict, metrics=(), language: str = "en", **state: bool) -> list[str]:
    """The three answers, each with its figures."""
    return [" ".join(sentences) for sentences in answers(evaluation, metrics, language, **state)]


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({}, "Yes: it writes more like you than the base model prompted with 20 of your tweets."),
        ({"over": (0.0003, 0.0001, 0.0006)}, "Partly: it learned some of your style, but writes no more like you than the base"),
        ({"over": (0.1, -0.1, 0.3)}, "Partly: it learned some of your style, but there are too few tweets to tell whether"),
        ({"over": (-0.2, -0.3, -0.1)}, "Partly: it learned some of your style, but the base model prompted with 20 of your tweets does"),
        ({"gain": (0.0003, 0.0001, 0.0006)}, "No: it learned nothing measurable about your style."),
        ({"gain": (0.1, None, None)}, "Too few tweets to tell whether it learned your style."),
        ({"gain": (-0.5, -0.6, -0.4)}, "No: after training it writes less like you than before."),
    ],
)
def test_the_first_sentence_answers_in_words_and_the_figures_follow(changes, answer):
    for language in ("en", "fr"):
        found, *figures = answers(evaluation(**changes), [], language)[0]
        assert "37 " in next(figure for figure in figures if figure.startswith(Say(language)("details")))
        assert "0" not in found.replace("20 ", "") and (language == "fr" or found.startswith(answer))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "better than the base model prompted with 20 of your tweets; how well it writes, the full run will show."),
        ({"over": (0.0003, 0.0001, 0.0006)}, "but no better than the base model prompted with 20 of your tweets"),
        ({"over": (0.1, -0.1, 0.3)}, "too few to compare it with the base model prompted with 20"),
        ({"over": (-0.2, -0.3, -0.1)}, "but the base model prompted with 20 of your tweets does better still"),
        ({"gain": (0.0003, 0.0001, 0.0006)}, "no better than the untrained model"),
        ({"gain": (0.1, None, None)}, "no gain over the untrained model is certain"),
        ({"gain": (-0.5, -0.6, -0.4)}, "worse than the untrained model: lower the learning rate"),
    ],
)
def test_a_trial_says_in_one_sentence_what_so_few_tweets_show(changes, said):
    found = trial(evaluation(**changes), "en")
    assert found.startswith("On 37 tweets that it never saw, ") and said in found and found.count(".") == 1
    assert "37 tweets" in trial(evaluation(**changes), "fr")


def with_gap(*gap) -> dict:
    found = evaluation()
    found["style"]["gap_closed"]["tuned"] = interval(*gap)
    return found


def talking(by_likelihood=(-0.2, -0.3, -0.1), tuned=(0.4, 0.3, 0.5), by_words=None) -> dict:
    talk = conversation(by_likelihood, tuned) if by_likelihood else conversation() | {"relevance": None}
    found = evaluation() | {"conversation": talk}
    if by_words:
        shares = {"base": interval(0.62, 0.4, 0.8), "tuned": interval(0.29, 0.1, 0.5), "difference": interval(*by_words)}
        found["style"]["prompt_adherence"] = {"key words": shares | {"chance": 0.1}}
    return found


def conversation(difference=(-0.2, -0.3, -0.1), tuned=(0.4, 0.3, 0.5), text="un tweet") -> dict:
    shares = {"base": interval(0.6, 0.5, 0.7), "tuned": interval(*tuned), "difference": interval(*difference)}
    opening = {"language": "fr", "messages": [text, text], "base": [text, text], "tuned": [text, text]}
    heard, own = shares | {"tweets": 37, "chance": 0.2}, interval(0.33, 0.2, 0.5)
    gains = {"instructed_examples": interval(0.3, 0.2, 0.4)}
    return {"instruction": text, "gains": gains, "relevance": heard, "own_words": own, "openings": [opening], "notes": [text]}


WIDE, NOT_SHOWN, WORDS, LIKELIHOOD = "of the way", "not shown that", "By recurring words, it", "By likelihood, it"


@pytest.mark.parametrize(
    ("found", "answer", "there", "not_there"),
    [
        (with_gap(0.62, 0.4, 0.8), 0, ["has gone 62% (95% interval: 40% to 80%) of the way from"], ["message"]),
        (with_gap(0.01, -0.03, 0.05), 0, ["is no closer to yours"], []),
        (with_gap(0.2, -0.3, 0.6), 0, ["60 written tweets are too few to tell"], []),
        (with_gap(-0.3, -0.5, -0.1), 0, ["is further from yours"], []),
        (with_gap(1.11, 0.82, 1.28), 0, ["has gone about all of the way from the untrained model to you (at least 82%)"], ["111%"]),
        (with_gap(1.11, 0.56, 2.23), 0, ["is closer to yours than the untrained model's; 60 written tweets are too few"], [WIDE]),
        (with_gap(0.5, -0.56, 2.23), 0, [], [WIDE]),
        (with_gap(0.5, None, None), 0, [], [WIDE]),
        (talking(), 0, ["answers to messages less well", "after the message"], [NOT_SHOWN, WORDS]),
        (talking((0.1, 0.05, 0.2)), 0, ["answers to messages better"], [NOT_SHOWN]),
        (talking((0.01, -0.03, 0.05)), 0, ["it lost no sense"], [NOT_SHOWN]),
        (talking((0.1, -0.05, 0.2)), 0, ["too few tweets to tell whether it matches"], [NOT_SHOWN]),
        (talking(tuned=(0.25, 0.1, 0.4)), 0, ["It is not shown that it takes"], []),
        (talking(by_words=(-0.32, -0.53, -0.06)), 0, [f"{WORDS} lost sense", f"{LIKELIHOOD} lost sense"], ["gained sense"]),
        (talking(None, by_words=(-0.32, -0.53, -0.06)), 0, [f"{WORDS} lost sense"], [LIKELIHOOD]),
        (talking((0.13, -0.07, 0.34), by_words=(0.3, 0.1, 0.5)), 0, [f"{WORDS} gained sense"], [LIKELIHOOD]),
        (talking(None, by_words=(-0.1, None, None)), 0, [], ["lost sense", "gained sense"]),
        (evaluation(excess=(0.0, -0.01, 0.02)), 1, ["It writes new tweets"], []),
        (evaluation(excess=(0.18, 0.08, 0.28)), 1, ["It recites your old tweets"], []),
        (evaluation(excess=(0.03, 0.01, 0.06)), 1, ["Too early to tell."], []),
    ],
)
def test_each_answer_follows_its_interval(found, answer, there, not_there):
    shown = said(found)[answer]
    assert all(words in shown for words in there) and not any(words in shown for words in not_there), shown


@pytest.mark.parametrize(
    ("bits", "answer"),
    [
        ((2.0, 1.8, 2.2), "went on too long. The best validation was at step 20 (epoch 1.00)"),
        ((2.0, 1.9, 1.8), "Training could go on. The last validation, at step 30 (epoch 1.50), was still the best"),
        ((2.0, 1.8, 1.805), "could have stopped earlier"),
        ((2.8, 2.9, 3.0), "never made it measurably better on the validation tweets. The untrained model has 2.700"),
        ((2.0,), "Too few validations to tell. There are 1"),
    ],
)
def test_when_to_stop_follows_the_validation_curve(bits, answer):
    """The validation before the first step is of the untrained model, and no state of the training."""
    lines = [untrained(2.7), *curve(*bits)]
    assert answer in said({}, lines)[2] and best_validation(lines)["step"] > 0
    so_far = said({}, lines, unfinished=True)[2]
    assert answer not in so_far and ("so far is step" in so_far) is (bits[0] < 2.7)


def untrained(bits: float) -> dict:
    return {"step": 0, "eval_bits_per_byte": bits, "eval_loss": 3.1, "seconds": 1.0}


def test_a_training_that_was_stopped_as_worse_than_untrained_kept_nothing(tmp_path):
    """As at learning_rate 1."""
    of = files(tmp_path, metrics=[untrained(2.723), *curve(2.9, 19.35)])
    error = "the training makes the model worse; write a smaller rate"
    for state in (State("fit", datetime(2026, 11, 29, 21, 3), error=error), None):
        page = run_report(of, "en", state)
        text = Page(page).text
        assert text.count("it made the model worse than the untrained one") == 1 and "19.350" in text
        assert text.count("the next run then starts from the base model") == (2 if state else 1)
        assert "has not yet made the model better" not in text and 'class="chosen"' not in page
        assert not [words for words in ("Checkpoint kept", "kept: ", "that was kept", "What was finished is kept") if words in text]


def test_a_training_in_progress_that_is_a_little_worse_keeps_nothing_yet_and_may_continue(tmp_path):
    of = files(tmp_path, metrics=[untrained(2.7), *curve(2.75)])
    text = Page(run_report(of, "en", State("fit", datetime(2026, 11, 29, 21, 3), training=True))).text
    assert "has not yet made the model better" in text and "Checkpoint kept" not in text and "Nothing was kept" not in text


def test_copying_takes_off_where_it_rises_and_stays():
    shares = [0.0, 0.5, 0.0, 0.25, 0.5]
    rows = [{"step": step, "epoch": step / 2, "copied_share": share} for step, share in enumerate(shares, 1)]
    assert take_off(rows)["step"] == 4
    assert take_off(rows[:3]) is None
    assert take_off(rows[:4]) is None, "one tweet of four, once"
    assert take_off(rows[:2])["step"] == 2, "half of them at once is no chance"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_run_with_nothing_yet_has_a_page_that_says_so(tmp_path, language):
    page = Page(run_report(files(tmp_path), language))
    assert not page.errors
    for name in ("evaluation.json", "metrics.jsonl", "fit.json", "train_output.json", "parity.json", "manifest.json"):
        assert " ".join(Say(language)("missing", file=name).split()) in page.text


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_figures_of_the_page_are_those_of_the_files(tmp_path, language):
    page = Page(run_report(files(tmp_path, evaluation(), curve(2.0, 1.75)), language))
    assert not page.errors
    for figure in ("2.723", "1.804", "2.144", "2.594", "1.697", "0.34", "0.63", "0.91"):
        assert (figure.replace(".", ",") if language == "fr" else figure) in page.text
    assert {"62%", "21%", "3.0%"} <= set(re.findall(r"[\d.]+%", page.text.replace(",", ".").replace(" %", "%")))


def test_a_hostile_tweet_is_text_wherever_it_occurs(tmp_path):
    metrics = [*curve(2.0, 1.9), {"step": 20, "samples": [{"prompt": "la neige", "text": HOSTILE}], "copied_share": 0.25, "seconds": 3.0}]
    found = evaluation(text=HOSTILE)
    pages = [Page(run_report(files(tmp_path / "tweets", found, metrics), "en"))]
    found |= {"conversation": conversation(text=HOSTILE)}
    found["style"]["prompt_adherence"] = {
        "key words": {k: interval(0.11, 0.05, 0.2) for k in ("base", "tuned", "difference")} | {"chance": 0.07}
    }
    pages.append(Page(run_report(files(tmp_path / "talk", found, metrics), "en")))
    for page, talks in zip(pages, (False, True), strict=True):
        assert not page.errors and not page.all("script") + page.all("img")
        assert "\u202e" not in page.text and page.text.count("‹U+202E›") >= (12 if talks else 5)
        assert [meta for meta in page.all("meta") if meta.get("content", "").startswith("default-src 'none'")]
        assert "Step 20, epoch 1.00: 25% of them copy" in page.text and "la neige" in page.text
        assert ("conversation" in [section["id"] for section in page.all("section")]) is talks is ("7.0%" in page.text)
    assert "the base model instructed to write like you and shown 20 of your answers" in pages[1].text and "33%" in pages[1].text


def test_what_evaluate_notes_is_said_in_the_readers_language(tmp_path):
    """Made by evaluate itself, and read back from the file as the report reads it; a sentence or a name that is unknown stays."""
    one, gain = Likelihood(1.0, 1.0, 2.0), Interval(0.5, None, None, 0.95, 1)
    few = SplitResult(40, 9, 9, 3, one, one, gain, {}, "raw", gain, None)
    noted = warnings({"test": few, "validation": replace(few, too_long=0, gain=Interval(0.5, 0.4, 0.6, 0.95, 12))})
    assert [note.code for note in noted] == ["few_days", "too_long", "narrow"]
    gains = dict.fromkeys(("author", "others", "difference"), interval(0.5, 0.4, 0.6))
    special = gains | {"tweets": 80, "source": asdict(Note("others_other_times", {"file": "b.csv"}))}
    found = evaluation() | {"warnings": [*map(asdict, noted), "a sentence of an <earlier> version"], "specificity": special}
    found["splits"]["test"]["baselines"] |= {"raw": likelihood(2.8), "base, as it was called": likelihood(2.9)}
    french, english = (run_report(files(tmp_path / language, found), language) for language in ("fr", "en"))
    assert "le modèle de base sur le texte brut" in french and "at most 51 characters" in english
    assert "test: 3 tweets too long for the model" in english and "(test\u00a0: " not in english
    assert "(b.csv, of other or unknown times)" in english and "(b.csv, d’autres périodes, ou sans date)" in french
    assert all("<bdi>a sentence of an &lt;earlier&gt; version</bdi>" in page for page in (french, english))
    assert "base, as it was called" in english


def test_the_gate_is_said_in_the_readers_language(tmp_path):
    of = files(tmp_path)
    of.export.mkdir()
    checks = [GateCheck("tokens", type, True, {}) for type in ("f16", "q4_k_m")]
    checks += [within("training", "q8_0", {"lost at most": value}, {"lost at most": 0.25}) for value in (0.5, float("nan"))]
    checks += [GateCheck(name, "f16", None, {}) for name in ("tokens in Ollama", "stop")]
    write_parity(checks, of.export, "mine")
    french = Page(run_report(of, "fr")).text
    assert "f16 et q4_k_m : conforme au modèle entraîné dans chaque contrôle fait. q8_0 : refusé." in french
    assert "Non faits : tokens dans Ollama et arrêt." in french
    assert "perdus au plus : 0,5, au-dessus de 0,25" in french and "perdus au plus : nan, au-dessus de 0,25" in french


def test_every_note_reason_and_check_has_its_text():
    codes = set()
    for path in PACKAGE.rglob("*.py"):
        codes |= set(re.findall(r"""Note\(\s*"(\w+)\"""", path.read_text(encoding="utf-8")))
    codes |= {f"gate_{key}" for key in ("passed", "endless", "rejected", "unmade")} | {"and"}
    assert codes - set(texts("en")["notes"]) == set()
    assert set(texts("fr")["reasons"]) == set(REASONS) and set(texts("fr")["checks"]) == set(CHECKS) == set(texts("fr")["meanings"])
    assert set(texts("en")["rejected"]) == set(REJECTED) and all(f"d_{kind}" in Say("en").keys for kind in KINDS)
    assert Say("fr").named("checks", "stop") == "arrêt" and Say("fr").named("checks", "something new") == "something new"


@pytest.mark.parametrize(("language", "warmup"), [("en", "8 of them warm-up:"), ("fr", "8 de préchauffage")])
def test_the_plan_is_shown_beside_what_happened_with_what_was_adapted(tmp_path, language, warmup):
    of = files(tmp_path)
    before = {"tweets": 100, "packs": 3, "steps_per_epoch": 1, "steps": 2, "warmup": 1}
    used = {"tweets": 100, "packs": 50, "steps_per_epoch": 50, "steps": 150, "warmup": 8}
    changes = {"num_train_epochs": [2.0, 3], "max_length": [2048, 128], "warmup_steps": [None, 8]}
    facts = {
        "steps": 120, "epochs": 2.4, "seconds": 125.0, "memory_bytes": 3 * 2**30, "tokens": 9000, "plan": {"steps": 150, "seconds": 60.0},
        "schedule": {"asked": before, "used": used, "changes": changes},
    }  # fmt: skip
    (of.run / "fit.json").write_text(json.dumps({"facts": facts, "settings": {"training": {"num_train_epochs": 2.0, "max_steps": -1}}}))
    page = Page(run_report(of, language))
    cells = [data.strip().replace(",", ".").replace("\u202f", " ") for path, data in page.texts if "td" in path and data.strip()]
    assert cells[1:3] == ["150", "120"] and cells[4:6] == ["3", "2.4"] and cells[7:9] == ["1 min 0 s", "2 min 5 s"]
    assert "3.0 " + {"en": "GiB", "fr": "Gio"}[language] in cells and warmup in page.text
    assert "num_train_epochs 2 → 3, max_length 2048 → 128, warmup_steps – → 8." in page.text


PLAYED = {
    "settings": {"split": "mini-train"},
    "outputs": {"messages-train.jsonl": "d1", "messages-test.jsonl": "d2"},
    "facts": {
        "model": "my model.gguf a52423",
        "splits": {
            "train": {"asked": 1200, "usable": 1113, "kinds": {"question": 601, "remark": 302, "request": 210},
                      "rejected": {"too long": 53, "near-duplicate": 41}, "given_up": 87, "unknown_parent": 26, "left_out": 440},
            "test": {"asked": 36, "usable": 14, "kinds": {"question": 5, "remark": 6, "request": 3},
                     "rejected": {"refusal": 31}, "given_up": 22, "unknown_parent": 1, "left_out": 0},
        },
    },
}  # fmt: skip


def run_of_messages(root: Path, message: str = "playback", trained_on: str | None = "d1") -> RunFiles:
    """trained_on: digest of the messages; None: the run is not trained yet, and the prepared tweets alone say what it is."""
    of, prompt = files(root), {"prompt": {"message": message}}
    of.processed.mkdir()
    facts = {"read": 1700, "kept": 1666, "dropped": {"retweet": 34}, "first_day": "", "splits": {"train": 1666, "test": 37}}
    (of.processed / "manifest.json").write_text(json.dumps({"facts": facts, "settings": prompt}))
    (of.processed / "playback.json").write_text(json.dumps(PLAYED))
    if trained_on:
        talked = {"conversations": {"turns": 1109, "conversations": 1107}} if message == "playback" else {}
        inputs = {"data/messages-train.jsonl": trained_on} if message == "playback" else {}
        (of.run / "fit.json").write_text(json.dumps({"facts": talked, "settings": prompt, "inputs": inputs}))
    return of


ROWS = {
    "replies to unknown tweets: none requested": ["26", "1"], "beyond the sample: none requested": ["440", "0"],
    "a message was requested": ["1,200", "36"], "with a message": ["1,113", "14"], "– a question": ["601", "5"],
    "without a message: every attempt was rejected": ["87", "22"], "too long": ["53", "0"], "a refusal": ["0", "31"],
}  # fmt: skip


def test_which_of_the_kept_tweets_have_a_message_and_why_others_have_none_is_shown(tmp_path):
    page = Page(run_report(run_of_messages(tmp_path), "en"))
    cells = [data for path, data in page.texts if "td" in path and data.strip()]
    assert not page.errors and {name: cells[cells.index(name) + 1 :][:2] for name in ROWS} == ROWS
    assert "1,109 tweets, in 1,107 conversations" in page.text and "written by my model.gguf." in page.text
    headings = [data for path, data in page.texts if "th" in path]
    assert headings[headings.index("Kept tweets") :][:3] == ["Kept tweets", "mini-train", "test"]


BEGUN = ("Begun with: un tweet", "first words in the prompt, which it repeats", "does not hold the tweet's first words",
         "begun with the first words of your own", "Does it continue the words in the prompt?")  # fmt: skip


def test_a_prompt_that_holds_first_words_is_called_that(tmp_path):
    """As the run was trained, and before that as its tweets were prepared."""
    found = evaluation()
    shares = {side: interval(0.2, 0.1, 0.3) for side in ("base", "tuned", "difference")}
    found["style"]["prompt_adherence"] = {"key words": shares | {"chance": 0.05}}
    for trained, message in (("d1", "first-words"), (None, "first-words"), ("d1", "topic")):
        of = run_of_messages(tmp_path / f"{trained}-{message}", message=message, trained_on=trained)
        (of.run / "evaluation.json").write_text(json.dumps(found))
        text = Page(run_report(of, "en")).text
        measured = text[text.index(Say("en")("h_likelihood")) :]
        begins = message == "first-words"
        assert [part in measured for part in BEGUN] == [begins] * len(BEGUN)
        assert bool(re.search(r"\btopic|\bAbout:", measured)) != begins
