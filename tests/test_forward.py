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
from tweetstyle.train import packed_attention
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


def test_packed_documents_are_read_each_by_itself_as_by_transformers_own_attention(llama, documents, base):
    """A packed row and its gradients, against each document alone; with fewer key heads than heads."""
    ours = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32, attn_implementation=packed_attention.register())
    assert ours.config.num_key_value_heads < ours.config.num_attention_heads
    packed = [torch.tensor(document.ids) for document in documents[:4]]
    positions = torch.cat([torch.arange(len(ids)) for ids in packed])
    row = ours(input_ids=torch.cat(packed)[None], position_ids=positions[None], use_cache=False).logits[0]
    alone = torch.cat([llama(ids[None], use_cache=False).logits[0] for ids in packed])
    torch.testing.assert_close(row, alone, atol=1e-5, rtol=0)
    for logits in (row, alone):
        logits.log_softmax(-1)[:, 7].sum().backward()
    for (name, one), other in zip(ours.named_parameters(), llama.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-4, msg=name)


def test_attention_under_autocast_is_rounded_once():
    """Of bfloat16 values, as autocast makes them. PyTorch's own attention, with shares in bfloat16, rounds 4 of 10 numbers otherwise."""
    query, key, value = torch.randn(3, 1, 2, 40, 16, generator=torch.Generator().manual_seed(0))
    value, positions = value.bfloat16(), torch.arange(40)[None] % 25
    with torch.autocast("cpu", torch.bfloat16):
        seen, _ = packed_attention.attend(None, query, key, value, None, scaling=0.25, position_ids=positions)
    hidden = torch.block_diag(torch.ones(25, 25).tril(), torch.ones(15, 15).tril()) == 0
    shares = (query.double() @ key.double().mT * 0.25).masked_fill(hidden, -torch.inf).softmax(-1)
    assert seen.dtype == torch.bfloat16 and ((shares @ value.double()).transpose(1, 2).bfloat16() != seen).double().mean() < 0.001
