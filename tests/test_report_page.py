"""A run's report: its verdict, its figures, what is missing, and that nothing in it can act."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from string import Formatter

import pytest
from support.html_page import VOID, Page

from tweetstyle.evaluate.baselines import NEUTRAL, OTHER_TIMES
from tweetstyle.report import RunFiles, State, run_report
from tweetstyle.statistics.metrics import best_validation, take_off
from tweetstyle.wording.verdict import answers, verdict
from tweetstyle.wording.words import Say, texts

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
        "gain": interval(*gain), "baselines": {"base, shown 20 of your tweets": likelihood(2.144)},
        "best": "base, shown 20 of your tweets", "over_best": interval(*over),
        "with_topic": {"base": likelihood(2.594), "tuned": likelihood(1.697)},
    }  # fmt: skip
    distance = {"auc": interval(0.63, 0.5, 0.7), "texts": 50}
    habit = {
        "kind": "case",
        "name": "all in lower case",
        "example": text,
        "shares": {s: interval(0.4, 0.3, 0.5) for s in ("real", "tuned")},
    }
    style = {
        "samples": 60, "source": "hf", "empty": 0.0, "to": {"floor": distance, "base": None, "tuned": distance},
        "gap_closed": {"tuned": interval(0.62, 0.4, 0.8)}, "habits": [habit], "notes": [],
        "diversity": {"tuned": {"distinct_2": 0.91, "lengths": [50.0] * 9, "real_lengths": [62.0] * 9}},
        "copying": {"generated": interval(0.21, 0.1, 0.3), "held_out": interval(0.03, 0.0, 0.1), "excess": interval(*excess),
                    "worst": [{"text": text, "source": text, "span": text[:5], "characters": 57}]},
        "obedience": {},
    }  # fmt: skip
    sample = {"topic": text, "type": "tweet", "real": text, "base": text, "examples": None, "tuned": text}
    return {"splits": {"test": split}, "warnings": [], "specificity": None, "style": style, "samples": [sample]}


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


def test_every_text_is_used():
    """By its key in code or a template, whole or as the end that an expression begins, such as f"d_{kind}"."""
    sources = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*") if path.suffix in {".py", ".js", ".j2"})
    begun = tuple(re.findall(r"""f"([a-z]+_(?:[a-z]+_)?)\{""", sources) + re.findall(r"""['"]([a-z]+_(?:[a-z]+_)?)['"] ~""", sources))
    unused = [
        key
        for key in (re.sub("_(talk|begin)$", "", key) for key in texts("en")["words"])
        if not key.startswith(begun) and not re.search(rf"""['"]{re.escape(key)}['"]""", sources)
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("changes", "en", "fr"),
    [
        (
            {},
            "Yes: it writes more like you than the base model shown 20 of your tweets.",
            "Oui : il écrit plus comme vous que le modèle de base à qui l’on montre 20 de vos tweets.",
        ),
        (
            {"over": (0.0003, 0.0001, 0.0006)},
            "It learned some of your style, but writes no more like you than the base model shown 20 of your tweets.",
            "Il a appris une part de votre style, mais n’écrit pas plus comme vous que le modèle de base à qui l’on montre 20 de vos "
            "tweets.",
        ),
        (
            {"over": (0.1, -0.1, 0.3)},
            "It learned some of your style; there are too few tweets to tell whether it writes more like you than the base model shown 20 "
            "of your tweets.",
            "Il a appris une part de votre style ; il y a trop peu de tweets pour dire s’il écrit plus comme vous que le modèle de base à "
            "qui l’on montre 20 de vos tweets.",
        ),
        (
            {"over": (-0.2, -0.3, -0.1)},
            "It learned some of your style, but the base model shown 20 of your tweets does better.",
            "Il a appris une part de votre style, mais le modèle de base à qui l’on montre 20 de vos tweets fait mieux.",
        ),
        (
            {"gain": (0.0003, 0.0001, 0.0006)},
            "It learned nothing measurable about your style.",
            "Il n’a rien appris de mesurable de votre style.",
        ),
        (
            {"gain": (0.1, None, None)},
            "There are too few tweets to tell whether it learned your style.",
            "Il y a trop peu de tweets pour dire s’il a appris votre style.",
        ),
        (
            {"gain": (-0.5, -0.6, -0.4)},
            "No: it writes less like you than the untrained model, so training did harm.",
            "Non : il écrit moins comme vous que le modèle non entraîné ; l’entraînement a donc nui.",
        ),
    ],
)
def test_the_first_sentence_answers_in_words_and_the_figures_follow(changes, en, fr):
    for language, expected in (("en", en), ("fr", fr)):
        answer, *figures = answers(evaluation(**changes), [], language)[0]
        assert answer == expected
        assert "37 " in figures[0] and "0" not in answer.replace("20 ", "")
        assert verdict(evaluation(**changes), [], language)[0] == " ".join([answer, *figures])


