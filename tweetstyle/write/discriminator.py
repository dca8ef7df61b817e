"""How likely a text is the author's and not this model's: a classifier in one small file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from tweetstyle.files import complete_file

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from tweetstyle.text.habits import Habit

FEATURES = 2**16
"""Hashed n-grams: a few hundred tweets have some 30,000 of them."""
FOLDS = 5
SHRINKAGE = 0.3
"""C of the second regression. Of 1 to 0.03: habits that do not differ weigh little, and one that comes twice as often as the author has
it is drawn 34% instead of 60% of the time where 30% is right (600 texts)."""
BEGIN, END = "\x02", "\x03"


@dataclass(frozen=True)
class Discriminator:
    """Logistic regression on the author's habits and on one score of cased character 1-4-grams (TF-IDF, logistic regression).

    A habit is one number, whose odds a few hundred texts tell well; the n-grams, thousands of numbers, add what no habit names. They
    count as much as they are worth on texts that they were not learned from.

    idf, grams: float32 [FEATURES]; weights: float [2 + habits], of a constant, the n-grams' score and each habit; habits: of the
    training tweets; made_by: digest of what it was made from.
    """

    idf: np.ndarray
    grams: np.ndarray
    weights: np.ndarray
    habits: Sequence[Habit]
    made_by: str

    @classmethod
    def train(cls, real: Sequence[str], written: Sequence[str], habits: Sequence[Habit], made_by: str) -> Discriminator:
        """Learns to tell real tweets from the model's; both count alike, however many there are of each. At least FOLDS of each."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_predict

        texts, is_real = [*real, *written], np.arange(len(real) + len(written)) < len(real)
        counts = _counts(texts)
        seen = np.asarray((counts > 0).sum(axis=0)).ravel()
        idf = (np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float32)
        features = _weighted(counts, idf)
        # C=10 as for the style distance; it is fitted without a constant, for the second regression has one.
        by_grams = LogisticRegression(C=10, solver="liblinear", class_weight="balanced", fit_intercept=False, random_state=0)
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        unseen = cross_val_predict(by_grams, features, is_real, cv=folds, method="decision_function")
        both = LogisticRegression(C=SHRINKAGE, class_weight="balanced")
        if (
            both.fit(_columns(unseen, texts, habits), is_real).coef_[0, 0] < 0
        ):  # the n-grams tell nothing: folds that err alike look like it
            both.fit(_columns(np.zeros(len(texts)), texts, habits), is_real)
        grams = by_grams.fit(features, is_real).coef_[0].astype(np.float32)
        return cls(idf, grams, np.array([both.intercept_[0], *both.coef_[0]]), habits, made_by)

    def log_odds(self, texts: Sequence[str]) -> np.ndarray:
        """Log of P(the author wrote it) / P(the model wrote it), of as many texts of either, float [n]."""
        scores = _weighted(_counts(texts), self.idf) @ self.grams
        return self.weights[0] + _columns(scores, texts, self.habits) @ self.weights[1:]

    def save(self, path: Path) -> None:
        with complete_file(path, "wb") as stream:
            np.savez_compressed(stream, idf=self.idf, grams=self.grams, weights=self.weights, made_by=self.made_by)

    @classmethod
    def read(cls, path: Path, habits: Sequence[Habit], made_by: str) -> Discriminator | None:
        """The file's, None where there is none, it is damaged, or it was made from something else."""
        try:
            with np.load(path, allow_pickle=False) as found:
                if str(found["made_by"]) != made_by:
                    return None
                return cls(found["idf"], found["grams"], found["weights"], habits, made_by)
        except (FileNotFoundError, BadZipFile, ValueError, KeyError, EOFError):
            return None


def _columns(scores: np.ndarray, texts: Sequence[str], habits: Sequence[Habit]) -> np.ndarray:
    """float [texts, 1 + habits]: the n-grams' score, and 1 where a text shows a habit."""
    shown = [[habit.holds(text) for habit in habits] for text in texts]
    return np.column_stack([scores, np.array(shown, dtype=float).reshape(len(texts), len(habits))])


def _counts(texts: Sequence[str]) -> csr_matrix:
    from sklearn.feature_extraction.text import HashingVectorizer

    vectors = HashingVectorizer(
        analyzer="char", ngram_range=(1, 4), lowercase=False, n_features=FEATURES, norm=None, alternate_sign=False, dtype=np.float32
    )
    return vectors.transform([BEGIN + text + END for text in texts])


def _weighted(counts: csr_matrix, idf: np.ndarray) -> csr_matrix:
    """TF-IDF with sublinear counts, each text of length 1."""
    from sklearn.preprocessing import normalize

    weighted = counts.copy()
    weighted.data = 1 + np.log(weighted.data)
    return normalize(weighted.multiply(idf).tocsr())
