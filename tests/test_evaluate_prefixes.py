"""Documents packed as a tree of beginnings: each token sees what stands before it in its own document, and nothing else."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tweetstyle.inference.likelihood import Pack, common_beginning, first_scored, packs
from tweetstyle.model.tokenizer import Encoded


@st.composite
def documents(draw) -> list[Encoded]:
    """Few ids, so that beginnings are shared; a prompt may be the whole but its last id, or, where something stands before, nothing."""
    found = []
    for ids in draw(st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=9), min_size=1, max_size=12)):
        found.append(Encoded(ids, draw(st.integers(0, len(ids) - 1))))
    return found


def seen_by(pack: Pack, source: int, before: list[int]) -> list[int]:
    """The ids that stand before a scored token: what the row's token at `source` sees, in the order of their places."""
    if source < 0:
        return before
    visible = pack.sees[source].nonzero()[0]
    order = sorted(visible.tolist(), key=lambda place: pack.positions[place])
    assert pack.positions[order].tolist() == list(range(len(before), len(before) + len(order)))
    return before + pack.ids[order].tolist()


@given(documents(), st.lists(st.integers(0, 2), max_size=3), st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_every_scored_token_is_predicted_from_the_whole_of_what_stands_before_it(found, beginning, budget):
    common = common_beginning(found, begun=bool(beginning))
    before = [*beginning, *common]
    scored = Counter()
    for pack in packs(found, len(common), len(before), budget):
        for source, target, row in zip(pack.sources.tolist(), pack.targets.tolist(), pack.rows.tolist(), strict=True):
            scored[pack.documents[row], (*seen_by(pack, source, before), target)] += 1
    expected = Counter()
    for index, document in enumerate(found):
        start = document.prompt_length if beginning else first_scored(document)
        for end in range(start, len(document.ids)):
            expected[index, (*beginning, *document.ids[: end + 1])] += 1
    assert scored == expected


@given(documents(), st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_each_document_is_in_one_pack_and_a_shared_beginning_stands_once(found, budget):
    made = list(packs(found, 0, 0, budget))
    assert sorted(index for pack in made for index in pack.documents) == list(range(len(found)))
    for pack in made:
        prefixes = {tuple(found[index].ids[:end]) for index in pack.documents for end in range(1, len(found[index].ids))}
        assert len(pack.ids) == len(prefixes)
        assert len(pack.ids) <= budget or len(pack.documents) == 1


@given(documents(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_the_common_beginning_is_the_longest_that_all_have_and_no_scored_token_is_in_it(found, begun):
    common = common_beginning(found, begun)
    assert all(document.ids[: len(common)] == common for document in found)
    limit = min(document.prompt_length if begun else first_scored(document) for document in found)
    longer = {tuple(document.ids[: len(common) + 1]) for document in found}
    assert len(common) == limit or len(common) < limit and len(longer) > 1


def test_nothing_is_packed_of_nothing():
    assert list(packs([], 0, 0, 10)) == []