@pytest.mark.parametrize(
    ("gap", "en", "fr"),
    [
        ((0.62, 0.4, 0.8), "are 62% (95% interval: 40% to 80%) of the way from", "à 62\u202f% (intervalle à 95\u202f%"),
        ((0.01, -0.03, 0.05), "are no closer to yours", "ne sont pas plus proches"),
        ((0.2, -0.3, 0.6), "60 written tweets are too few to tell", "60 tweets écrits sont trop peu"),
        ((-0.3, -0.5, -0.1), "are further from yours", "sont plus loin des vôtres"),
    ],
)
def test_how_far_its_own_tweets_have_come_follows_the_interval(gap, en, fr):
    found = evaluation()
    found["style"]["gap_closed"]["tuned"] = interval(*gap)
    for language, expected in (("en", en), ("fr", fr)):
        assert expected in verdict(found, [], language)[0]


def conversation(difference=(-0.2, -0.3, -0.1), tuned=(0.4, 0.3, 0.5), text="un tweet") -> dict:
    shares = {"base": interval(0.6, 0.5, 0.7), "tuned": interval(*tuned), "difference": interval(*difference)}
    opening = {"language": "fr", "messages": [text, text], "base": [text, text], "tuned": [text, text]}
    heard = shares | {"tweets": 37, "chance": 0.2}
    gains = {"base, told and shown 12 of your answers": interval(0.3, 0.2, 0.4)}
    own = interval(0.33, 0.2, 0.5)
    return {"told": text, "shown": 12, "gains": gains, "relevance": heard, "own_words": own, "openings": [opening], "notes": [text]}


@pytest.mark.parametrize(
    ("changes", "en", "fr"),
    [
        ({}, "answers to messages less well", "moins bien que le modèle non entraîné"),
        ({"difference": (0.1, 0.05, 0.2)}, "answers to messages better", "aux messages mieux que le modèle"),
        ({"difference": (0.01, -0.03, 0.05)}, "no sense was lost", "aucun sens ne s’est perdu"),
        ({"difference": (0.1, -0.05, 0.2)}, "too few tweets to tell whether it matches", "trop peu de tweets pour dire s’il associe"),
        ({"tuned": (0.25, 0.1, 0.4)}, "at all is not shown", "Qu’il tienne compte du message n’est pas démontré"),
    ],
)
def test_whether_sense_was_lost_follows_the_interval_of_the_difference(changes, en, fr):
    found = evaluation() | {"conversation": conversation(**changes)}
    for language, expected, given in (("en", en, "after the message"), ("fr", fr, "après le message")):
        said = verdict(found, [], language)[0]
        assert expected in said and given in said
        assert ("not shown" in said or "pas démontré" in said) is ("tuned" in changes)
    assert "message" not in verdict(evaluation(), [], "en")[0]


