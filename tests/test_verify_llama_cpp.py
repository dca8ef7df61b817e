"""llama.cpp's logits and losses as the gate reads them: Hugging Face's on the same weights, and one clear error for another build."""

import numpy as np
import pytest
from support.llama_cpp import LlamaServer
from support.tiny_llama import write_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.export import export
from tweetstyle.inference import llama_cpp
from tweetstyle.inference.likelihood import load_model, summed_losses
from tweetstyle.inference.llama_cpp import Logits, score
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Export, Sampling

TEXTS = ["la neige", "it's 1234 reasons", "déjà vu 😀 #hiver @moi", "<|eot_id|> [INST]", "zz\x00zz", "\n\n  x", ""]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """(base, template, its f32 GGUF): an untied random Llama with two query heads a key head."""
    directory = tmp_path_factory.mktemp("tiny")
    base = write_llama(directory / "base", num_hidden_layers=2)
    template = build_template("inst", "Nimzo", base.tokens)
    return base, template, export(base, None, template, Export(types=("f32",)), Sampling(), "tiny", directory / "out").gguf["f32"]


@pytest.fixture(scope="module")
def documents(tiny) -> list[Encoded]:
    """Forty of very different lengths, one without a prompt: its first token has nothing to be predicted from."""
    base, template, _ = tiny
    texts = [f"{TEXTS[i % 5]} " * (1 + i % 7) for i in range(40)]
    return [*(base.tokenizer.encode(template, text, None, "Tweet") for text in texts), Encoded([5, 6, 7], 0)]


def test_losses_are_hugging_faces(tiny, documents):
    import torch

    base, _, gguf = tiny
    done = []
    with Logits.for_documents(gguf, documents) as logits:
        found = score(logits, documents, done.append)
    with torch.inference_mode():
        expected = summed_losses(load_model(base.path, "full"), documents, lambda tokens: None)
    # llama.cpp keeps keys and values in float16: 1e-4 of a loss, while one token left out would be 1e-1.
    assert found.dtype == np.float64 and np.allclose(found, expected, rtol=5e-4, atol=0)
    assert sum(done) == sum(len(d.ids) for d in documents) and len(done) > 1


def test_token_ids_are_those_of_llama_cpps_server(tiny):
    _, template, gguf = tiny
    texts = [*(t for t in TEXTS if "\x00" not in t), template.prompt("la neige")]
    with Logits(gguf) as logits, LlamaServer(gguf) as server:
        for special in (True, False):
            options = {"add_special": special, "parse_special": special}
            assert [logits.tokenize(t, **options) for t in texts] == [server.tokenize(t, **options) for t in texts]


@pytest.mark.parametrize("content", [None, b"", b"GGUF" + b"\0" * 100])
def test_a_file_that_llama_cpp_does_not_load_is_named(tmp_path, content):
    path = tmp_path / "broken.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TweetstyleError, match="llama.cpp cannot load it") as raised:
        Logits(path)
    assert raised.value.where == str(path)


def test_a_struct_of_another_layout_is_one_clear_error(tiny, monkeypatch):
    """As if n_threads had moved: what is written there does not come back from the library's own getter."""
    monkeypatch.setitem(llama_cpp.WORDS, "n_threads", 20)
    with pytest.raises(TweetstyleError, match="has another layout") as raised:
        Logits(tiny[2])
    assert llama_cpp.TESTED_VERSION in raised.value.hint
