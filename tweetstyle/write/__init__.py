"""Writes tweets on subjects: more than are wanted, then draws by how like the author."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tweetstyle.cleaning.near_duplicates import near_duplicates, to_drop
from tweetstyle.text.copying import find_copies
from tweetstyle.write.discriminator import Discriminator

Writer = Callable[[str, int], str | None]
"""Subject and seed → the tweet, None where it was cut before its end."""
ALIKE = 0.5
"""Jaccard similarity of character 5-grams from which two candidates are the same tweet to a reader."""


@dataclass(frozen=True)
class WrittenTweet:
    """A written tweet. seed: with which the same model writes it again; log_odds: that the author wrote it, None where not weighed."""

    subject: str
    text: str
    seed: int
    log_odds: float | None = None


@dataclass(frozen=True)
class Request:
    """count: tweets wanted for each subject; candidates: written for each; seed: of a subject's first candidate."""

    subjects: Sequence[str]
    count: int
    candidates: int
    seed: int

    @property
    def weighed(self) -> bool:
        """Whether there is anything to choose."""
        return self.candidates > self.count


def write(
    request: Request, writer: Writer, known: Sequence[str], judge: Discriminator | None, advance: Callable[[], None]
) -> Iterator[list[WrittenTweet]]:
    """For each subject the drawn tweets, at most `count`: fewer where too many candidates were unusable.

    Args:
        known: the training tweets, which are not to be repeated.
        judge: weighs the candidates; None draws the first ones.
        advance: called after each candidate.
    """
    for subject in request.subjects:
        written = []
        for seed in range(request.seed, request.seed + request.candidates):
            if text := writer(subject, seed):
                written.append(WrittenTweet(subject, text, seed))
            advance()
        yield chosen(usable(written, known), judge, request.count, request.seed)


def usable(written: Sequence[WrittenTweet], known: Sequence[str]) -> list[WrittenTweet]:
    """Those that repeat no long span of a training tweet, and of near-duplicates the first."""
    own = [one for one, copied in zip(written, find_copies([one.text for one in written], known), strict=True) if not copied]
    repeated = to_drop(near_duplicates([one.text for one in own], ALIKE).pairs)
    return [one for place, one in enumerate(own) if place not in repeated]


def chosen(candidates: Sequence[WrittenTweet], judge: Discriminator | None, count: int, seed: int) -> list[WrittenTweet]:
    """`count` candidates; with a judge drawn by lot, each with its odds as weight, the first drawn first."""
    if judge is None or not candidates:
        return list(candidates[:count])
    log_odds = judge.log_odds([one.text for one in candidates])
    return [replace(candidates[place], log_odds=float(log_odds[place])) for place in weighted_draw(log_odds, count, seed)]


def weighted_draw(log_odds: np.ndarray, count: int, seed: int) -> list[int]:
    """Places drawn without replacement with weights exp(log_odds).

    The odds of real against written correct the model's distribution towards the author's: what they write seldom comes as seldom, and
    the most typical tweets do not win each time. Accepting candidates with the probability weight / largest weight until there are
    enough (Azadi et al., Discriminator Rejection Sampling, ICLR 2019) draws the same as adding Gumbel noise once (Kool et al., Stochastic
    Beams and Where to Find Them, ICML 2019), which always ends.

    Args:
        log_odds: float [candidates].
    """
    keys = log_odds + np.random.default_rng(seed).gumbel(size=len(log_odds))
    return np.argsort(-keys)[:count].tolist()
