"""A message longer than the context, in the real Ollama: what the model is fed begins with the format's head."""

import re
import shutil
from pathlib import Path

import pytest
from support.tiny_llama import write_llama

from tweetstyle.export import export
from tweetstyle.inference.ollama import OllamaClient
from tweetstyle.model.base import BaseModel, read_base_model
from tweetstyle.prompt.template import Template, build_template
from tweetstyle.recipe import Export, Sampling

pytestmark = pytest.mark.integration

NUM_CTX = 192
LONG = " ".join(f"{number} mots" for number in range(400))
TRUNCATED = re.compile(r'msg="truncating input prompt" limit=(\d+) prompt=(\d+) keep=(\d+) new=(\d+)')
SHIFTED = re.compile(r'msg="context limit hit - shifting" .*\bkeep=(\d+)')
ANSWER = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repeat_penalty=1.0, num_predict=12, seed=1)


@pytest.fixture(scope="module")
def base(base_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """Random weights behind SmolLM2's tokenizer: an answer depends on every id of its prompt."""
    directory = tmp_path_factory.mktemp("long") / "base"
    write_llama(directory, pre="smollm", vocab_size=49152, max_position_embeddings=4096)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(base_model_dir / name, directory / name)
    return read_base_model(directory)


def build(name: str, base: BaseModel) -> Template:
    custom = "<s>{style} ({type}) writes, and says about {topic}: {text}" if name == "custom" else None
    if name == "conversation":
        return build_template("chat", "Nimzo", base.tokens, system="Answer as I do, briefly.", conversation=True)
    return build_template(name, "Nimzo", base.tokens, custom)


@pytest.mark.parametrize("name", ["inst", "custom", "text", "chat", "conversation"])
def test_the_head_of_the_prompt_is_fed_before_the_end_of_the_message(name, base, ollama, tmp_path):
    """Which ids those are is seen by the answer: the same as to a prompt of just these, and not the one that Ollama's default gives."""
    template, model = build(name, base), f"long-{name}"
    section = Export(types=("f32",), num_ctx=NUM_CTX)
    OllamaClient(ollama.address).create(model, export(base, None, template, section, ANSWER, model, tmp_path / model).modelfile)
    ids = base.tokenizer.prompt_ids(template.prompt(LONG), add_bos=template.add_bos)
    head = base.tokenizer.prompt_ids(template.prompt(LONG).split(LONG)[0].rstrip(" "), add_bos=template.add_bos)
    fed = ids[: len(head)] + ids[len(head) + len(ids) - NUM_CTX :]
    assert ids[: len(head)] == head and len(ids) > 5 * NUM_CTX

    answer = ollama.chat(model, [{"role": "user", "content": LONG}])
    *_, truncated = TRUNCATED.findall(ollama.log.read_text())
    assert list(map(int, truncated)) == [NUM_CTX, len(ids), len(head), NUM_CTX]
    *_, keep = SHIFTED.findall(ollama.log.read_text())  # the context is full, so the first token written moves it on
    assert (answer["prompt_eval_count"], int(keep)) == (NUM_CTX, len(head))
    written = base.tokenizer.decode(fed[template.add_bos :])
    assert base.tokenizer.prompt_ids(written, add_bos=template.add_bos) == fed
    alone = ollama.generate(model, written, raw=True)
    assert (alone["prompt_eval_count"], alone["response"]) == (NUM_CTX, answer["message"]["content"])
    if len(head) > 1:
        by_default = ollama.chat(model, [{"role": "user", "content": LONG}], {"num_keep": 4})
        assert by_default["message"]["content"] != answer["message"]["content"]