@pytest.mark.parametrize(
    ("by_words", "by_likelihood", "lost", "gained"),
    [
        ((-0.32, -0.53, -0.06), (0.13, -0.07, 0.34), ["by the words that recur"], []),
        ((-0.1, -0.3, 0.1), (-0.2, -0.3, -0.1), ["By likelihood"], []),
        ((-0.32, -0.53, -0.06), (-0.2, -0.3, -0.1), ["by the words that recur", "By likelihood"], []),
        ((-0.32, -0.53, -0.06), None, ["by the words that recur"], []),
        ((0.3, 0.1, 0.5), (0.13, -0.07, 0.34), [], ["by the words that recur"]),
        ((-0.1, None, None), None, [], []),
    ],
)
def test_sense_that_either_measure_shows_to_be_lost_is_told_with_the_measures_name(by_words, by_likelihood, lost, gained):
    talk = conversation(by_likelihood) if by_likelihood else conversation() | {"relevance": None}
    found = evaluation() | {"conversation": talk}
    shares = {"base": interval(0.62, 0.4, 0.8), "tuned": interval(0.29, 0.1, 0.5), "difference": interval(*by_words)}
    found["style"]["obedience"] = {"key words": shares | {"chance": 0.1}}
    said = verdict(found, [], "en")[0].split(". ")
    for measures, word in ((lost, "lost"), (gained, "gained")):
        naming = [sentence for sentence in said if f"ense was {word}" in sentence]
        assert len(naming) == len(measures) and all(m in s for m, s in zip(measures, naming, strict=True))
    assert ("62%" in " ".join(said) and "−32%" in " ".join(said)) is ("by the words that recur" in lost)
    assert ("sens s’est perdu" in verdict(found, [], "fr")[0]) is bool(lost)


def test_a_hostile_opening_is_text_in_the_section_that_only_a_conversation_has(tmp_path):
    found = evaluation() | {"conversation": conversation(text=HOSTILE)}
    found["style"]["obedience"] = {"key words": {k: interval(0.11, 0.05, 0.2) for k in ("base", "tuned", "difference")} | {"chance": 0.07}}
    page = Page(run_report(files(tmp_path, found), "en"))
    assert not page.errors and not page.all("script") + page.all("img") and "\u202e" not in page.text
    assert page.text.count("‹U+202E›") >= 7
    assert (
        "the base model instructed to write like you and shown 12 of your answers" in page.text
        and "33%" in page.text
        and "7.0%" in page.text
    )
    without = Page(run_report(files(tmp_path / "tweets", evaluation()), "en"))
    assert "conversation" in [a["id"] for a in page.all("section")] and "conversation" not in [a["id"] for a in without.all("section")]


@pytest.mark.parametrize(
    ("excess", "en", "fr"),
    [
        ((0.0, -0.01, 0.02), "It writes new tweets", "Il écrit de nouveaux tweets"),
        ((0.18, 0.08, 0.28), "It recites your old tweets", "Il récite vos anciens tweets"),
        ((0.03, 0.01, 0.06), "There are too few written tweets to tell.", "Il y a trop peu de tweets écrits pour le dire."),
    ],
)
def test_whether_it_recites_follows_the_interval_of_the_excess(excess, en, fr):
    for language, expected in (("en", en), ("fr", fr)):
        assert expected in verdict(evaluation(excess=excess), [], language)[1]


@pytest.mark.parametrize(
    ("bits", "en", "fr"),
    [
        (
            (2.0, 1.8, 2.2),
            "went on too long. Validation was best at step 20, epoch 1.00",
            "trop longtemps. La meilleure validation est celle du pas 20, époque 1,00",
        ),
        ((2.0, 1.9, 1.8), "did not stop too late", "ne s’est pas arrêté trop tard"),
        ((2.0, 1.8, 1.805), "could have stopped earlier", "pouvait s’arrêter plus tôt"),
        ((2.0, 1.9995, 1.999), "changed nothing measurable", "n’a rien changé de mesurable"),
        ((2.0,), "too few validations to tell. There are 1", "trop peu de validations pour le dire. Il y en a 1"),
    ],
)
def test_when_to_stop_follows_the_validation_curve(bits, en, fr):
    for language, expected in (("en", en), ("fr", fr)):
        assert expected in verdict({}, curve(*bits), language)[2]
        so_far = verdict({}, curve(*bits), language, unfinished=True)[2]
        assert expected not in so_far and ("so far is step" in so_far or "jusqu’ici est celui du pas" in so_far)


