"""Forward passes over a loaded model: hidden states, and losses in slices."""

import pytest
import torch
from support.tiny_llama import write_llama
from torch.overrides import TorchFunctionMode
from transformers import AutoModelForCausalLM

from tweetstyle.dataset.examples import Document
from tweetstyle.inference.generate import generate
from tweetstyle.model.tokenizer import IGNORED
from tweetstyle.recipe import Sampling
from tweetstyle.train.validation import score


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_llama(tmp_path_factory.mktemp("llama") / "base")


@pytest.fixture
def llama(base):
    return AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32)


@pytest.fixture(scope="module")
def documents():
    """Tweets of unlike lengths after prompts of unlike lengths, more than one batch of them."""
    chance = torch.Generator().manual_seed(0)
    found = []
    for number in range(60):
        ids = torch.randint(4, 320, (8 + number,), generator=chance).tolist()
        found.append(Document(ids, [IGNORED] * (number % 7) + ids[number % 7 :], len(ids)))
    return found


def by_transformers(llama, documents):
    """(nats, tokens): transformers' own loss of each document alone."""
    total, tokens = 0.0, 0
    for document in documents:
        count = sum(label != IGNORED for label in document.labels[1:])
        with torch.no_grad():
            loss = llama(input_ids=torch.tensor([document.ids]), labels=torch.tensor([document.labels])).loss
        total, tokens = total + loss.item() * count, tokens + count
    return total, tokens


class LargestLogits(TorchFunctionMode):
    """Notes the most elements that a tensor with the vocabulary as its last dimension had."""

    elements = 0

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        if isinstance(result, torch.Tensor) and result.dim() > 1 and result.shape[-1] == 384 and result.shape[-2] != 64:
            self.elements = max(self.elements, result.numel())
        return result


def test_the_sum_is_that_of_transformers_own_loss(llama, documents, base):
    expected, tokens = by_transformers(llama, documents)
    found = score(llama.train(), documents, base.pad_id)
    assert found.nll == pytest.approx(expected, rel=1e-6) and found.tokens == tokens and llama.training


def test_logits_are_made_in_slices_of_the_positions_that_carry_loss(llama, documents, base, monkeypatch):
    expected = score(llama, documents, base.pad_id).nll
    monkeypatch.setattr("tweetstyle.inference.forward.positions_per_slice", lambda *_: 7)
    with LargestLogits() as seen:
        found = score(llama, documents, base.pad_id)
    assert found.nll == pytest.approx(expected, rel=1e-6)
    assert seen.elements == 7 * 384, "a batch has up to 1,024 positions"


def test_samples_make_the_logits_of_one_position_a_row(llama, base):
    with LargestLogits() as seen:
        generate(llama, [[5] * 90, [6] * 40], Sampling(num_predict=2), [base.eos_id], [(0, 0), (0, 1)])
    assert 0 < seen.elements <= 2 * 384
