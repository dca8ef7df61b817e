"""The guide with nothing replaced: a real trial on 100 tweets, a chat without Ollama, and, continued, the real Ollama's own."""

import csv
import os
import sys
from itertools import islice
from pathlib import Path

import pytest
from support.ollama import READY, OllamaServer
from support.terminal import Terminal

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).parent / "tweetstyle"

# A training and an evaluation on one or two cores, beside other tests.
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture
def place(tmp_path: Path, base_model_dir: Path) -> Path:
    """A clone's directory with the small default, and 300 tweets of the sample in its place: fewer to score."""
    (tmp_path / "home").mkdir()
    (tmp_path / "model").mkdir()
    for path in (base_model_dir, base_model_dir.with_suffix(".gguf")):
        (tmp_path / "model" / path.name).symlink_to(path)
    sample = tmp_path / "data" / "sample"
    sample.mkdir(parents=True)
    with (ROOT / "data" / "sample" / "tweets.csv").open(encoding="utf-8", newline="") as whole, (sample / "tweets.csv").open("w") as part:
        csv.writer(part).writerows(islice(csv.reader(whole), 301))
    return tmp_path


def session(place: Path, language: str, answers: list[tuple[str, str]], **environment: str) -> Terminal:
    """The guide up to its last question, each answered once: the question's words, and what is typed."""
    own = {"HOME": str(place / "home"), "OLLAMA_HOST": "127.0.0.1:9", "CUDA_VISIBLE_DEVICES": ""} | environment
    terminal = Terminal([str(PROGRAM), "start", "--lang", language], dict(os.environ) | own, directory=place)
    try:
        for question, typed in answers:
            terminal.wait_for(question, 1, timeout=2400)
            terminal.type(typed)
    except BaseException:
        terminal.close()
        raise
    return terminal


def test_from_an_archive_to_a_chat_without_ollama_and_then_with_it(place: Path, ollama: OllamaServer) -> None:
    in_french = session(
        place,
        "fr",
        [("Quelle archive", "1"), ("Est-ce de ces tweets", ""), ("Nom du style", "Nimzo"), ("Quel genre de modèle", ""),
         ("Quel modèle de base", ""), ("Entraîner maintenant", "o"), ("Ouvrir la conversation", ""), (">>> ", "hiver")],
    )  # fmt: skip
    try:
        in_french.wait_for(">>> ", 2, timeout=300)
        in_french.type("/bye")
        in_french.wait_for("La lancer maintenant", 1, timeout=300)
        screen = in_french.interrupt(timeout=60)
    finally:
        in_french.close()
    assert in_french.process.returncode == 130
    answer = screen.rpartition(">>> hiver")[2].partition(">>> /bye")[0]
    assert answer.strip() and "le vôtre" in screen and "Traceback" not in screen
    assert "ollama create nimzo-trial -f export/nimzo-trial/Modelfile" in screen and "tweetstyle-fit recipes/nimzo.yaml" in screen
    assert "environ" in screen.partition("L’exécution complète, sur tous les tweets")[2]

    path = f"{ollama.binary.parent}:{os.environ['PATH']}"
    in_english = session(
        place, "en", [("Continue with nimzo", ""), ("Run them now?", ""), (READY, "hiver")], PATH=path, **ollama_only(ollama)
    )
    try:
        in_english.wait_for(READY, 2, timeout=300)
        in_english.type("/bye")
        in_english.wait_for("Start it now?", 1, timeout=300)
        in_english.type("")
        screen = in_english.finish(timeout=60)
    finally:
        in_english.close()
    assert in_english.process.returncode == 0 and "Which archive?" not in screen and "Train on 100 tweets now?" not in screen
    assert "Done: it writes tweets about a subject." in screen
    assert ollama.generate("nimzo-trial", "hiver")["response"].strip()


def ollama_only(server: OllamaServer) -> dict[str, str]:
    return {name: value for name, value in server.environment.items() if name.startswith("OLLAMA_")}
