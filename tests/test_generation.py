"""Sampling: each setting against transformers' own processors or a hand calculation; the two ways of generating say the same."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tiny_llama import write_llama
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.generation import MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TopKLogitsWarper, TopPLogitsWarper

from tweetstyle.inference.generate import SHORTEST_BEGINNING, generate, generate_while_training, read_beginning, weighed
from tweetstyle.recipe import Sampling

NEUTRAL = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0}


def of(scores: list[float], ids: list[int] | None = None, start: int = 0, **changed) -> list[float]:
    row = torch.tensor([ids or [0]])
    real = torch.tensor([[int(place >= start) for place in range(row.shape[1])]])
    return weighed(torch.tensor([scores]), row, real, Sampling(**(NEUTRAL | changed)))[0].tolist()


@given(
    st.lists(st.integers(-60, 60).map(lambda n: n / 3), min_size=5, max_size=40, unique=True),
    st.integers(1, 12),
    st.floats(0.1, 0.99),
    st.floats(0, 0.5),
)
@settings(max_examples=100, deadline=None)
def test_each_cut_alone_is_that_of_transformers(scores, k, p, min_p):
    given_, ids = torch.tensor([scores]), torch.tensor([[0]])
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


def test_the_penalty_is_that_of_transformers_on_the_last_64_tokens_and_not_on_padding():
    scores = [2.0, -1.0, 0.5, 3.0, 1.0]
    theirs = RepetitionPenaltyLogitsProcessor(1.3)(torch.tensor([[1, 3]]), torch.tensor([scores]))[0].tolist()
    assert of(scores, ids=[0, 0, 1, 3], start=2, repeat_penalty=1.3) == pytest.approx(theirs)
    padded_within = weighed(
        torch.tensor([scores]), torch.tensor([[1, 0, 0, 3]]), torch.tensor([[1, 0, 0]]), Sampling(**(NEUTRAL | {"repeat_penalty": 1.3}))
    )
    assert padded_within[0].tolist() == pytest.approx(theirs)
    long_ago = of(scores, ids=[2] + [1, 3] * 32, repeat_penalty=1.3)
    assert long_ago[2] == 0.5 and long_ago[3] == pytest.approx(3 / 1.3)


def test_at_temperature_0_the_best_token_alone_is_left():
    assert of([1.0, 4.0, 2.0], temperature=0.0) == [-torch.inf, 0.0, -torch.inf]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    base = write_llama(tmp_path_factory.mktemp("llama") / "base")
    return base, AutoModelForCausalLM.from_pretrained(base.path).eval()


def test_a_batch_says_what_each_prompt_says_alone_and_so_does_the_way_used_while_training(model):
    base, llama = model
    greedy = Sampling(temperature=0.0, repeat_penalty=1.3, num_predict=12)
    prompts = [[5, 6, 7], [9] * 20, [11, 12]]
    together = generate(llama, prompts, greedy, [base.eos_id], seed=0)
    alone = [generate(llama, [prompt], greedy, [base.eos_id], seed=0)[0] for prompt in prompts]
    training = generate_while_training(llama.train(), prompts, greedy, [base.eos_id], seed=0)
    assert together == alone == training and llama.training
    llama.eval()
    assert len({tuple(answer.ids) for answer in together}) == 3


def test_a_beginning_that_is_read_once_changes_no_answer(model):
    """Also where the prompts after it are of unlike lengths, and in a second batch of the same beginning."""
    base, llama = model
    greedy = Sampling(temperature=0.0, repeat_penalty=1.3, num_predict=12)
    examples = [n % 40 + 3 for n in range(SHORTEST_BEGINNING + 10)]
    prompts = [[*examples, *rest] for rest in ([50], [51, 52, 53], [54] * 9)]
    beginning = read_beginning(llama, prompts)
    assert beginning.ids == examples
    wanted = [generate(llama, [prompt], greedy, [base.eos_id], seed=0)[0] for prompt in prompts]
    for batch in (prompts, prompts[:2]):
        assert generate(llama, batch, greedy, [base.eos_id], 0, beginning) == wanted[: len(batch)]
    assert len({tuple(answer.ids) for answer in wanted}) == 3
    assert read_beginning(llama, [[1, 2, 3], [1, 2, 4]]) is None, "too short to pay"


def test_an_answer_ends_at_the_end_token_and_else_at_num_predict(model):
    base, llama = model
    greedy = Sampling(temperature=0.0, repeat_penalty=1.0, num_predict=9)
    whole = generate(llama, [[5, 6, 7]], greedy, [base.eos_id], seed=0)[0]
    assert not whole.ended and len(whole.ids) == 9
    end = whole.ids[4]
    for way in (generate, generate_while_training):
        cut = way(llama, [[5, 6, 7]], greedy, [end], seed=0)[0]
        assert cut.ended and cut.ids == whole.ids[: whole.ids.index(end)]


def test_a_seed_says_the_same_again_and_leaves_the_callers_chance_alone(model):
    base, llama = model
    hot = Sampling(temperature=2.0, num_predict=20)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, again, other = (generate(llama, [[5, 6, 7]], hot, [base.eos_id], seed=s)[0].ids for s in (1, 1, 2))
    assert first == again != other
    assert torch.equal(before, torch.get_rng_state())


def test_the_base_models_own_generation_settings_change_nothing(model):
    """Instruct models bring some in generation_config.json, and transformers takes from there what a call leaves open."""
    base, llama = model
    hot = Sampling(temperature=1.5, top_p=1.0, num_predict=20)
    plain = generate(llama, [[5, 6, 7]], hot, [base.eos_id], seed=0)
    llama.generation_config = GenerationConfig(repetition_penalty=5.0, min_p=0.5, no_repeat_ngram_size=1)
    assert generate(llama, [[5, 6, 7]], hot, [base.eos_id], seed=0) == plain
