"""The gate lets what was trained through, and each thing that goes wrong on the way to a GGUF is caught by the check it belongs to."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
from support.html_page import Page
from support.likelihood import score
from support.small_runs import invented_tweets
from support.tiny_llama import make_answers_end, write_adapter, write_llama

from tweetstyle.dataset.held_out import HeldOut, scored_bytes
from tweetstyle.export import export
from tweetstyle.inference.llama_cpp import Logits
from tweetstyle.model.base import read_base_model
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Evaluation, Export, Sampling
from tweetstyle.records import Tweet
from tweetstyle.stages import export as gate
from tweetstyle.verify.checks import BITS_LIMITS, HARD_STRINGS, GateCheck, gate_prompts, stops, tokens_in_llama_cpp, tokens_in_ollama
from tweetstyle.verify.gate import TrainedModel, page, rejected_types, remarks, set_aside, verdict, verify, write_parity
from tweetstyle.wording.words import Note, Say

TYPES = ("f32", "f16", "bf16", "q8_0")
SECTION, SAMPLING = Export(types=TYPES, gate_answers=3), Sampling(num_predict=6)


@pytest.fixture(autouse=True)
def no_ollama(monkeypatch):
    """A port on which nothing answers, whatever runs on the machine; the running Ollama has a test of its own."""
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")


def write_ending_llama(directory: Path, end: float = 10, **config) -> Path:
    base = write_llama(directory, **config)
    make_answers_end(base.shards[0], [base.eos_id], end)
    return directory


class Made:
    """A tiny model trained, so to say, exported and ready to be verified."""

    def __init__(self, room: Path, types=TYPES, **changes) -> None:
        self.base = write_llama(room / "base", max_position_embeddings=512)
        self.template = build_template("inst", "Nimzo", self.base.tokens)
        self.adapter = write_adapter(room / "adapter", self.base, modules=("q_proj", "v_proj", "gate_proj"))
        self.section = SECTION.model_copy(update={"types": types})
        self.exported = export(self.base, self.adapter, self.template, self.section, SAMPLING, "me", room / "out", **changes)
        self.sample = self._sample(invented_tweets(40))
        self.nats = score(self.base, self.adapter, "lora", self.sample.documents).tuned

    def _sample(self, tweets) -> HeldOut:
        encode = self.base.tokenizer.encode
        tweets = [replace(t, created_at=f"2024-01-{1 + n % 28:02}T00:00:00Z") for n, t in enumerate(tweets)]
        documents = [encode(self.template, tweet.text, None, tweet.type) for tweet in tweets]
        sizes = [scored_bytes(t.text, d, self.template, self.base.tokenizer) for t, d in zip(tweets, documents, strict=True)]
        return HeldOut(tweets, documents, np.array(sizes, dtype=float), 0)

    def checks(self, *, nats=None, modelfile: Path | None = None, **changes) -> dict[tuple[str, str], GateCheck]:
        template, gguf_files = changes.get("template", self.template), changes.get("gguf", self.exported.gguf)
        trained = TrainedModel(template, self.base.tokenizer, self.sample, self.nats if nats is None else nats)
        found = verify(trained, gguf_files, modelfile, SAMPLING, self.section, Evaluation(bootstrap_resamples=200))
        return {(check.type, check.name): check for check in found}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return Made(tmp_path_factory.mktemp("made"))


def failed(checks: dict) -> set[tuple[str, str]]:
    """Without the answers: a random model's do not end by themselves, and have tests of their own."""
    return {key for key, check in checks.items() if check.passed is False and key[1] != "stop"}


def test_what_was_trained_passes_in_every_type(made):
    checks = made.checks(modelfile=made.exported.modelfile)
    expected = {(t, name) for t in TYPES for name in ("tokens", "training", "stop")}
    assert {key for key in checks if key[1] != "tokens in Ollama"} == expected
    assert not failed(checks), failed(checks)
    assert [c.passed for (_, name), c in checks.items() if name == "tokens in Ollama"] == [None]
    assert checks["f16", "tokens"].figures["strings"] > 2 * 300
    # The tweets are scored by stock transformers and PEFT on one side, by llama.cpp on the other.
    assert checks["f32", "training"].figures["as trained"] == pytest.approx(made.nats.sum() / made.sample.bytes.sum() / math.log(2))
    assert abs(checks["f32", "training"].figures["lost"]) < BITS_LIMITS["f32"] / 2


