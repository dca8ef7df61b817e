"""What models write stands on the disk batch by batch: cut off anywhere and gone on with, it is what an uninterrupted run writes."""

import json
import shutil

import pytest
import torch
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.evaluate import samples as written
from tweetstyle.evaluate.baselines import Examples, ModelPair
from tweetstyle.evaluate.samples import AnswerFile, Writing
from tweetstyle.evaluate.writing_prompts import WritingPrompt, prompts_of
from tweetstyle.inference.generate import Completion, as_read
from tweetstyle.inference.likelihood import load_adapter, load_model
from tweetstyle.plan import memory
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Sampling
from tweetstyle.records import Tweet

SAMPLING = Sampling(num_predict=6, temperature=1.5)
ASKS = [WritingPrompt(i, "neige" if i % 2 else None, "Tweet", str(i)) for i in range(10)]
ASKED = {"base": ASKS, "examples": ASKS, "tuned": ASKS}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    directory = tmp_path_factory.mktemp("llama")
    base = write_llama(directory / "base")
    return base, write_adapter(directory / "adapter", base), build_template("inst", "x", base.tokens)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(memory, "MOST_ROWS", 3)


def carry_out(model, directory, asked=ASKED, sampling=SAMPLING, seed=42, weights=None):
    base, adapter, template = model
    shown = Examples(1, [base.bos_id, 5, 6, 7])
    return Writing(ModelPair(base, adapter, "lora", template), shown, sampling, seed, weights or {"adapter": "1"}).answers(asked, directory)


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_each_side_answers_as_its_model_does_greedily(model, tmp_path):
    base, adapter, template = model
    greedy = Sampling(num_predict=6, temperature=0.0, repeat_penalty=1.0)
    found = carry_out(model, tmp_path, sampling=greedy)
    adapted = load_adapter(load_model(base.path, "lora"), adapter)
    for who, beginning in (("base", []), ("examples", [base.bos_id, 5, 6, 7]), ("tuned", [])):
        for ask, answer in zip(ASKS, found[who], strict=True):
            ids = [*beginning, *base.tokenizer.prompt_ids(template.training_prompt(ask.topic), add_bos=template.add_bos and not beginning)]
            prompt = len(ids)
            with torch.no_grad():
                while len(ids) - prompt < 6:
                    if who == "tuned":
                        logits = adapted(torch.tensor([ids])).logits
                    else:
                        with adapted.disable_adapter():
                            logits = adapted(torch.tensor([ids])).logits
                    ids.append(int(logits[0, -1].argmax()))
                    if ids[-1] == base.eos_id:
                        break
            text = base.tokenizer.decode([i for i in ids[prompt:] if i != base.eos_id])
            assert answer == template.shown(text).strip()


def test_an_answer_is_read_as_a_person_reads_it(model, monkeypatch):
    """Cut within a character, ended, up to a stop text; what is in the middle stays."""
    base, _, template = model
    said = {1: " voilà \ufffd", 2: f" bon {template.stops[0]} [INST]", 3: " un \ufffd au milieu\ufffd\ufffd"}
    monkeypatch.setattr(type(base.tokenizer), "decode", lambda self, ids: said[ids[0]])
    for id, ended, read in ((1, False, "voilà"), (1, True, "voilà \ufffd"), (2, True, "bon"), (3, False, "un \ufffd au milieu")):
        assert as_read(base, template, Completion([id], ended)) == read


@pytest.mark.parametrize("cut", [1, 450])
def test_cut_off_anywhere_and_resumed_it_is_the_same_and_what_is_there_is_not_written_again(model, tmp_path, monkeypatch, cut):
    whole = carry_out(model, tmp_path / "whole")
    again = shutil.copytree(tmp_path / "whole", tmp_path / "again")
    for path in again.iterdir():
        path.write_bytes(path.read_bytes()[:cut])
    assert carry_out(model, again) == whole
    assert {name: set(of.splitlines()) for name, of in contents(again).items()} == {
        name: set(of.splitlines()) for name, of in contents(tmp_path / "whole").items()
    }
    monkeypatch.setattr(written, "generate", None)
    assert carry_out(model, again) == whole


@pytest.mark.parametrize(
    "changed", [{"sampling": Sampling(num_predict=7, temperature=1.5)}, {"seed": 1}, {"weights": {"adapter": "2"}}], ids=str
)
def test_answers_of_other_settings_or_weights_are_not_taken(model, tmp_path, changed):
    carry_out(model, tmp_path)
    before = contents(tmp_path)
    carry_out(model, tmp_path, **changed)
    assert contents(tmp_path)["tuned.jsonl"] != before["tuned.jsonl"]
    # The base has other weights than the adapter's: its answers stand.
    assert (contents(tmp_path)["base.jsonl"] == before["base.jsonl"]) == ("weights" in changed)


def test_a_line_that_holds_separators_of_unicode_is_one_line(tmp_path):
    file = AnswerFile(tmp_path / "x.jsonl", "made")
    file.begin()
    file.append({0: 'a\u2028b\x85c\n"d"'})
    assert file.answers() == {0: 'a\u2028b\x85c\n"d"'}
    assert AnswerFile(tmp_path / "x.jsonl", "made otherwise").answers() == {}
    assert json.loads((tmp_path / "x.jsonl").read_text(encoding="utf-8").split("\n")[0]) == {"made_by": "made"}


def test_each_tweet_has_a_prompt_before_one_comes_twice():
    tweets = [Tweet(str(i), "x", "2024-01-01T00:00:00Z", topic=str(i)) for i in range(4)]
    prompts = prompts_of(tweets, list("abcd"), 10, seed=0)
    topics = [prompt.topic for prompt in prompts]
    assert [prompt.number for prompt in prompts] == list(range(10)) and sorted(topics[:4]) == list("0123") and topics[4:8] == topics[:4]
    assert all("abcd"[int(prompt.topic)] == prompt.cluster for prompt in prompts)
    assert prompts_of([], [], 10, seed=0) == []
