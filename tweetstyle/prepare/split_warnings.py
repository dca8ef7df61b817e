"""What can be measured on the held-out tweets, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tweetstyle.records import Tweet

ENOUGH_TWEETS = 100
"""Test tweets from which the margin of a mean, 1.96 / √n of the spread among tweets, is below a fifth of that spread."""
ENOUGH_DAYS, FEWEST_DAYS = 30, 5
"""Evaluation draws whole days: with fewer than 30 its interval may be too narrow, with fewer than 5 there is none."""
FAR_OFF = 0.2
"""Share of the wanted size by which a part may miss it without a word."""


def warnings(parts: Mapping[str, Sequence[Tweet]], fractions: Mapping[str, float], wanted: Mapping[str, int], refused: int) -> list[str]:
    """Sentences on the sizes and dates of `parts`.

    fractions, wanted: of test and validation, what the recipe asks and the tweets meant to be held out; refused: tweets of groups
    too large to hold out.
    """
    count = sum(len(parts[name]) for name in ("train", "validation", "test"))
    said = [_dates(parts, count), _enlarged(parts, fractions, wanted, count), _margin(len(parts["test"])), _days(parts["test"])]
    said += [_missed(name, len(parts[name]), number) for name, number in wanted.items()]
    if refused:
        said.append(f"{refused:,} late tweets hang together as twins or threads too large to hold out: they are trained on.")
    return [sentence for sentence in said if sentence]


def _dates(parts: Mapping[str, Sequence[Tweet]], count: int) -> str:
    undated = sum(not tweet.created_at for name in ("train", "validation", "test") for tweet in parts[name])
    if undated == count:
        return "No tweet has a date: their order in the source is taken for the order of time."
    return f"{undated:,} of {count:,} tweets have no date: they are taken for the earliest." if undated else ""


def _enlarged(parts: Mapping[str, Sequence[Tweet]], fractions: Mapping[str, float], wanted: Mapping[str, int], count: int) -> str:
    asked = round(count * fractions["test"])
    if wanted["test"] <= max(1, asked):
        return ""
    held = f"{len(parts['test']):,} for test and {len(parts['validation']):,} for validation are held out"
    return (
        f"{fractions['test']:.0%} of {count:,} tweets would be {asked:,}: {held} instead, {len(parts['train']):,} are left to learn from."
    )


def _margin(tweets: int) -> str:
    if tweets >= ENOUGH_TWEETS:
        return ""
    rougher = (ENOUGH_TWEETS / tweets) ** 0.5
    known = f"There are {tweets:,} test tweets only: what is measured on them is {rougher:.1f} times as rough as on {ENOUGH_TWEETS}"
    return f"{known}. A clear gain over the base model shows, a small difference between two settings does not."


def _days(test: Sequence[Tweet]) -> str:
    days = len({tweet.created_at[:10] for tweet in test})
    if not any(tweet.created_at for tweet in test) or days >= ENOUGH_DAYS:
        return ""
    on = f"The test tweets are of {days} {'day' if days == 1 else 'days'} only"
    if days < FEWEST_DAYS:
        return f"{on}: too few to say how sure a figure is (evaluation draws whole days, and wants {FEWEST_DAYS} at least)."
    return f"{on}: figures measured on them may seem surer than they are (tweets of a day are alike; {ENOUGH_DAYS} days are enough)."


def _missed(name: str, number: int, wanted: int) -> str:
    if abs(number - wanted) <= FAR_OFF * wanted + 1:
        return ""
    return f"{name} has {number:,} tweets and not {wanted:,}: twins and threads stay together."
