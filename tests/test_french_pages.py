"""What a French reader sees of a run: pages, model card, the training's lines, tables. No English word but the field's own."""

import base64
import io
import json
import re
from functools import partial
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from rich.console import Console
from support.html_page import VOID, Page
from test_locale import RECIPE, allowed, archive, words
from test_model_card import COUNTS, FACTS, PARITY, TEST, recipe_of, run_of
from test_report_page import conversation, curve, evaluation, files, interval, untrained

from tweetstyle.cli import tweetstyle
from tweetstyle.evaluate import Evaluated, evaluation_table
from tweetstyle.evaluate.baselines import BASELINES
from tweetstyle.evaluate.scoring import Likelihood, SplitResult, warnings
from tweetstyle.export.model_card import model_card
from tweetstyle.hardware.gpu import Card
from tweetstyle.locale import _
from tweetstyle.plan.probe import Probe
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Model, Training
from tweetstyle.report import run_report
from tweetstyle.report.blind import Text, write_blind
from tweetstyle.statistics.intervals import Interval
from tweetstyle.train.callback import PAGEABLE, RunKeeper
from tweetstyle.train.checkpoints import resume_point
from tweetstyle.train.failures import HINT, LOADING, MEMORY_HINT, OPTIMIZER, SAVING, STEP, VALIDATION, OutOfMemory, does_not_fit
from tweetstyle.train.metrics import Metrics, as_table, train_output
from tweetstyle.verify.checks import GateCheck, Note, within
from tweetstyle.verify.gate import write_parity

VOID |= {"circle", "polyline", "input"}
WRITTEN = "écrit"
NAMES = "mine Nimzo llama qlora gguf markdown style imitation"
"""Of the run, its model and its files."""


@pytest.fixture(autouse=True)
def in_french(monkeypatch):
    monkeypatch.setenv("LANGUAGE", "fr")


def foreign(shown: str) -> set[str]:
    return words(shown) - allowed(WRITTEN, NAMES)


def shown_on(page: str) -> str:
    """The texts of a page, without what is quoted: a recipe, names of files and packages, their versions and digests."""
    read, making = Page(page), page.index('<section id="making">') if '<section id="making">' in page else len(page)
    assert not read.errors
    hidden, last = {"style", "script", "pre", "code"}, Page(page[making:]).text
    return "\n".join(data for path, data in read.texts if not hidden & set(path) and (not data.strip() or data.strip() not in last))


def checks() -> list[GateCheck]:
    lost = dict.fromkeys(("bits per byte", "as trained", "lost", "lost at least", "lost at most", "confidence", "clusters", "tweets"), 0.5)
    notes = [Note("cut", {"cut": 3, "answers": 20, "num_predict": 99}), Note("training_too_short")]
    return [
        GateCheck("tokens", "f16", False, {"strings": 9, "different": 1}, {"different": 0}, [Note("no_end", {"end": "</s>"})]),
        within("training", "q8_0", lost, {"lost at most": 0.1}),
        GateCheck("stop", "q8_0", True, {"answers": 20, "cut": 3, "with template text": 0}, {"cut": 1}, notes),
        GateCheck("tokens in Ollama", "f16", None, {}),
    ]


def test_the_pages_of_a_run_are_in_french(tmp_path):
    found, shares = evaluation(text=WRITTEN), {side: interval(0.2, 0.1, 0.3) for side in ("base", "tuned", "difference")}
    found["style"] |= {
        "notes": [{"code": "style_beginnings", "values": {}}],
        "empty": 0.1,
        "prompt_adherence": {"key words": shares | {"chance": 0.1}},
    }
    for name, talk in (("tweets", {}), ("talk", {"conversation": conversation(text=WRITTEN)})):
        of = files(tmp_path / name, found | talk, [untrained(2.7), *curve(2.0, 1.9, 1.95)])
        of.export.mkdir()
        write_parity(checks(), of.export, "mine", "fr")
        output = {"global_step": 30, "metrics": {"train_runtime": 12345.6, "train_loss": 2.5, "epoch": 3.0}}
        (of.run / "train_output.json").write_text(json.dumps(output))
        page = run_report(of, "fr")
        assert foreign(shown_on(page)) == set() and "12\u202f346" in page
        assert foreign(shown_on((of.export / "parity.html").read_text())) == set()


