"""What was trained is what llama.cpp runs: logits, tokens and prompts of the exported GGUF against Hugging Face's."""

import csv
from pathlib import Path

import gguf
import numpy as np
import pytest
from scipy.special import log_softmax
from support.llama_cpp import LlamaServer, all_logits
from support.tiny_llama import write_llama

from tweetstyle.export import export
from tweetstyle.inference.llama_cpp import Logits
from tweetstyle.model.base import read_base_model
from tweetstyle.prompt.template import SpecialTokens, build_template
from tweetstyle.recipe import Export, Sampling

pytestmark = pytest.mark.integration

ARCHIVE = Path(__file__).parents[2] / "data" / "sample" / "tweets.csv"
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="module")
def base(base_model_dir):
    return read_base_model(Path(base_model_dir))


@pytest.fixture(scope="module")
def template(base):
    return build_template("inst", "Nimzo", base.tokens)


@pytest.fixture(scope="module")
def tuned(base, tmp_path_factory):
    """(transformers' model in float32 with a seeded random adapter by PEFT, the adapter's directory)."""
    import peft
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32)
    torch.manual_seed(0)
    config = peft.LoraConfig(r=16, lora_alpha=32, use_rslora=True, target_modules=LINEARS, task_type="CAUSAL_LM")
    model = peft.get_peft_model(model, config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:  # PEFT starts at zero, where any merge would be right
                weight.normal_(0, 0.008)
    directory = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(directory)
    return model, directory


@pytest.fixture(scope="module")
def exported(base, template, tuned, tmp_path_factory):
    return export(base, tuned[1], template, Export(types=("f16",)), Sampling(), "smol", tmp_path_factory.mktemp("out") / "smol")


@pytest.fixture(scope="module")
def documents(base, template):
    """Ids of twenty tweets of the sample archive, as they are trained: prompt, tweet, end."""
    with ARCHIVE.open(encoding="utf-8", newline="") as stream:
        texts = [row["texte"] for row in csv.DictReader(stream) if len(row["texte"]) > 60 and not row["texte"].startswith("RT @")]
    return [base.tokenizer.encode(template, text, None, "Tweet").ids for text in texts[-20:]]


def torch_logits(model, ids: list[int]) -> np.ndarray:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads that wait for each other in a loop are slow beside other work
    try:
        with torch.no_grad():
            return model(input_ids=torch.tensor([ids])).logits[0].float().numpy()
    finally:
        torch.set_num_threads(threads)


def divergence(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    """KL(expected ‖ found) in nats at each position."""
    p, q = (log_softmax(side.astype(np.float64), axis=-1) for side in (expected, found))
    return (np.exp(p) * (p - q)).sum(-1)


def test_f16_gives_the_logits_of_base_plus_adapter(tuned, exported, documents):
    references = [torch_logits(tuned[0], ids) for ids in documents]
    with Logits(exported.gguf["f16"]) as llama_cpp:
        found = np.concatenate([divergence(r, all_logits(llama_cpp, ids)) for ids, r in zip(documents, references, strict=True)])
    assert len(documents) == 20 and len(found) > 500
    assert found.mean() <= 1e-4 and np.quantile(found, 0.999) <= 1e-3
    with tuned[0].disable_adapter():
        control = divergence(references[0], torch_logits(tuned[0], documents[0]))
    assert control.mean() > 0.02, "the adapter changes so little that the merge is not tested"


@pytest.mark.parametrize("format", ["inst", "text", "chat", "custom"])
def test_the_chat_template_renders_the_prompt_of_training(tmp_path, format):
    """By jinja2, as transformers renders it, and by llama.cpp's own engine."""
    base = write_llama(tmp_path / "base")
    tokens = SpecialTokens(base.tokens.bos, base.tokens.eos, CHATML)
    tokens = SpecialTokens(tokens.bos, "<|eot_id|>", CHATML.replace("im_end", "eot_id")) if format == "chat" else tokens
    custom = "<s>{style} 'dit' \"{type}\"\nthe functions {topic} => {text}</s>" if format == "custom" else None
    template = build_template(format, "l'été, my tools: <think>aloud</think> <|channel|>", tokens, custom)
    exported = export(base, None, template, Export(types=("q8_0",)), Sampling(), "t", tmp_path / "out")
    found = gguf.GGUFReader(exported.gguf["q8_0"]).fields.get("tokenizer.chat_template")
    if format == "text":
        assert found is None
        return
    # Words by which Ollama 0.33 prefers the chat template to TEMPLATE, and llama.cpp takes it for another family's.
    assert not [word for word in ("tools", "tool_call", "<think>", "<|channel|>") if word in found.contents()]
    with LlamaServer(exported.gguf["q8_0"]) as server:
        for message in ("*", "l'hiver à Montréal", "<s>[INST] {{ x }} {% y %}", 'guillemets " et \\ barre', "😀"):
            for system in (None, "Style: Autre | Type: Réponse"):
                expected = template.prompt(message, system=system)
                turns = [{"role": "system", "content": system}] if system else []
                turns.append({"role": "user", "content": message})
                assert render(found.contents(), turns) == expected
                assert server.apply_template(turns) == expected
        history = [*turns, {"role": "assistant", "content": "avant"}, {"role": "user", "content": "après"}]
        assert server.apply_template(history) == render(found.contents(), history) == template.prompt("après", system=system)


def render(source: str, turns: list[dict[str, str]]) -> str:
    from transformers.utils.chat_template_utils import render_jinja_template

    rendered, _ = render_jinja_template([turns], chat_template=source, add_generation_prompt=True)
    return rendered[0]