@pytest.mark.parametrize(
    ("untrained", "bits", "said"),
    [
        (2.7, (2.0, 1.9, 1.8), "did not stop too late. The last validation, at step 30, epoch 1.50,"),
        (2.7, (2.0, 1.8, 2.2), "went on too long. Validation was best at step 20"),
        (2.7, (2.8, 2.9, 3.0), "never made it measurably better on the validation tweets. The untrained model has 2.700"),
    ],
)
def test_the_validation_before_the_first_step_is_no_state_of_the_training(untrained, bits, said):
    """A line of step 0 is of the untrained model, whether or not a run has one."""
    lines = [{"step": 0, "eval_bits_per_byte": untrained, "eval_loss": 4.0, "seconds": 1.0}, *curve(*bits)]
    assert said in verdict({}, lines, "en")[2]
    assert best_validation(lines)["step"] > 0


def untrained(bits: float) -> dict:
    return {"step": 0, "eval_bits_per_byte": bits, "eval_loss": 3.1, "seconds": 1.0}


KEPT = ("Checkpoint kept", "kept: ", "that was kept", "What was finished is kept", "The best so far")
GARDE = ("contrôle gardé", "gardé : ", "Ce qui était achevé", "Le meilleur état")


@pytest.mark.parametrize(
    ("language", "said", "next_run", "never"),
    [
        ("en", "it made the model worse than the untrained one", "the next run then starts from the base model", KEPT),
        ("fr", "il rendait le modèle moins bon que le modèle non entraîné", "l’exécution suivante repart alors du modèle de base", GARDE),
    ],
)
def test_a_training_that_was_stopped_as_worse_than_untrained_kept_nothing(tmp_path, language, said, next_run, never):
    """As at learning_rate 1."""
    of = files(tmp_path, metrics=[untrained(2.723), *curve(2.9, 19.35)])
    error = "the training makes the model worse; the next run begins from the base model"
    for state in (State("fit", datetime(2026, 11, 29, 21, 3), error=error), None):
        page = run_report(of, language, state)
        text = Page(page).text
        assert text.count(said) == 1 and text.count(next_run) == (2 if state else 1) and "19.350" in text.replace(",", ".")
        assert Say(language)("v_stop_not_better_yet") not in text and 'class="chosen"' not in page
        assert [words for words in never if words in text] == []


def test_a_training_at_work_or_interrupted_that_is_a_little_worse_keeps_nothing_yet_and_may_go_on(tmp_path):
    at = datetime(2026, 11, 29, 21, 3)
    of = files(tmp_path, metrics=[untrained(2.7), *curve(2.75)])
    for state in (State("fit", at, training=True), State("fit", at, error="Ctrl-C")):
        text = Page(run_report(of, "en", state)).text
        assert "has not yet made the model better" in text and "Checkpoint kept" not in text and "Nothing was kept" not in text
    assert "What was finished is kept" in text
    (of.run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [untrained(2.7), *curve(19.35)]))
    again = Page(run_report(of, "en", State("fit", at, training=True))).text
    assert "Training was stopped" not in again, "the same command trains again from the beginning"


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
        assert Say(language)("missing", file=name) in page.text


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_figures_of_the_page_are_those_of_the_files(tmp_path, language):
    page = Page(run_report(files(tmp_path, evaluation(), curve(2.0, 1.75)), language))
    assert not page.errors
    for figure in ("2.723", "1.804", "2.144", "2.594", "1.697", "0.34", "0.63", "0.91"):
        assert (figure.replace(".", ",") if language == "fr" else figure) in page.text
    assert {"62%", "21%", "3.0%"} <= set(re.findall(r"[\d.]+%", page.text.replace(",", ".").replace(" %", "%")))


def test_a_curve_says_in_words_what_it_does(tmp_path):
    page = Page(run_report(files(tmp_path, metrics=curve(2.0, 1.75, 1.9)), "en"))
    said = [svg["aria-label"] for svg in page.all("svg") if svg.get("role") == "img"]
    assert "Validation (bits per byte): from 2 at step 10 to 1.9 at step 30; lowest 1.75 at step 20, highest 2 at step 10." in said


def test_a_hostile_tweet_is_text_wherever_it_stands(tmp_path):
    page = Page(run_report(files(tmp_path, evaluation(text=HOSTILE)), "en"))
    assert not page.errors
    assert not page.all("script") + page.all("img")
    assert "\u202e" not in page.text
    assert "‹U+202E›" in page.text
    assert [meta for meta in page.all("meta") if meta.get("content", "").startswith("default-src 'none'")]


