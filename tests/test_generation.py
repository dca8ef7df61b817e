"""Sampling: each setting against transformers' own processors or a hand calculation. Every step's logits against transformers'."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tiny_llama import write_adapter, write_llama
from transformers import AutoModelForCausalLM
from transformers.generation import MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TopKLogitsWarper, TopPLogitsWarper

from tweetstyle.inference import generate as generation
from tweetstyle.inference.decoder import PASS_TOKENS
from tweetstyle.inference.generate import SHORTEST_PREFIX, candidates, draw, generate, read_shared_prefix
from tweetstyle.inference.likelihood import load_adapter
from tweetstyle.recipe import Sampling

NEUTRAL = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0}


def of(scores: list[float], ids: list[int] | None = None, **changed) -> list[float]:
    left, tokens = candidates(torch.tensor([scores]), [ids or [0]], Sampling(**(NEUTRAL | changed)))
    return torch.full((1, len(scores)), -torch.inf).scatter(1, tokens, left)[0].tolist()


@given(
    st.lists(st.integers(-60, 60).map(lambda n: n / 3), min_size=5, max_size=40, unique=True),
    st.integers(1, 12),
    st.floats(0.1, 0.99),
    st.floats(0, 0.5),
    st.sampled_from((2, 1024)),
)
@settings(max_examples=100, deadline=None)
def test_each_cut_alone_is_that_of_transformers(scores, k, p, min_p, sorted_first):
    """Also where more tokens than those that are sorted first have to be."""
    given_, ids = torch.tensor([scores]), torch.tensor([[0]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation, "LIKELIEST", sorted_first)
        for changed, theirs in (
            ({"top_k": k}, TopKLogitsWarper(k)),
            ({"top_p": p}, TopPLogitsWarper(p)),
            ({"min_p": min_p}, MinPLogitsWarper(min_p)),
        ):
            assert (torch.tensor(of(scores, **changed)) > -torch.inf).tolist() == (theirs(ids, given_)[0] > -torch.inf).tolist()


def test_the_temperature_comes_last_as_in_llama_cpp():
    """Chances 0.643, 0.237, 0.087, 0.032. top_p 0.9 keeps three of them at temperature 1; flattened first, it would keep four."""
    kept = of([3.0, 2.0, 1.0, 0.0], top_p=0.9, temperature=4.0)
    assert kept == [0.75, 0.5, 0.25, -torch.inf]


def test_the_penalty_is_that_of_transformers_on_the_last_64_tokens():
    scores = [2.0, -1.0, 0.5, 3.0, 1.0]
    theirs = RepetitionPenaltyLogitsProcessor(1.3)(torch.tensor([[1, 3]]), torch.tensor([scores]))[0].tolist()
    assert of(scores, ids=[1, 3], repeat_penalty=1.3) == pytest.approx(theirs)
    long_ago = of(scores, ids=[2] + [1, 3] * 32, repeat_penalty=1.3)
    assert long_ago[2] == 0.5 and long_ago[3] == pytest.approx(3 / 1.3)


def test_at_temperature_0_the_best_token_alone_is_left():
    assert of([1.0, 4.0, 2.0], temperature=0.0) == [-torch.inf, 0.0, -torch.inf]


def test_a_number_between_0_and_1_falls_on_the_token_whose_share_of_it_that_is():
    """Shares 0.5, 0.3 and 0.2 of tokens 2, 0 and 1, the likeliest first, in more rows than are drawn at a time."""
    scores, chance = torch.tensor([0.3, 0.2, 0.5]).log().repeat(12, 1), [0.0, 0.4999, 0.5001, 0.7999, 0.8001, 0.999999] * 2
    assert draw(scores, [[0]] * 12, Sampling(**NEUTRAL), chance) == [2, 2, 0, 0, 1, 1] * 2


@pytest.mark.parametrize("changed", [{"top_p": 0.95}, {"top_p": 0.3}, {"top_p": 1.0}, {"top_p": 0.9, "repeat_penalty": 1.3}])
def test_the_few_that_are_sorted_first_decide_as_all_do(changed, monkeypatch):
    """Flat and peaked distributions: some rows are decided by the first tokens, others by all."""
    source = torch.Generator().manual_seed(0)
    scores = torch.randn(120, 5000, generator=source) * torch.linspace(0.5, 5, 120)[:, None]
    chance, recent, sampling = torch.rand(120, generator=source).tolist(), [[3, 4]] * 120, Sampling(**(NEUTRAL | changed))
    drawn = draw(scores, recent, sampling, chance)
    late: list[int] = []
    original = generation.candidates
    monkeypatch.setattr(generation, "candidates", lambda scores, *others: late.append(len(scores)) or original(scores, *others))
    assert draw(scores, recent, sampling, chance) == drawn and 0 < sum(late) < 120
    monkeypatch.setattr(generation, "FIRST", 5000)
    assert draw(scores, recent, sampling, chance) == drawn and sum(late) > 120


@pytest.fixture(scope="module", params=["llama3 positions", "adapter, tied"])
def model(request, tmp_path_factory):
    """With a head size of its own; either with scaled positions, or with an adapter and without an output matrix."""
    room, scaled = tmp_path_factory.mktemp("llama"), request.param == "llama3 positions"
    positions = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    changes = {"rope_scaling": positions | {"original_max_position_embeddings": 64}} if scaled else {"tie_word_embeddings": True}
    base = write_llama(room / "base", head_dim=20, **changes)
    llama = AutoModelForCausalLM.from_pretrained(base.path, dtype=torch.float32).eval()
    return base, llama if scaled else load_adapter(llama, write_adapter(room / "adapter", base))


BEGINNING = [n % 40 + 3 for n in range(SHORTEST_PREFIX + 10)]
PROMPTS = [[5, 6, 7], [9] * (PASS_TOKENS // 3 + 20), [11, 12], [13] * 8]


@pytest.mark.parametrize("begins", [False, True], ids=["apart", "with one beginning"])
def test_the_logits_of_every_step_are_those_of_transformers_for_the_whole_text(model, begins, monkeypatch):
    """Rows of unlike lengths that end one by one; also of a model in training, which stays in it."""
    base, llama = model
    prompts = [[*BEGINNING, *prompt] for prompt in PROMPTS] if begins else PROMPTS
    seen, original = [], generation.draw

    def watched(logits, recent, *others):
        seen.append((logits, [list(row) for row in recent]))
        return original(logits, recent, *others)

    monkeypatch.setattr(generation, "draw", watched)
    monkeypatch.setattr(generation, "REPEAT_LAST_N", 1000)  # so that `recent` is the whole text
    hot, ends = Sampling(temperature=3.0, top_p=1.0, num_predict=12), list(range(40))
    llama.train()
    prefix = read_shared_prefix(llama, prompts)
    assert (prefix.ids == BEGINNING) if begins else prefix is None
    answers = generate(llama, prompts, hot, ends, [(3, row) for row in range(4)], prefix)
    assert llama.training
    llama.eval()
    assert len({len(texts) for _, texts in seen}) > 1 and any(answer.ended for answer in answers)
    for logits, texts in seen:
        for row, text in zip(logits, texts, strict=True):
            with torch.no_grad():
                expected = llama(torch.tensor([text])).logits[0, -1]
            torch.testing.assert_close(row, expected, atol=1e-4, rtol=0)


def test_an_answer_depends_on_its_own_seed_alone(model):
    base, llama = model
    hot, seeds = Sampling(temperature=2.0, num_predict=20), [(42, row) for row in range(4)]
    torch.manual_seed(7)
    before = torch.get_rng_state()
    together = generate(llama, PROMPTS, hot, [base.eos_id], seeds)
    assert torch.equal(before, torch.get_rng_state())
    assert together == [generate(llama, [prompt], hot, [base.eos_id], [seed])[0] for prompt, seed in zip(PROMPTS, seeds, strict=True)]
    assert generate(llama, PROMPTS[:1], hot, [base.eos_id], [(43, 0)]) != together[:1]
    assert read_shared_prefix(llama, [[1, 2, 3], [1, 2, 4]]) is None, "too short to pay"


def test_an_answer_ends_at_the_end_token_and_else_at_num_predict(model):
    base, llama = model
    greedy = Sampling(temperature=0.0, repeat_penalty=1.0, num_predict=9)
    whole = generate(llama, [[5, 6, 7]], greedy, [base.eos_id], [(0,)])[0]
    assert not whole.ended and len(whole.ids) == 9
    end = whole.ids[4]
    cut = generate(llama, [[5, 6, 7]], greedy, [end], [(0,)])[0]
    assert cut.ended and cut.ids == whole.ids[: whole.ids.index(end)]
