"""The real model exported and talked with: Ollama and `tweetstyle chat` answer, end by themselves, and show no template text."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.llama_cpp import THREADS
from support.ollama import OllamaServer

from tweetstyle.base_model import read_base_model
from tweetstyle.chat import Speaker
from tweetstyle.export import Exported, export
from tweetstyle.ollama import OllamaClient
from tweetstyle.recipe import Export, Sampling
from tweetstyle.template import Template, build_template

pytestmark = pytest.mark.integration

GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0, num_predict=120)
ASKED = ["What is the capital of France?", "What color is the sky?", "Who wrote Hamlet?"]
TEMPLATE_TEXT = ("<|im_start|>", "<|im_end|>", "Style:", "assistant\n", "user\n", "<s>", "</s>")


@pytest.fixture(scope="module")
def template(base_model_dir: Path) -> Template:
    return build_template("chat", "an encyclopedia", read_base_model(base_model_dir).tokens)


@pytest.fixture(scope="module")
def exported(base_model_dir: Path, template: Template, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    directory = tmp_path_factory.mktemp("real") / "real"
    return export(read_base_model(base_model_dir), None, template, Export(types=("q8_0",)), GREEDY, "real", directory)


@pytest.fixture(scope="module")
def created(exported: Exported, ollama: OllamaServer) -> str:
    OllamaClient(ollama.address).create("real", exported.modelfile)
    return "real"


def assert_clean(answer: str) -> None:
    assert answer == answer.strip() != ""
    assert [text for text in TEMPLATE_TEXT if text in answer] == []


@pytest.mark.parametrize("message", ASKED)
def test_ollama_answers_ends_by_itself_and_shows_no_template_text(ollama: OllamaServer, created: str, message: str) -> None:
    answer = ollama.chat(created, [{"role": "user", "content": message}])
    assert answer["done_reason"] == "stop"
    assert answer["eval_count"] < GREEDY.num_predict
    assert_clean(answer["message"]["content"])


@pytest.mark.parametrize("message", ASKED)
def test_chat_answers_ends_by_itself_and_shows_no_template_text(exported: Exported, template: Template, message: str) -> None:
    speaker = Speaker(exported.gguf["q8_0"], template, GREEDY, threads=THREADS)
    answer = speaker.answer(message)
    assert speaker.ended
    assert_clean(answer)
    if "France" in message:
        assert "Paris" in answer


def test_the_client_asks_as_a_person_at_the_terminal_does(ollama: OllamaServer, created: str, template: Template) -> None:
    answer = OllamaClient(ollama.address).ask(created, ASKED[0])
    screen = ollama.run_in_pty(created, [ASKED[0]])
    assert answer.strip() in screen
    assert ollama.rendered_prompts()[-2:] == [template.prompt(ASKED[0])] * 2