def test_another_adapter_is_another_model(made, tmp_path):
    others = [write_adapter(tmp_path / str(seed), made.base, seed=seed) for seed in (77, 78, 79)]
    # The best of three: what another adapter made of the tweets, the file knows nothing of.
    best = min((score(made.base, other, "lora", made.sample.documents).tuned for other in others), key=np.sum)
    assert best.sum() < made.nats.sum() and failed(made.checks(nats=best)) == {(t, "training") for t in TYPES}


@pytest.mark.parametrize("format", ["inst", "text", "custom"])
def test_answers_that_end_pass_the_stop_and_ids_the_tokens_in_every_format(tmp_path, format):
    base = read_base_model(write_ending_llama(tmp_path / "base", max_position_embeddings=512))
    template = build_template(format, "Nimzo", base.tokens, "<s>{style}, {type}: {topic} => {text}</s>" if format == "custom" else None)
    gguf_file = export(base, None, template, Export(types=("f16",)), SAMPLING, "me", tmp_path / "out").gguf["f16"]
    check = stops(gguf_file, "f16", template, SAMPLING, invented_tweets(5), 4)
    assert check.passed and check.figures == {"answers": 4, "cut": 0, "with template text": 0}
    with Logits(gguf_file) as logits:
        assert tokens_in_llama_cpp(logits, "f16", template, base.tokenizer, invented_tweets(20)).passed


def rewritten(source: Path, target: Path, change) -> dict[str, Path]:
    """The GGUF with its bytes changed in place. change: is given the reader over a writable copy."""
    shutil.copyfile(source, target)
    reader = gguf.GGUFReader(target, "r+")
    change(reader)
    reader.data.flush()
    return {"f16": target}


def test_a_weight_that_is_another_fails_the_training(made, tmp_path):
    def scale(reader):
        (norm,) = [t.data for t in reader.tensors if t.name == "output_norm.weight"]
        norm *= 4

    checks = made.checks(gguf=rewritten(made.exported.gguf["f16"], tmp_path / "changed.gguf", scale))
    assert failed(checks) == {("f16", "training")}


def test_a_special_token_that_is_ordinary_text_fails_the_tokens(made, tmp_path):
    def demote(reader):
        types = reader.get_field("tokenizer.ggml.token_type")
        for index in types.data:
            if types.parts[index][0] == gguf.TokenType.CONTROL:
                types.parts[index][0] = gguf.TokenType.NORMAL

    checks = made.checks(gguf=rewritten(made.exported.gguf["f16"], tmp_path / "demoted.gguf", demote))
    assert ("f16", "tokens") in failed(checks)
    assert "other token ids than in training" in checks["f16", "tokens"].reason or "does not end" in checks["f16", "tokens"].reason


def test_two_bos_fail_the_tokens(made):
    """What a chat template with a BOS of its own does: the prompts are trained without, the file adds one."""
    without = replace(made.template, add_bos=False)
    checks = made.checks(template=without, gguf={"f16": made.exported.gguf["f16"]})
    assert checks["f16", "tokens"].passed is False and checks["f16", "tokens"].figures["different"] >= 300


def test_answers_that_do_not_end_fail_the_stop_only_where_the_file_predicts_otherwise_than_trained(made):
    """A random model's answers go on: the training's fault where the file loses nothing, else the file's."""
    checks = made.checks(gguf={"f16": made.exported.gguf["f16"]})
    check = checks["f16", "stop"]
    assert check.passed and check.figures["cut"] > 0 and "num_predict (6)" in check.reason and "the training was too short" in check.reason
    assert remarks(list(checks.values())) == {"f16": f"stop: {check.reason}"} and rejected_types(list(checks.values())) == {}
    assert verdict(list(checks.values()))["endless"] == ["f16"]
    assert check.reason in Page(page(list(checks.values()), "me", "en")).text
    better = made.nats - 0.05 * made.sample.bytes * math.log(2)
    assert made.checks(nats=better, gguf={"f16": made.exported.gguf["f16"]})["f16", "stop"].passed is False


CHECKS = [
    GateCheck("tokens", "f16", True, {"strings": 700, "different": 0}, {"different": 0}),
    GateCheck("training", "f16", True, {"lost at most": 3e-6, "as trained": 0.999}, {"lost at most": 1e-4}),
    GateCheck("tokens", "q4_k_m", False, {"strings": 700}, {}, [Note("error", {"message": 'first "<script>alert(1)</script>"'})]),
    GateCheck("tokens in Ollama", "q4_k_m", None, {}, why=[Note("ollama_off", {"address": "127.0.0.1:9"})]),
]


