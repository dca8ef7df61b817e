"""Near-duplicates: which pairs are found, which texts are dropped."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.cleaning.near_duplicates import DuplicatePair, folded, grams, jaccard, near_duplicates, to_drop

WORDS = "le chat la neige tombe sur nous encore demain bus retard café hiver quelle journée vraiment oui non peut-être soleil".split()


def tweetlike(source: random.Random, words: int) -> str:
    return " ".join(source.choice(WORDS) + source.choice(["", "", "s", str(source.randint(0, 99))]) for _ in range(words))


def with_near_duplicates(seed: int, count: int, shortest: int = 3, longest: int = 22) -> list[str]:
    """Different texts; a third are earlier ones with a word or more changed, alike above and below any threshold."""
    source, texts = random.Random(seed), {}
    while len(texts) < count:
        words = tweetlike(source, source.randint(shortest, longest)).split()
        if texts and source.random() < 0.33:
            words = source.choice(list(texts)[-300:]).split()
            for _ in range(source.randint(1, 1 + len(words) // 6)):
                words[source.randrange(len(words))] = tweetlike(source, 1)
        texts[folded(" ".join(words))] = None
    return list(texts)


def by_brute_force(texts: list[str], threshold: float) -> dict[tuple[int, int], float]:
    """(later, earlier) → similarity, by scikit-learn's own 5-grams and a product of matrices."""
    from sklearn.feature_extraction.text import CountVectorizer

    table = CountVectorizer(analyzer="char", ngram_range=(5, 5), binary=True, lowercase=False).fit_transform(texts).astype(np.float64)
    sizes = np.asarray(table.sum(axis=1)).ravel()
    shared = (table @ table.T).tocoo()
    similarity = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data)
    chosen = (similarity >= threshold) & (shared.row > shared.col)
    return {(int(r), int(c)): s for r, c, s in zip(shared.row[chosen], shared.col[chosen], similarity[chosen], strict=True)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Il neige", "il NEIGE"),
        ("il neige", " il\u00a0\n neige "),
        ("il neige", "il neige https://exemple.org/a"),
        ("il neige", "il neige [lien]"),
        ("il neige", "il neige !!"),
        ("il neige", "il neige … 👨‍👩‍👧‍👦👍🏽"),
        ("STRASSE", "straße"),
    ],
)
def test_texts_that_are_the_same(one, other):
    assert folded(one) == folded(other)
    assert near_duplicates([one, other], 1).pairs == near_duplicates([one, other], 0.75).pairs == [DuplicatePair(1, 0, 1.0)]


@pytest.mark.parametrize(
    ("one", "other"),
    [("il neige", "il neigé"), ("😂😂😂😂", "🦊🦊🦊🦊"), ("il neige", "il neige 2"), ("c++ ou c", "c ou c"), ("il neige", "#il neige")],
)
def test_texts_that_are_not(one, other):
    assert folded(one) != folded(other)
    assert near_duplicates([one, other], 1).pairs == []


@pytest.mark.parametrize("threshold", [0.5, 0.75, 0.9])
def test_all_pairs_of_brute_force_are_found_and_no_others(threshold):
    texts = with_near_duplicates(3, 2500)
    wanted = by_brute_force(texts, threshold)
    found = {(pair.later, pair.earlier): pair.jaccard for pair in near_duplicates(texts, threshold).pairs}
    assert len(wanted) > 25
    assert found.items() <= {pair: pytest.approx(similarity, abs=1e-12) for pair, similarity in wanted.items()}.items()
    assert len(found) >= 0.99 * len(wanted)


def test_a_template_repeated_2000_times_is_compared_in_few_pairs_and_is_one_cluster():
    texts = [f"Bulletin de ce matin pour la ville de Québec et ses environs, température {i} degrés" for i in range(2000)]
    found = near_duplicates(texts, 0.75)
    assert len(found.pairs) <= 32 * len(texts)
    assert set(to_drop(found.pairs)) == set(range(1, 2000))
    assert set(found.clusters(2000)) == {0}


def test_a_template_that_changes_slowly_is_one_cluster_although_its_ends_are_not_alike():
    words = [tweetlike(random.Random(i), 1) + str(i) for i in range(120)]
    texts = [" ".join(words[i : i + 25]) for i in range(90)]
    found = near_duplicates(texts, 0.75)
    assert jaccard(grams(texts[0]), grams(texts[-1])) < 0.2
    assert set(found.clusters(90)) == {0}
    assert 1 < 90 - len(to_drop(found.pairs)) < 45


graphs = st.integers(2, 25).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.dictionaries(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), st.floats(0.75, 0.99)).map(
            lambda pairs: [DuplicatePair(max(pair), min(pair), similarity) for pair, similarity in pairs.items() if pair[0] != pair[1]]
        ),
    )
)


def test_a_text_that_repeats_a_dropped_one_is_dropped_for_the_same_reason():
    pairs = [DuplicatePair(1, 0, 0.8), DuplicatePair(2, 1, 1.0)]
    assert to_drop(pairs) == {1: DuplicatePair(1, 0, 0.8), 2: DuplicatePair(2, 0, 0.8)}


@given(graphs)
def test_no_two_kept_are_near_duplicates_and_every_dropped_one_has_a_kept_near_duplicate(graph):
    count, pairs = graph
    dropped = to_drop(pairs)
    assert all(pair.later in dropped or pair.earlier in dropped for pair in pairs)
    for later, pair in dropped.items():
        assert pair in pairs and pair.later == later and pair.earlier not in dropped
        kept = [other for other in pairs if other.later == later and other.earlier not in dropped]
        assert pair.jaccard == max(other.jaccard for other in kept)