def test_what_it_wrote_while_it_learned_stands_with_step_epoch_and_copying(tmp_path):
    metrics = [*curve(2.0, 1.9), {"step": 20, "samples": [{"prompt": "la neige", "text": HOSTILE}], "copied_share": 0.25, "seconds": 3.0}]
    page = Page(run_report(files(tmp_path, metrics=metrics), "en"))
    assert "Step 20, epoch 1.00: 25% of them copy" in page.text and "la neige" in page.text
    assert not page.errors and not page.all("script") and "onerror" in page.text


def test_what_evaluate_notes_is_said_in_the_readers_language(tmp_path):
    """Made by evaluate itself, and read back from the file as the report reads it."""
    from dataclasses import asdict, replace

    from tweetstyle.evaluate.scoring import Likelihood, SplitResult, warnings
    from tweetstyle.statistics.intervals import Interval

    def gain(low, high, clusters=40):
        return Interval(0.5, low, high, 0.95, clusters)

    one = Likelihood(1.0, 1.0, 2.0)
    good = SplitResult(40, 9, 9, 0, one, one, gain(0.4, 0.6), {}, "base, raw text", gain(-0.6, -0.4), None)
    splits = {
        "test": good, "b": replace(good, gain=gain(-2, -1)), "c": replace(good, gain=gain(-1, 1)),
        "d": replace(good, gain=gain(None, None, 1)), "g": replace(good, gain=Interval(0.0, -0.001, 0.001, 0.95, 40)),
        "e": replace(good, gain=gain(0.4, 0.6, 12)), "f": replace(good, too_long=3),
    }  # fmt: skip
    noted = warnings(splits, curve(1.0, 1.5))
    assert {note.code for note in noted} == {
        "below_best", "worse", "unknown", "few_days", "no_better", "narrow", "too_long", "overfitting"
    }  # fmt: skip
    found = evaluation() | {"warnings": [*map(asdict, noted), "a sentence of an <earlier> version"]}
    french, english = (run_report(files(tmp_path / language, found), language) for language in ("fr", "en"))
    assert (
        "test : le modèle de base sur le texte brut prédit les nouveaux tweets mieux que le modèle entraîné : l’entraînement ne vaut pas "
        "encore sa peine." in french
    )
    assert "la validation est passée de 1 à 1,5 bits par octet au pas 20" in french and "from 1 up to 1.5 bits" in english
    assert all("<bdi>a sentence of an &lt;earlier&gt; version</bdi>" in page for page in (french, english))


def test_the_gate_is_said_in_the_readers_language_and_an_earlier_gate_as_it_was_written(tmp_path):
    from tweetstyle.verify.checks import GateCheck, within
    from tweetstyle.verify.gate import write_parity

    of = files(tmp_path)
    of.export.mkdir()
    checks = [GateCheck("tokens", type, True, {}) for type in ("f16", "q4_k_m")]
    checks += [within("training", "q8_0", {"lost at most": value}, {"lost at most": 0.25}) for value in (0.5, float("nan"))]
    checks += [GateCheck(name, "f16", None, {}) for name in ("tokens in Ollama", "stop")]
    write_parity(checks, of.export, "mine")
    french = Page(run_report(of, "fr"))
    assert (
        "f16 et q4_k_m : conforme au modèle entraîné dans chaque contrôle fait. q8_0 : refusé. "
        "Pas faits : jetons dans Ollama et arrêt." in french.text
    )
    assert "lost at most : 0,5, au-dessus de 0,25" in french.text and "lost at most : nan, au-dessus de 0,25" in french.text
    old = {"name": "tokens", "type": "f16", "passed": False, "figures": {}, "limits": {}, "why": "2 of 9 strings differ"}
    (of.export / "parity.json").write_text(json.dumps({"verdict": "f16: rejected.", "checks": [old]}))
    shown = run_report(of, "fr")
    assert "<bdi>f16: rejected.</bdi>" in shown and "<bdi>2 of 9 strings differ</bdi>" in shown


def test_every_note_in_the_code_has_its_text():
    """And its values are those that the text has places for, as far as they are written out where it is made."""
    codes = set()
    for path in PACKAGE.rglob("*.py"):
        codes |= set(re.findall(r"""Note\(\s*"(\w+)\"""", path.read_text(encoding="utf-8")))
    codes |= {f"gate_{key}" for key in ("passed", "endless", "rejected", "unmade")} | {"and"}
    assert codes == set(texts("en")["notes"])


