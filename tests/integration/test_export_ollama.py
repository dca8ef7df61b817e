"""Ollama takes the export as it is: it reads the Modelfile back unchanged, and would have chosen the same types itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ollama import OllamaServer, unquoted
from support.tiny_llama import write_llama

from tweetstyle.export import export
from tweetstyle.export.modelfile import head_length
from tweetstyle.model.base import read_base_model
from tweetstyle.prompt.template import SpecialTokens, build_template
from tweetstyle.recipe import Export, Sampling

pytestmark = pytest.mark.integration

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SAMPLING = Sampling(temperature=0.65, top_k=33, top_p=0.91, min_p=0.03, repeat_penalty=1.07, num_predict=77, seed=11)


def read_parameters(shown: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in shown.splitlines():
        name, value = line.split(None, 1)
        found.setdefault(name, []).append(unquoted(value))
    return found


@pytest.mark.parametrize("format", ["inst", "text", "chat", "custom"])
def test_show_gives_back_the_template_and_every_parameter(ollama: OllamaServer, tmp_path, format):
    base = write_llama(tmp_path / "base")
    tokens = SpecialTokens(base.tokens.bos, "<|eot_id|>" if format == "chat" else base.tokens.eos, CHATML.replace("im_end", "eot_id"))
    custom = '<s>"{style}" dit\n({type}) "{topic}" => {text}</s>' if format == "custom" else None
    template = build_template(format, 'Nimzo "l\'été" {{ 100 % }} \\n #1', tokens, custom)
    exported = export(base, None, template, Export(types=("q8_0",), num_ctx=512), SAMPLING, "a name", tmp_path / "out")
    ollama.create(f"shown-{format}", exported.modelfile)
    shown = ollama.show(f"shown-{format}")
    assert shown["template"] == template.ollama()
    parameters = read_parameters(shown["parameters"])
    numbers = {name: float(values[0]) for name, values in parameters.items() if name != "stop"}
    assert sorted(parameters["stop"]) == sorted(template.stops)
    written = SAMPLING.model_dump() | {"num_ctx": 512, "num_keep": head_length(template, base.tokenizer)}
    assert numbers == pytest.approx(written) and len(written) == 9


def test_ollama_speaks_with_the_export_in_the_prompt_of_training(ollama: OllamaServer, base_model_dir, tmp_path):
    base = read_base_model(Path(base_model_dir))
    template = build_template("inst", "Nimzo", base.tokens)
    exported = export(base, None, template, Export(), Sampling(num_predict=8), "smol", tmp_path / "smol")
    ollama.create("spoken", exported.modelfile)
    answer = ollama.chat("spoken", [{"role": "user", "content": "l'hiver"}])
    assert answer["done"] and answer["message"]["content"]
    prompt = template.prompt("l'hiver")
    assert ollama.rendered_prompts()[-1] == prompt
    assert answer["prompt_eval_count"] == len(base.tokenizer.prompt_ids(prompt, add_bos=True))