def test_the_page_of_the_data_is_in_french(tmp_path, base_model_dir, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base").symlink_to(base_model_dir)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    (tmp_path / "tweets.csv").write_text("id_tweet,texte,date_creation\n" + (tweets := archive(60)))
    assert CliRunner().invoke(tweetstyle, ["--lang", "fr", "prepare", "mine.yaml"]).exit_code == 0
    page = (tmp_path / "data/processed/report.html").read_text()
    assert words(shown_on(page)) - allowed(NAMES, tweets.replace(",", " "), RECIPE) == set()


def test_the_blind_test_is_in_french(tmp_path):
    sides = {who: [Text(f"{WRITTEN} {who} {n}", WRITTEN) for n in range(9)] for who in ("real", "tuned", "examples", "base")}
    page = write_blind(tmp_path / "blind.html", sides, "fr", 1).read_text()
    data = json.loads(base64.b64decode(re.search(r'id="data">([^<]+)<', page)[1]))
    said = [text for section in (data["words"], data["words"]["pairs"], data["words"]["preference"]) for text in section.values()]
    assert foreign(shown_on(page)) == set() == foreign(" ".join(text for text in said if isinstance(text, str)))


@pytest.mark.parametrize("parts", [(FACTS["choices"], COUNTS, {"splits": {"test": TEST}, "shown": 20}, PARITY), ({}, {}, {}, {})])
def test_the_model_card_is_in_french(tiny, parts):
    recipe = recipe_of(tiny).model_copy(update={"language": None})
    recipe._name = "mine"
    card = model_card(recipe, tiny, build_template("inst", "Nimzo", tiny.tokens), run_of({"f16": ("f16", 90_000)}, *parts))
    text = re.sub(r"\A---\n.*?\n---\n|```.*?```|`[^`]*`|\([^()]*xllamacpp[^()]*\)", "", card, flags=re.S)
    assert foreign(text.replace(tiny.path.name, "")) == set() and "Le lancer" in text


def test_the_tables_of_the_evaluation_are_in_french():
    one, gain = Likelihood(1.0, 1.0, 2.0), Interval(0.5, None, None, 0.95, 1)
    split = SplitResult(40, 9, 9, 3, one, one, gain, dict.fromkeys(BASELINES, one), "raw", gain, {"base": one, "tuned": one})
    special = SimpleNamespace(tweets=80, others=Interval(0.1, 0.05, 0.2, 0.95, 30))
    console = Console(file=io.StringIO(), width=200)
    for begins in (False, True):
        console.print(evaluation_table(Evaluated({"test": split}, 20, warnings({"test": split}), special), begins=begins))
    assert foreign(console.file.getvalue()) == set() and "+0,100 (de +0,050 à +0,200)" in console.file.getvalue()


def test_what_a_training_prints_is_in_french(tiny, tmp_path):
    said: list[str] = []
    progress = SimpleNamespace(say=said.append, phase=lambda *texts: said.extend(texts))
    metrics = Metrics(tmp_path / "metrics.jsonl")
    for line in [untrained(2.7), *({"tokens": 9, "seconds": 1.0} | line for line in curve(2.0, 1.9))]:
        metrics.append(line)
    keeper = RunKeeper(Training(early_stopping_patience=2), tmp_path, metrics, None, progress)
    keeper.finished = True
    for best in (True, False):
        keeper._report(SimpleNamespace(global_step=20, max_steps=80), 1.9, best=best)
    settings = {"per_device_train_batch_size": 2, "max_length": 2048}
    said.append(Probe(1234.5, 11 * 2**30, 10 * 2**30, 12 * 2**30, "CPU", settings, {}).in_words())
    end = partial(does_not_fit, tiny, Model(base=tiny.path, method="lora"), Training(max_length=256, optim="adamw_8bit"))
    for phase in (STEP, LOADING, OPTIMIZER, VALIDATION, SAVING):
        said += [str(end(card, OutOfMemory("CUDA error"), phase)) for card in (None, Card(2**30, others=2**29), Card(2**20))]
    console = Console(file=io.StringIO(), width=250)
    console.print(as_table(train_output(metrics, {"global_step": 20, "num_input_tokens_seen": 90, "total_flos": 42e9, "epoch": 1.0}, 40)))
    said.append(console.file.getvalue().replace("TrainOutput", ""))
    (tmp_path / "checkpoint-20").mkdir()
    assert resume_point(tmp_path, metrics, said.append) is None
    said += [_(PAGEABLE), _(HINT), _(MEMORY_HINT)]
    assert (
        words(" ".join(said).replace(str(tmp_path), "")) - allowed(NAMES, "CUDA error", "nvidia smi ollama stop free dmesg grep") == set()
    )
    assert "1,9000 bits par octet" in said[0] and "Valeur" in " ".join(said) and "les 2 dernières validations" in " ".join(said)