@pytest.mark.parametrize(
    ("source", "en", "fr"),
    [
        (NEUTRAL, "(neutral lines that come with the program)", "(des lignes neutres fournies avec le programme)"),
        ("a, b.csv", "(a, b.csv)", "(a, b.csv)"),
        (f"b.csv, {OTHER_TIMES}", "(b.csv, of other or unknown times)", "(b.csv, d’autres périodes, ou sans date)"),
    ],
)
def test_who_the_other_people_are_is_told(tmp_path, source, en, fr):
    gains = dict.fromkeys(("author", "others", "difference"), interval(0.5, 0.4, 0.6))
    of = files(tmp_path, evaluation() | {"specificity": gains | {"tweets": 80, "source": source}})
    assert en in Page(run_report(of, "en")).text and fr in Page(run_report(of, "fr")).text


@pytest.mark.parametrize(
    ("training", "planned", "happened", "cells"),
    [
        ({"num_train_epochs": 2.0, "max_steps": -1}, 80, (50, 1.25), ["80", "50", "2", "1.25"]),
        ({"num_train_epochs": 2.0, "max_steps": 10}, 10, (10, 0.25), ["10", "10", "0.25", "0.25"]),
    ],
    ids=["stopped early", "max_steps"],
)
def test_the_plan_stands_beside_what_happened(tmp_path, training, planned, happened, cells):
    of = files(tmp_path)
    facts = {
        "steps": happened[0], "epochs": happened[1], "seconds": 125.0, "memory_bytes": 3 * 2**30, "tokens": 9000,
        "plan": {"steps": planned, "seconds": 60.0},
    }  # fmt: skip
    (of.run / "fit.json").write_text(json.dumps({"facts": facts, "settings": {"training": training}}))
    page = Page(run_report(of, "en"))
    found = [data.strip() for path, data in page.texts if "td" in path and data.strip()]
    at = found.index("steps")
    assert [*found[at + 1 : at + 3], *found[at + 4 : at + 6]] == cells
    memory = "highest memory (planned: measured by the probe)"
    assert found[found.index(memory) + 1 :][:2] == ["not recorded", "3.0 GiB"]
    assert "1 min 0 s" in found and "2 min 5 s" in found
    assert ("It ended before its plan" in page.text) is (happened[0] < planned)


def test_a_schedule_that_was_adapted_is_told_with_its_numbers(tmp_path):
    of = files(tmp_path)
    asked = {"tweets": 100, "packs": 3, "steps_per_epoch": 1, "steps": 2, "warmup": 1}
    used = {"tweets": 100, "packs": 50, "steps_per_epoch": 50, "steps": 150, "warmup": 8}
    changes = {"num_train_epochs": [2.0, 3], "max_length": [2048, 128], "warmup_steps": [None, 8]}
    facts = {
        "steps": 150,
        "epochs": 3.0,
        "plan": {"steps": 150, "seconds": 60.0},
        "schedule": {"asked": asked, "used": used, "changes": changes},
    }
    (of.run / "fit.json").write_text(json.dumps({"facts": facts, "settings": {"training": {"num_train_epochs": 2.0, "max_steps": -1}}}))
    english, french = (Page(run_report(of, language)).text for language in ("en", "fr"))
    assert (
        "100 tweets with the recipe's settings make 3 packs and 2 steps. Adapted to 50 packs and 150 steps, 8 of them warm-up:" in english
    )
    assert "num_train_epochs 2 → 3, max_length 2048 → 128, warmup_steps – → 8." in english and "8 de préchauffage" in french
    found = [data.strip() for path, data in Page(run_report(of, "en")).texts if "td" in path and data.strip()]
    at = found.index("steps")
    assert [*found[at + 1 : at + 3], *found[at + 4 : at + 6]] == ["150", "150", "3", "3"]


