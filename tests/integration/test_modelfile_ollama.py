"""Whatever a person can type into a style or a line, the real Ollama reads back from the Modelfile rune for rune."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.ollama import OllamaServer, unquoted
from support.tiny_llama import write_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.export import export
from tweetstyle.export.modelfile import head_length, modelfile
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import SpecialTokens, Template, build_template
from tweetstyle.recipe import Export, Sampling

pytestmark = pytest.mark.integration

TOKENS = SpecialTokens("<|begin_of_text|>", "<|end_of_text|>")
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SAMPLING = Sampling(temperature=0.65, top_k=33, top_p=0.91, min_p=0.03, repeat_penalty=1.07, num_predict=77, seed=11)
NASTY = st.text(st.sampled_from("\"'{}\\\n \t#`%$é😀-.n"), min_size=1, max_size=25)


@pytest.fixture(scope="module")
def gguf(tmp_path_factory) -> Path:
    room = tmp_path_factory.mktemp("nasty")
    base = write_llama(room / "base")
    return export(base, None, build_template("text", "x", base.tokens), Export(types=("f16",)), Sampling(), "nasty", room / "out").gguf[
        "f16"
    ]


def template_of(format: str, base: BaseModel) -> Template:
    tokens = SpecialTokens(base.tokens.bos, "<|eot_id|>" if format == "chat" else base.tokens.eos, CHATML.replace("im_end", "eot_id"))
    custom = '<s>"{style}" dit\n({type}) "{topic}" => {text}</s>' if format == "custom" else None
    return build_template(format, 'Nimzo "l\'été" {{ 100 % }} \\n #1', tokens, custom)


@pytest.mark.parametrize("format", ["inst", "text", "chat", "custom"])
def test_show_gives_back_the_template_and_every_parameter(ollama: OllamaServer, tmp_path, format):
    base = write_llama(tmp_path / "base")
    template = template_of(format, base)
    exported = export(base, None, template, Export(types=("q8_0",), num_ctx=512), SAMPLING, "a name", tmp_path / "out")
    ollama.create(f"shown-{format}", exported.modelfile)
    shown = ollama.show(f"shown-{format}")
    lines = [line.split(None, 1) for line in shown["parameters"].splitlines()]
    assert shown["template"] == template.ollama()
    assert sorted(unquoted(value) for name, value in lines if name == "stop") == sorted(template.stops)
    written = SAMPLING.model_dump() | {"num_ctx": 512, "num_keep": head_length(template, base.tokenizer)}
    assert {name: float(unquoted(value)) for name, value in lines if name != "stop"} == pytest.approx(written)


def shown(ollama: OllamaServer, gguf: Path, template: Template) -> tuple[str, list[str]]:
    """(TEMPLATE, stop texts) as Ollama has them of our Modelfile."""
    path = gguf.with_name("Modelfile")
    path.write_text(modelfile(gguf.name, template, Export(), Sampling(), 9), encoding="utf-8")
    ollama.create("nasty", path)
    found = ollama.show("nasty")
    stops = [unquoted(line.split(None, 1)[1]) for line in found["parameters"].splitlines() if line.startswith("stop ")]
    return found["template"], stops


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NASTY, NASTY)
@example('"', '"')
@example("{{", '{{ "')
@example("a", '"\n"')
@example("# FROM x", "\nPARAMETER stop x\n")
@example(" ", "\t")
def test_a_style_and_a_line_come_back_or_are_refused(ollama, gguf, style, line):
    try:
        template = build_template("custom", style, TOKENS, "<s>" + line.replace("{", "{{") + "{style}{topic}{text}")
        modelfile("x.gguf", template, Export(), Sampling(), 9)
    except TweetstyleError as error:
        assert error.where and error.hint
        return
    assert shown(ollama, gguf, template) == (template.ollama(), list(template.stops))


def test_every_kind_of_printable_character_comes_back(ollama, gguf):
    chance = random.Random(5)
    printable = [chr(c) for c in range(0x110000) if chr(c).isprintable() and chr(c) not in '{}"<>']
    style = "".join(chance.sample(printable, 4000))
    template = build_template("inst", style, TOKENS)
    assert shown(ollama, gguf, template)[0] == template.ollama() and style in template.ollama()
