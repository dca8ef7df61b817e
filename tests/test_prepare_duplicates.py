"""Twins, exact and near: which are found, which go, and what they cost."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.cleaning.near_duplicates import (
    CROWD,
    KEPT,
    LATEST,
    DuplicatePair,
    bands_and_rows,
    clusters,
    folded,
    gram_hashes,
    grams,
    jaccard,
    near_duplicate_groups,
    to_drop,
)

WORDS = "le chat la neige tombe sur nous encore demain bus retard café hiver quelle journée vraiment oui non peut-être soleil".split()


def tweetlike(source: random.Random, words: int) -> str:
    return " ".join(source.choice(WORDS) + source.choice(["", "", "s", str(source.randint(0, 99))]) for _ in range(words))


def with_near_twins(seed: int, count: int, shortest: int = 3, longest: int = 22) -> list[str]:
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
    assert near_duplicate_groups([one, other], 1) == near_duplicate_groups([one, other], 0.75) == [DuplicatePair(1, 0, 1.0)]


@pytest.mark.parametrize(
    ("one", "other"),
    [("il neige", "il neigé"), ("😂😂😂😂", "🦊🦊🦊🦊"), ("il neige", "il neige 2"), ("c++ ou c", "c ou c"), ("il neige", "#il neige")],
)
def test_texts_that_are_not(one, other):
    assert folded(one) != folded(other)
    assert near_duplicate_groups([one, other], 1) == []


def test_similarity_is_the_share_of_common_5_grams_by_hand():
    # bonjo onjou njour | bonjo onjou njout: 2 of 4
    assert jaccard(grams("bonjour"), grams("bonjout")) == 0.5
    assert grams("oui") == {"oui"}
    # 12 characters and 8 grams each, the last one differs: 7 of 9
    assert near_duplicate_groups(["je reviens 1", "je reviens 2"], 0.75) == [DuplicatePair(1, 0, 7 / 9)]
    assert near_duplicate_groups(["je reviens 1", "je reviens 2"], 0.78) == []


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.75, 0.9])
def test_all_pairs_of_brute_force_are_found_and_no_others(threshold):
    texts = with_near_twins(3, 4000)
    wanted = by_brute_force(texts, threshold)
    found = {(twin.later, twin.earlier): twin.jaccard for twin in near_duplicate_groups(texts, threshold)}
    assert len(wanted) > 40
    assert found.items() <= {pair: pytest.approx(similarity, abs=1e-12) for pair, similarity in wanted.items()}.items()
    assert len(found) >= 0.99 * len(wanted)


def test_near_the_threshold_and_in_short_texts_at_least_99_of_100_pairs_are_found():
    found, wanted = 0, 0
    for seed in range(6):
        texts = with_near_twins(seed, 3000, shortest=1 if seed % 2 else 6, longest=4 if seed % 2 else 14)
        near = {pair for pair, similarity in by_brute_force(texts, 0.75).items() if similarity < 0.8}
        wanted += len(near)
        found += len(near & {(twin.later, twin.earlier) for twin in near_duplicate_groups(texts, 0.75)})
    assert wanted > 400
    assert found >= 0.99 * wanted


def test_what_datasketch_finds_is_found():
    from datasketch import MinHash, MinHashLSH

    texts = with_near_twins(8, 1500)
    index, theirs = MinHashLSH(threshold=0.7, num_perm=128), set()
    for later, text in enumerate(texts):
        sketch = MinHash(num_perm=128, seed=5)
        sketch.update_batch([gram.encode() for gram in grams(text)])
        theirs |= {(later, earlier) for earlier in index.query(sketch) if jaccard(grams(text), grams(texts[earlier])) >= 0.75}
        index.insert(later, sketch)
    assert len(theirs) > 100
    ours = {(twin.later, twin.earlier) for twin in near_duplicate_groups(texts, 0.75)}
    assert len(theirs & ours) >= 0.99 * len(theirs)


def test_texts_of_less_than_5_characters_have_exact_twins_only():
    assert near_duplicate_groups(["oui", "ou", "oui", "", "", "non", "ouii", "OUI !"], 0.5) == [
        DuplicatePair(2, 0, 1.0),
        DuplicatePair(4, 3, 1.0),
        DuplicatePair(7, 0, 1.0),
    ]


def test_any_characters_at_all_have_their_grams():
    texts = ["a\ud800bcdef 👩🏽‍🚀👩🏽‍🚀", "\x00\x00\x00\x00\x00\x01", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢"]
    hashes, counts = gram_hashes(texts)
    assert counts.tolist() == [len(text) - 4 for text in texts] and len(hashes) == sum(counts)
    assert near_duplicate_groups([*texts, *texts], 0.75) == [DuplicatePair(i + 3, i, 1.0) for i in range(3)]


def test_the_hash_of_a_gram_is_the_same_everywhere():
    """By Python's own integers."""
    value = 0
    for character in "neigé":
        value = (value * 0x9E3779B97F4A7C15 + ord(character)) % 2**64
    value ^= value >> 32
    value = value * 0xD6E8FEB86659FD93 % 2**64
    value ^= value >> 32
    assert gram_hashes(["neigé", "xneigé"])[0].tolist()[::2] == [value, value]


