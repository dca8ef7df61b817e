"""With the default sampling Hugging Face, llama.cpp and the real Ollama draw the first token from the same distribution."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.stats import chisquare
from support.ollama import OllamaServer
from support.tiny_llama import SPECIAL, write_llama
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel

from tweetstyle.export import Exported, export
from tweetstyle.inference.chat import ChatModel
from tweetstyle.inference.generate import generate
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template, build_template
from tweetstyle.recipe import Export, Sampling

pytestmark = pytest.mark.integration

MESSAGE = "hiver"
DRAWS = 1600
SEEDS = np.random.default_rng(0).integers(0, 2**31, DRAWS).tolist()
"""Of llama.cpp and Ollama, one for each draw: random ones, for the first numbers of seeds in a row are not independent."""
FEWEST = 5
"""Draws expected of a text below which it is counted together with others of that kind, as a chi-square test needs it."""
FIRST_TOKEN = Sampling(num_predict=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """Random weights whose head is scaled: some 130 tokens share 95% of the probability.

    Its generation_config.json has other settings, as instruct models have.
    """
    made = write_llama(tmp_path_factory.mktemp("base"))
    weights = load_file(made.shards[0])
    weights["lm_head.weight"] = weights["lm_head.weight"] * 2.5
    save_file(weights, made.shards[0], metadata={"format": "pt"})
    (made.path / "generation_config.json").write_text(
        '{"temperature": 0.6, "top_p": 0.9, "top_k": 20, "repetition_penalty": 1.1, "min_p": 0.05}'
    )
    return made


@pytest.fixture(scope="module")
def template(base: BaseModel) -> Template:
    return build_template("inst", "Nimzo", base.tokens)


@pytest.fixture(scope="module")
def exported(base: BaseModel, template: Template, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(base, None, template, Export(types=("f32",)), FIRST_TOKEN, "tiny", tmp_path_factory.mktemp("out") / "tiny")


@pytest.fixture(scope="module")
def model(base: BaseModel):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base.path).eval().float()


@pytest.fixture(scope="module")
def prompt(base: BaseModel, template: Template) -> list[int]:
    return base.tokenizer.prompt_ids(template.prompt(MESSAGE), add_bos=template.add_bos)


@pytest.fixture(scope="module")
def expected(base: BaseModel, template: Template, model, prompt: list[int]) -> dict[str, float]:
    """Text → probability: the softmax of Hugging Face's logits, cut where the most probable tokens have 0.95 together."""
    import torch

    with torch.inference_mode():
        logits = model(torch.tensor([prompt])).logits[0, -1].double().numpy()
    chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    order = np.argsort(-chances)
    kept = order[: int(np.searchsorted(chances[order].cumsum(), 0.95)) + 1]
    assert 60 < len(kept) < 160 and chances[kept[40:]].sum() > 0.1 and chances[kept].min() < 0.05 * chances.max()
    found: dict[str, float] = {}
    for token in kept.tolist():
        text = as_seen(text_of(base, [token]), template)
        found[text] = found.get(text, 0) + chances[token] / chances[kept].sum()
    return found


def as_seen(text: str, template: Template) -> str:
    """An answer of one token as each program shows it: no part of a character, no beginning of a stop text, no special
    token (Ollama writes BOS out, llama.cpp does not)."""
    hidden = "\ufffd" in text or text in SPECIAL or any(stop.startswith(text) for stop in template.stops)
    return "" if hidden else template.shown(text).strip()


def text_of(base: BaseModel, ids: list[int]) -> str:
    """The text of the ids without end tokens and other special ones."""
    tokenizer = Tokenizer.from_file(str(base.path / "tokenizer.json"))
    tokenizer.decoder = ByteLevel()
    return tokenizer.decode(ids, skip_special_tokens=True)


def by_transformers(base: BaseModel, model, prompt: list[int]) -> list[str]:
    answers = generate(model, [prompt] * DRAWS, FIRST_TOKEN, [base.eos_id], [(1, number) for number in range(DRAWS)])
    return [text_of(base, answer.ids) for answer in answers]


def p_value(texts: Iterable[str], expected: dict[str, float], template: Template) -> float:
    """Of a chi-square test of the texts against their probabilities, the rare ones in one class; 0 where one could not be drawn."""
    counted = Counter(as_seen(text, template) for text in texts)
    assert counted.total() == DRAWS
    common = [text for text, chance in expected.items() if chance * DRAWS >= FEWEST]
    observed, share = [counted[text] for text in common], [expected[text] for text in common]
    found = chisquare([*observed, DRAWS - sum(observed)], [DRAWS * part for part in [*share, 1 - sum(share)]])
    impossible = sorted(counted.keys() - expected.keys())
    print(f"{len(common)} classes and the rare ones: p = {found.pvalue:.2g}; impossible: {impossible}")
    return 0.0 if impossible else found.pvalue


def test_hugging_face(base, model, prompt, expected, template):
    assert p_value(by_transformers(base, model, prompt), expected, template) > 0.001


def test_llama_cpp(exported: Exported, template: Template, expected: dict[str, float]):
    speaker = ChatModel(exported.gguf["f32"], template, FIRST_TOKEN)
    assert p_value((speaker.answer(MESSAGE, seed=seed) for seed in SEEDS), expected, template) > 0.001


def test_ollama_through_the_modelfile(ollama: OllamaServer, exported: Exported, template: Template, expected: dict[str, float]):
    """Nothing but the seed is in the request: the rest is what Ollama makes of the Modelfile's PARAMETER lines, zeros among them."""
    ollama.create("distribution", exported.modelfile)
    texts = [ollama.generate("distribution", MESSAGE, {"seed": seed})["response"] for seed in SEEDS]
    assert p_value(texts, expected, template) > 0.001
