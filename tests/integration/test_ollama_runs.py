"""The Ollama that the other tests trust: it starts, creates, answers, and its log tells the prompt to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ollama import OllamaServer

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


def test_the_rendered_prompt_has_as_many_tokens_as_ollama_counted(ollama: OllamaServer, capital: str, base_model_dir: Path) -> None:
    answer = ollama.generate(capital, TRICKY, {"num_predict": 1})
    ids = Tokenizer(base_model_dir / "tokenizer.json", None).prompt_ids(ollama.rendered_prompts()[-1], add_bos=False)
    assert answer["prompt_eval_count"] == len(ids)
    assert answer["context"][: len(ids)] == ids
