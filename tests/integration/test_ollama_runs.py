"""The Ollama that the other tests trust: it starts, creates, answers, and its log tells the prompt to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ollama import OllamaError, OllamaServer, unquoted
from support.terminal import screen_text

from tweetstyle.model.tokenizer import Tokenizer

pytestmark = pytest.mark.integration

ASK = "What is the capital of France?"
TRICKY = 'dit "bonjour" à l\'été 👩‍👩‍👧 2 =3\\n\n\tfin \u00a0 <|im_end|>'


@pytest.fixture(scope="module")
def capital(ollama: OllamaServer, original_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model whose prompt is its own ChatML and whose answers are greedy."""
    modelfile = tmp_path_factory.mktemp("modelfile") / "Modelfile"
    modelfile.write_text(
        f'FROM {original_gguf}\nTEMPLATE """<|im_start|>user\n{{{{ .Prompt }}}}<|im_end|>\n<|im_start|>assistant\n"""\n'
        "PARAMETER temperature 0\nPARAMETER repeat_penalty 1\nPARAMETER num_predict 40\nPARAMETER num_thread 1\nPARAMETER num_ctx 512\n",
        encoding="utf-8",
    )
    ollama.create("capital", modelfile)
    return "capital"


def prompt(text: str) -> str:
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def test_a_created_model_answers_and_stops_by_itself(ollama: OllamaServer, capital: str) -> None:
    answer = ollama.chat(capital, [{"role": "user", "content": ASK}])
    assert answer["message"]["content"] == "The capital of France is Paris."
    assert answer["done_reason"] == "stop"


@pytest.mark.parametrize("text", [TRICKY, "one", "déjà vu", "a\\b", "x=1", "\u200d\u3000"])
def test_the_log_gives_the_rendered_prompt_back_to_the_letter(ollama: OllamaServer, capital: str, text: str) -> None:
    ollama.chat(capital, [{"role": "user", "content": text}], {"num_predict": 1})
    assert ollama.rendered_prompts()[-1] == prompt(text)


@pytest.mark.parametrize("text", ["one", "a\\b", "déjà", '"', "x=1"])
def test_the_log_gives_raw_prompts_back_whether_it_quotes_them_or_not(ollama: OllamaServer, capital: str, text: str) -> None:
    ollama.generate(capital, text, {"num_predict": 1}, raw=True)
    assert ollama.rendered_prompts()[-1] == text


def test_the_rendered_prompt_has_as_many_tokens_as_ollama_counted(ollama: OllamaServer, capital: str, base_model_dir: Path) -> None:
    answer = ollama.generate(capital, TRICKY, {"num_predict": 1})
    ids = Tokenizer(base_model_dir / "tokenizer.json", None).prompt_ids(ollama.rendered_prompts()[-1], add_bos=False)
    assert answer["prompt_eval_count"] == len(ids)
    assert answer["context"][: len(ids)] == ids


def test_the_terminal_shows_what_http_answers(ollama: OllamaServer, capital: str) -> None:
    expected = ollama.chat(capital, [{"role": "user", "content": ASK}])["message"]["content"]
    before = len(ollama.rendered_prompts())
    screen = ollama.run_in_pty(capital, [ASK])
    assert screen.splitlines()[:3] == [f">>> {ASK}", expected, ""]
    assert ollama.rendered_prompts()[before:] == [prompt(ASK)]


def test_what_ollama_refuses_is_told_in_its_own_words(ollama: OllamaServer, tmp_path: Path) -> None:
    (tmp_path / "Modelfile").write_text("FROM ./absent.gguf\nPARAMETER colour blue\n")
    with pytest.raises(OllamaError, match="colour"):
        ollama.create("absent", tmp_path / "Modelfile")
    with pytest.raises(OllamaError, match="404.*not found"):
        ollama.show("absent")


def test_a_model_shows_the_template_and_parameters_it_was_created_with(ollama: OllamaServer, capital: str) -> None:
    shown = ollama.show(capital)
    assert shown["template"] == prompt("{{ .Prompt }}")
    assert "num_predict" in shown["parameters"]


@pytest.mark.parametrize(
    ("written", "text"),
    [("plain", "plain"), (r'"a \"b\"\n\\n"', 'a "b"\n\\n'), (r'"\u200d \x07\a"', "\u200d \x07\x07"), (r'"\U000e0001"', "\U000e0001")],
)
def test_go_quotes_are_undone(written: str, text: str) -> None:
    assert unquoted(written) == text


@pytest.mark.parametrize(
    ("output", "seen"),
    [
        ("\x1b[?25l⠋ \x1b[K\x1b[2K\x1b[1Gdone", "done"),
        (">>> \x1b[38;5;245mSend\x1b[4D\x1b[0m\x1b[Khello\r\nworld", ">>> hello\nworld"),
        ("abc\rX", "Xbc"),
    ],
)
def test_the_screen_is_what_a_person_would_see(output: str, seen: str) -> None:
    assert screen_text(output) == seen