def test_a_rejected_file_has_another_name_and_the_others_stay(tmp_path):
    files = {t: tmp_path / f"me-{t}.gguf" for t in ("f16", "q4_k_m")}
    for path in files.values():
        path.write_bytes(path.name.encode())
    rejected = rejected_types(CHECKS)
    assert rejected == {"q4_k_m": 'tokens: first "<script>alert(1)</script>"'}
    assert set_aside(files, rejected) == {"f16": files["f16"]}
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"me-f16.gguf": "me-f16.gguf", "me-q4_k_m.gguf.rejected": "me-q4_k_m.gguf"}


@pytest.mark.parametrize(
    ("host", "code", "said"),
    [
        ("127.0.0.1:9", "ollama_off", ("Ollama is not running", "Ollama n’est pas lancé")),
        ("192.0.2.1:11434", "ollama_unusable", ("not an Ollama of this machine", "pas un Ollama de cette machine")),
    ],
)
def test_why_ollama_was_not_checked_is_stored_as_a_code_and_said_in_either_language(host, code, said, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", host)
    monkeypatch.setenv("LANGUAGE", "fr")
    check = tokens_in_ollama(Path("Modelfile"), "f16", None, None, [])
    assert check.passed is None and check.why == [Note(code, {"address": host})]
    for language, words in zip(("en", "fr"), said, strict=True):
        assert words in Say(language).notes(check.why) and host in Say(language).notes(check.why)


def test_the_page_and_the_json_say_the_same(tmp_path):
    write_parity(CHECKS, tmp_path, 'me & <b>"you"')
    content = json.loads((tmp_path / "parity.json").read_text())
    assert content["passed"] is False and [c["passed"] for c in content["checks"]] == [True, True, False, None]
    assert content["checks"][1]["figures"]["lost at most"] == 3e-6 and content["checks"][1]["limits"] == {"lost at most": 1e-4}
    assert content["checks"][3]["why"] == [{"code": "ollama_off", "values": {"address": "127.0.0.1:9"}}]
    assert content["verdict"] == {"passed": ["f16"], "endless": [], "rejected": ["q4_k_m"], "unmade": ["tokens in Ollama"]}
    shown = Page((tmp_path / "parity.html").read_text())
    assert shown.errors == [] and not {"script", "b", "img", "link"} & {tag for tag, _ in shown.elements}
    verdict_shown = "f16: matches the trained model in every check that was made. q4_k_m: rejected. Not made: tokens in Ollama."
    escaped = ('me & <b>"you"', "<script>alert(1)</script>")
    for text in (verdict_shown, *escaped, "3.0e−6", "(at most 0.0001)", "0.999", "700", "not made", "Ollama is not running"):
        assert text in shown.text


def test_a_run_that_is_stopped_during_the_gate_leaves_no_modelfile(made, tmp_path, monkeypatch):
    gguf = {type: Path(shutil.copy(path, tmp_path)) for type, path in made.exported.gguf.items()}
    shutil.copy(made.exported.modelfile, tmp_path)
    recipe = SimpleNamespace(export_directory=tmp_path, export=SECTION, sampling=SAMPLING)
    run = SimpleNamespace(recipe=recipe, template=made.template, base=made.base)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(gate, "_checks", stop)
    with pytest.raises(KeyboardInterrupt):
        gate.verified(run, gguf, {"choices": {"merge_base": "16bit"}})
    assert not (tmp_path / "Modelfile").exists() and (tmp_path / "Modelfile.unchecked").is_file()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 6, 7])
def test_of_a_conversation_every_message_is_typed_and_every_tweet_is_said_before_once(count):
    """Each is a prompt that Ollama reads whole: none twice, and none left out but the last two."""
    template, tweets = SimpleNamespace(takes_message=True, turns=True), [Tweet(f"{n}", f"t{n}", "", topic=f"m{n}") for n in range(count)]
    prompts = list(gate_prompts(template, tweets))
    assert [message for message, history in prompts if not history] == ["*", *(f"m{n}" for n in range(count)), *HARD_STRINGS]
    said = [turn for message, history in prompts if message not in HARD_STRINGS for turn in history]
    assert len(set(said)) == len(said) >= count - 2 and set(said) <= {(f"m{n}", f"t{n}") for n in range(count)}
    assert max((len(history) for _, history in prompts), default=0) == (2 if count > 2 else 1)
