"""What the model is fed when one talks with it is what it was trained on, id for id: in llama.cpp and in the real Ollama.

The tokenizer, the templates, llama.cpp and Ollama are the real ones. The model's body is a tiny one that ends every answer at
once: ids do not depend on the weights, and an Ollama that answers in milliseconds can be asked thousands of times.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from support.hard_texts import hard_texts
from support.llama_cpp import LlamaServer
from support.ollama import OllamaServer
from support.tiny_llama import write_ending_llama

from tweetstyle.export import export
from tweetstyle.inference.ollama import OllamaClient
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import Template, build_template
from tweetstyle.recipe import Export, Sampling

pytestmark = pytest.mark.integration

FORMATS = ("inst", "text", "chat", "custom")
CUSTOM = '<s>"{style}", {type}:\n{topic} => {text}</s>'
TEXTS = hard_texts(1000)
ASKED = {"inst": TEXTS, "text": TEXTS[:200], "chat": TEXTS[:200], "custom": TEXTS[:200]}
"""What Ollama is asked on a second turn and through generate; llama.cpp, and Ollama on a first turn, get all in every format."""


@dataclass(frozen=True)
class Exported:
    """A model as a person has it: the template it was trained with, the GGUF, the name that Ollama knows."""

    base: BaseModel
    template: Template
    gguf: Path
    name: str

    def ids(self, text: str, system: str | None = None) -> list[int]:
        """The prompt's ids as training makes them."""
        return self.base.tokenizer.prompt_ids(self.template.prompt(text, system=system), add_bos=self.template.add_bos)


@pytest.fixture(scope="module")
def base(base_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return write_ending_llama(tmp_path_factory.mktemp("ending"), base_model_dir)


def make(base: BaseModel, template: Template, name: str, directory: Path, ollama: OllamaServer) -> Exported:
    section, sampling = Export(types=("f16",), num_ctx=2048), Sampling(temperature=0.0, num_predict=1)
    exported = export(base, None, template, section, sampling, name, directory)
    OllamaClient(ollama.address).create(name, exported.modelfile)
    return Exported(base, template, exported.gguf["f16"], name)


@pytest.fixture(scope="module", params=FORMATS)
def model(request: pytest.FixtureRequest, base: BaseModel, ollama: OllamaServer, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    format = request.param
    template = build_template(format, "Nimzo", base.tokens, CUSTOM if format == "custom" else None)
    return make(base, template, f"parity-{format}", tmp_path_factory.mktemp(format), ollama)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def test_llama_cpp_makes_the_ids_of_training_with_one_bos(model: Exported) -> None:
    with LlamaServer(model.gguf) as server:
        for text in TEXTS:
            ids = model.ids(text)
            assert server.tokenize(model.template.prompt(text), add_special=True, parse_special=True) == ids, text
            if model.template.add_bos:
                assert ids[0] == model.base.bos_id
                # A person who types the very text of the token gets the token, in Ollama too; the format adds one.
                assert ids.count(model.base.bos_id) == 1 + text.count(model.base.tokens.bos)


def test_ollama_feeds_them_on_the_first_turn_of_a_chat(model: Exported, ollama: OllamaServer) -> None:
    before = len(ollama.rendered_prompts())
    counts = [ollama.chat(model.name, [user(text)])["prompt_eval_count"] for text in TEXTS]
    assert_fed(model, TEXTS, counts, ollama.rendered_prompts()[before:])


def test_ollama_feeds_them_on_the_second_turn_though_the_first_is_sent_again(model: Exported, ollama: OllamaServer) -> None:
    asked, before = ASKED[model.template.format], len(ollama.rendered_prompts())
    history = [user("une première question"), {"role": "assistant", "content": "une réponse 😀"}]
    counts = [ollama.chat(model.name, [*history, user(text)])["prompt_eval_count"] for text in asked]
    assert_fed(model, asked, counts, ollama.rendered_prompts()[before:])


def assert_fed(model: Exported, asked: list[str], counts: list[int], rendered: list[str]) -> None:
    """The prompts as Ollama rendered them, tokenised, are training's ids, and Ollama's runner counted as many."""
    assert len(rendered) == len(asked)
    for text, count, prompt in zip(asked, counts, rendered, strict=True):
        ids = model.ids(text)
        assert model.base.tokenizer.prompt_ids(prompt, add_bos=model.template.add_bos) == ids, text
        assert count == len(ids), text


def test_ollama_feeds_them_through_generate_and_gives_their_ids_back(model: Exported, ollama: OllamaServer) -> None:
    """`context` is made again from prompt and answer, without BOS; the answer is empty here."""
    for text in ASKED[model.template.format]:
        answer, ids = ollama.generate(model.name, text), model.ids(text)
        assert answer["response"] == ""
        assert answer["prompt_eval_count"] == len(ids), text
        assert answer.get("context", []) == ids[model.template.add_bos :], text


def test_a_system_message_switches_style_and_type(model: Exported, ollama: OllamaServer) -> None:
    line = 'Style: Poe "le noir" | Type: Vers'
    by_chat = ollama.chat(model.name, [{"role": "system", "content": line}, user("la mer")])
    by_generate = ollama.generate(model.name, "la mer", system=line)
    expected = model.ids("la mer", system=line)
    assert [by_chat["prompt_eval_count"], by_generate["prompt_eval_count"]] == [len(expected)] * 2
    assert ollama.rendered_prompts()[-2:] == [model.template.prompt("la mer", system=line)] * 2
    assert by_generate["context"] == expected[model.template.add_bos :]
    assert (expected == model.ids("la mer")) is (model.template.format == "text")


@pytest.mark.parametrize(
    ("style", "custom"),
    [
        ('l\'été "noir"', None),
        ("{{ .Prompt }} }} {", None),
        ("{", "{{style}} {{type}} {topic}}} {{: {text}"),
        ("x", "{{- {topic} -}} # {text}"),
        ("x", '<s>\n\n"{style}"\n"{type}"\n{topic}\n"{text}'),
        ("x", "{topic}{text}"),
        ("x", "  deux {{/* */}} {style}\n{text}</s>"),
    ],
)
def test_whatever_stands_in_style_or_line_ollama_renders_it_as_training_did(base, ollama, tmp_path, style, custom):
    template = build_template("custom" if custom else "inst", style, base.tokens, custom)
    model = make(base, template, "hard", tmp_path / "hard", ollama)
    for text in ("hiver", "*", "{{ x }} l'été", " 'é' "):
        answer = ollama.chat("hard", [user(text)])
        assert ollama.rendered_prompts()[-1] == template.prompt(text)
        assert answer["prompt_eval_count"] == len(model.ids(text))