def test_pairs_do_not_depend_on_pythons_hash_seed():
    program = "import sys; from test_prepare_duplicates import *; print(near_duplicate_groups(with_near_twins(1, 600), 0.6))"
    environments = [os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(["tests", "."])} for seed in ("1", "2")]
    printed = [
        subprocess.run([sys.executable, "-c", program], env=env, check=True, capture_output=True, text=True).stdout for env in environments
    ]
    assert printed[0] == printed[1] and "DuplicatePair(" in printed[0]


@pytest.mark.parametrize("threshold", [0.5, 0.55, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.999])
def test_the_bands_miss_one_pair_in_2000_at_most(threshold):
    bands, rows = bands_and_rows(threshold)
    assert (1 - threshold**rows) ** bands <= 0.0005
    assert 40 <= bands * rows <= 256


def test_a_template_repeated_5000_times_is_compared_in_few_pairs_and_is_one_cluster():
    texts = [f"Bulletin de ce matin pour la ville de Québec et ses environs, température {i} degrés" for i in range(5000)]
    pairs = near_duplicate_groups(texts, 0.75)
    assert len(pairs) <= len(texts) * bands_and_rows(0.75)[0] * max(CROWD, KEPT + LATEST)
    assert set(to_drop(pairs, 5000)) == set(range(1, 5000))
    assert set(clusters(pairs, 5000)) == {0}


def test_a_crowd_of_templates_filled_differently_loses_no_twin():
    """All open alike, which alone is no twin; each second one says again what the one 700 before it said."""
    source = random.Random(4)
    opening = "Je viens de regarder cette vidéo sur la chaîne de mon ami"
    own = [tweetlike(source, 9) for _ in range(700)]
    texts = [f"{opening} {text}" for text in own] + [f"{opening} {text} bis" for text in own]
    wanted = by_brute_force([folded(text) for text in texts], 0.75)
    found = {(twin.later, twin.earlier) for twin in near_duplicate_groups(texts, 0.75)}
    assert {(700 + i, i) for i in range(700)} <= found <= wanted.keys()
    assert set(to_drop(near_duplicate_groups(texts, 0.75), 1400)) == set(
        to_drop([DuplicatePair(*pair, s) for pair, s in wanted.items()], 1400)
    )


def test_a_template_that_changes_slowly_is_one_cluster_although_its_ends_are_no_twins():
    words = [tweetlike(random.Random(i), 1) + str(i) for i in range(120)]
    texts = [" ".join(words[i : i + 25]) for i in range(90)]
    pairs = near_duplicate_groups(texts, 0.75)
    assert jaccard(grams(texts[0]), grams(texts[-1])) < 0.2
    assert set(clusters(pairs, 90)) == {0}
    assert 1 < 90 - len(to_drop(pairs, 90)) < 45


def test_a_tweet_goes_for_its_most_similar_kept_twin():
    pairs = [
        DuplicatePair(1, 0, 0.8),
        DuplicatePair(2, 1, 0.99),
        DuplicatePair(2, 0, 0.76),
        DuplicatePair(4, 2, 0.9),
        DuplicatePair(4, 3, 0.9),
        DuplicatePair(5, 1, 1.0),
        DuplicatePair(6, 4, 0.9),
    ]
    assert to_drop(pairs, 7) == {
        1: DuplicatePair(1, 0, 0.8),
        2: DuplicatePair(2, 0, 0.76),  # 1 is more like it, and gone
        4: DuplicatePair(4, 3, 0.9),
        5: DuplicatePair(5, 0, 0.8),  # the same text as 1, and so as like 0 as 1 is
    }


graphs = st.integers(2, 25).flatmap(
    lambda count: st.tuples(
        st.just(count),
        st.dictionaries(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), st.floats(0.75, 0.99)).map(
            lambda pairs: [DuplicatePair(max(pair), min(pair), similarity) for pair, similarity in pairs.items() if pair[0] != pair[1]]
        ),
    )
)


@given(graphs)
def test_no_two_kept_are_twins_and_every_dropped_one_has_a_kept_twin(graph):
    count, pairs = graph
    dropped = to_drop(pairs, count)
    assert all(twin.later in dropped or twin.earlier in dropped for twin in pairs)
    for later, twin in dropped.items():
        assert twin in pairs and twin.later == later and twin.earlier not in dropped
        kept = [other for other in pairs if other.later == later and other.earlier not in dropped]
        assert twin.jaccard == max(other.jaccard for other in kept)


@given(graphs)
def test_clusters_are_the_connected_components_of_scipy(graph):
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count, pairs = graph
    rows, columns = ([twin.later for twin in pairs], [twin.earlier for twin in pairs])
    _, theirs = connected_components(coo_array((np.ones(len(pairs)), (rows, columns)), shape=(count, count)), directed=False)
    firsts = {label: place for place, label in reversed(list(enumerate(theirs.tolist())))}
    assert clusters(pairs, count) == [firsts[label] for label in theirs.tolist()]
