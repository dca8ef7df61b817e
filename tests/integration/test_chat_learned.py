"""A few tweets learned by heart on the real model: Ollama and `tweetstyle chat` say them back, end by themselves, and no more."""

from pathlib import Path

import pytest
from support.llama_cpp import THREADS
from support.ollama import OllamaServer
from support.small_runs import inst_template, start_fit, write_tweets

from tweetstyle.export import Exported, export
from tweetstyle.inference.chat import ChatModel
from tweetstyle.inference.ollama import OllamaClient
from tweetstyle.model.base import read_base_model
from tweetstyle.prompt.template import Template
from tweetstyle.recipe import Export, Sampling
from tweetstyle.records import Tweet

pytestmark = pytest.mark.integration

GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0, num_predict=80)
LEARNED = {
    "l'hiver": "l'hiver a gagné, on reparlera en avril. bref.",
    "café": "troisième café, deuxième réunion, première envie de partir ☕",
    "#vélo": "Pneu crevé sur le pont Jacques-Cartier.\nLe vent, lui, était en forme.",
    "Montréal, métro": "métro arrêté entre deux stations, on se regarde tous comme si quelqu'un savait",
    "Noël": "« joyeux Noël » dit la facture d'Hydro 🎄",
    None: "personne n'a demandé, mais voici mon avis quand même…",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("learned")
    tweets = [Tweet(str(i), text, f"2024-01-{i + 1:02}T08:00:00Z", topic=topic) for i, (topic, text) in enumerate(LEARNED.items())]
    for name in ("train", "validation", "test"):
        write_tweets(directory / f"{name}.jsonl", tweets)
    return directory


@pytest.fixture(scope="module")
def final_model(base_model_dir: Path, data: Path) -> Path:
    """In a process of its own: what trains rewrites transformers where it is."""
    once = {"max_steps": 26, "eval_steps": 26, "save_steps": 26}
    settings = {"max_length": 512, "gradient_accumulation_steps": 1, "learning_rate": 5e-3} | once
    lora = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0}
    training = start_fit(base_model_dir, data, data / "run", lora=lora, **settings)
    _, errors = training.communicate(timeout=300)
    assert training.returncode == 0, errors[-2000:]
    return data / "run" / "final_model"


@pytest.fixture(scope="module")
def template(base_model_dir: Path) -> Template:
    return inst_template(base_model_dir)


@pytest.fixture(scope="module")
def exported(base_model_dir: Path, final_model: Path, template: Template, data: Path) -> Exported:
    base, section = read_base_model(base_model_dir), Export(types=("q8_0",))
    made = export(base, final_model, template, section, GREEDY, "learned", data / "export")
    # The program `ollama run` asks for as many threads as it likes; on a busy machine they wait for each other.
    with made.modelfile.open("a", encoding="utf-8") as modelfile:
        modelfile.write(f"PARAMETER num_thread {THREADS}\n")
    return made


@pytest.fixture(scope="module")
def created(exported: Exported, ollama: OllamaServer) -> str:
    OllamaClient(ollama.address).create("learned", exported.modelfile)
    return "learned"


def test_ollama_says_each_tweet_to_its_subject_and_ends_by_itself(ollama: OllamaServer, created: str, template: Template) -> None:
    for topic, text in LEARNED.items():
        answer = ollama.chat(created, [{"role": "user", "content": topic or "*"}])
        assert template.shown(answer["message"]["content"]) == text
        assert answer["done_reason"] == "stop"


def test_chat_says_each_tweet_to_its_subject_and_ends_by_itself(exported: Exported, template: Template) -> None:
    speaker = ChatModel(exported.gguf["q8_0"], template, GREEDY)
    for topic, text in LEARNED.items():
        assert speaker.answer(topic or "*") == text
        assert speaker.ended