def test_reasons_and_checks_have_their_french():
    from tweetstyle.cleaning.archive_rules import REASONS
    from tweetstyle.verify.gate import MEANING

    assert set(texts("fr")["reasons"]) == set(REASONS) and set(texts("fr")["checks"]) == set(MEANING)
    assert [Say(language).named("reasons", "link only") for language in ("fr", "en")] == ["lien seul", "link only"]
    assert Say("fr").named("checks", "stop") == "arrêt" and Say("fr").named("checks", "something new") == "something new"


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


def data_rows(page: Page) -> dict[str, list[str]]:
    """First cell → the others, of the tables of three columns."""
    cells = [data for path, data in page.texts if "td" in path and data.strip()]
    names = [
        place
        for place, cell in enumerate(cells)
        if not re.match(r"[\d\u202f,]+$", cell) and len(cells) > place + 2 and re.match(r"[\d\u202f,]+$", cells[place + 2])
    ]
    return {cells[place]: cells[place + 1 : place + 3] for place in names}


def test_which_of_the_kept_tweets_have_a_message_and_why_others_have_none_is_told(tmp_path):
    page = Page(run_report(run_of_messages(tmp_path), "en"))
    rows = data_rows(page)
    assert not page.errors and [rows[name] for name in (
        "replies to somebody whose words are unknown: none was sought", "beyond the sample: none was sought", "a message was sought",
        "with a message", "– a question", "– a remark", "– a request", "without a message: every attempt was rejected",
        "too long", "too similar to others", "a refusal",
    )] == [
        ["26", "1"], ["440", "0"], ["1,200", "36"], ["1,113", "14"], ["601", "5"], ["302", "6"], ["210", "3"], ["87", "22"],
        ["53", "0"], ["41", "0"], ["0", "31"],
    ]  # fmt: skip
    assert "1,109 tweets, in 1,107 conversations" in page.text and "written by my model.gguf." in page.text
    headings = [data for path, data in page.texts if "th" in path]
    assert headings[headings.index("Kept tweets") :][:3] == ["Kept tweets", "mini-train", "test"]
    french = Page(run_report(run_of_messages(tmp_path / "fr"), "fr"))
    assert data_rows(french)["avec un message"] == ["1\u202f113", "14"] and data_rows(french)["un refus"] == ["0", "31"]
    assert "1 109 tweets, en 1 107 conversations" in french.text and "too l" not in french.text


def test_every_reason_of_playback_has_its_words():
    from tweetstyle.dataset.threads import KINDS
    from tweetstyle.playback.checks import REASONS

    assert set(texts("en")["rejected"]) == set(REASONS)
    assert all(f"d_{kind}" in Say("en").keys for kind in KINDS)


@pytest.mark.parametrize(
    ("language", "said", "never"),
    [
        ("en", ("Begun with: un tweet", "first words in the prompt, which it repeats", "holds none of the tweet's first words",
                "begun with the first words of your own", "Does it continue the words in the prompt?"), r"\btopic|\bAbout:"),
        ("fr", ("Début : un tweet", "Avec les premiers mots du tweet", "ne donne pas les premiers mots", "commencés par les premiers mots",
                "Reprend-il ce qui est commencé ?"), r"\bsujets?\b|\bSujet"),
    ],
)  # fmt: skip
def test_a_prompt_that_holds_first_words_is_called_that(tmp_path, language, said, never):
    """As the run was trained, and before that as its tweets were prepared."""
    found = evaluation()
    found["style"]["obedience"] = {"key words": {"base": interval(0.1, 0.0, 0.2), "tuned": interval(0.3, 0.2, 0.4)}}
    found["style"]["obedience"]["key words"] |= {"difference": interval(0.2, 0.1, 0.3), "chance": 0.05}
    for trained, message in (("d1", "first-words"), (None, "first-words"), ("d1", "topic")):
        of = run_of_messages(tmp_path / f"{trained}-{message}", message=message, trained_on=trained)
        (of.run / "evaluation.json").write_text(json.dumps(found))
        text = " ".join(Page(run_report(of, language)).text.replace("\u202f", " ").replace("\u00a0", " ").split())
        measured = text[text.index(Say(language)("h_likelihood")) :]
        begins = message == "first-words"
        assert [part in measured for part in said] == [begins] * len(said), [part for part in said if part not in measured]
        assert bool(re.search(never, measured)) != begins, re.search(never, measured)
