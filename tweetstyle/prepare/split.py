"""The split: no near-duplicate and no thread is on both sides."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

from tweetstyle.cleaning.near_duplicates import connected, folded, near_duplicates
from tweetstyle.dataset.held_out import held_out_count, joined
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, Later, _, later
from tweetstyle.recipe import Data
from tweetstyle.records import Tweet, seeded_bytes

FREQUENT = 10
"""A text written so often is a habit of its author and trained on: held out, the model could not learn it."""
LENGTHS = 20
"""Characters: of each such range of lengths as many tweets are held out, although texts written again stay together."""
LEAK_SEEDS = (2, 3, 4)
"""Of other signatures than those by which near-duplicates were dropped: of a further split for every further one."""
ENOUGH_TWEETS = 100
"""Test tweets from which the margin of a mean, 1.96 / √n of the spread among tweets, is below a fifth of that spread."""
FEWEST_DAYS = 5
"""Evaluation draws whole days: from fewer there is no interval."""
UNDATED = N_("{undated:,} of {count:,} tweets have no date: they are taken to be the earliest, in the archive's order")
FEW_TWEETS = N_("only {count:,} test tweets: enough to see a clear gain, not a small difference between two settings")
FEW_DAYS = N_("the test tweets cover too few days for an interval: {days}, at least {fewest} are needed")
FEW_SHORT = N_(
    "short tweets (fewer than {length} characters) are {share:.0%} of the training tweets and {held:,} of the {count:,} test tweets: "
    "texts written often are trained on, so the figures say less about them"
)
LEAST_MISSED = 5
"""Short test tweets that have to be expected before their absence says anything."""


def split_apart(tweets: list[Tweet], labellings: Sequence[Sequence[Hashable]], data: Data) -> dict[str, list[Tweet]]:
    """As `split`, tweets together that have the same label in any of the labellings, and no near-duplicates in two splits.

    Raises TweetstyleError where groups are so large that nothing can be held out, or where near-duplicates stay apart after all.
    """
    labellings, leaking = list(labellings), {}
    for seed in LEAK_SEEDS:
        parts = split(tweets, joined(*labellings), data)
        leaking = leaks(parts, data.near_duplicate_jaccard, seed)
        if not leaking:
            return parts
        labellings.append([leaking.get(tweet.id, tweet.id) for tweet in tweets])
    what = _("{count:,} tweets have near-duplicates in two splits, however they are split", count=len(leaking))
    hint = _("set data.repeats: drop, or lower data.near_duplicate_jaccard: too many tweets say nearly the same")
    raise TweetstyleError(what, where="data.source", hint=hint)


def split(tweets: list[Tweet], groups: Sequence[Hashable], data: Data) -> dict[str, list[Tweet]]:
    """Train, mini-train, validation and test of tweets in order of time; tweets with the same label in `groups` stay together.

    Groups are ordered by their first tweet: test has the latest, validation those before, each as near to its fraction of the
    tweets as whole groups come; undated tweets are the earliest, in the order given. A small archive holds out more than the
    fraction: 30 tweets for each, or a fifth. A group too large for a held-out part is trained on, whenever it began. Groups with
    texts written again belong to no time and are drawn: see `_held_out`. mini-train is a seeded sample of train. Raises
    TweetstyleError where groups are so large that nothing can be held out.
    """
    order = sorted(range(len(tweets)), key=lambda place: tweets[place].created_at)
    members: dict[Hashable, list[int]] = {}
    for place in order:
        members.setdefault(groups[place], []).append(place)
    held = _held_out(list(members.values()), tweets, data)
    if not all(held.values()):
        raise _indivisible(tweets, list(members.values()))
    out = {place for places in held.values() for place in places}
    parts = {"train": [tweets[place] for place in order if place not in out]}
    drawn = sorted(parts["train"], key=lambda tweet: seeded_bytes(data.seed, tweet.id, b"mini-train"))[: data.mini_train]
    mini = {tweet.id for tweet in drawn}
    parts["mini-train"] = [tweet for tweet in parts["train"] if tweet.id in mini]
    for name in ("validation", "test"):
        chosen = set(held[name])
        parts[name] = [tweets[place] for place in order if place in chosen]
    return parts


def leaks(parts: Mapping[str, Sequence[Tweet]], threshold: float, seed: int) -> dict[str, int]:
    """Id → cluster of the tweets whose near-duplicates are not all in their own split.

    By their texts alone and with other signatures than the rules used, so that it does not miss the same pairs.
    """
    tweets = [(name, tweet) for name in ("train", "validation", "test") for tweet in parts[name]]
    pairs = near_duplicates([tweet.text for name, tweet in tweets], threshold, seed).pairs
    found = connected(((pair.earlier, pair.later) for pair in pairs), len(tweets))
    names: dict[int, set[str]] = {}
    for cluster, (name, _tweet) in zip(found, tweets, strict=True):
        names.setdefault(cluster, set()).add(name)
    return {tweet.id: cluster for cluster, (_name, tweet) in zip(found, tweets, strict=True) if len(names[cluster]) > 1}


def _held_out(groups: list[list[int]], tweets: Sequence[Tweet], data: Data) -> dict[str, list[int]]:
    """The tweets of test and validation: the latest, and of texts written again a part of each length.

    Such texts are mostly short, and in time only their first copy would count. Groups of rare ones are drawn by seed. In place of
    those that are trained on, because they are frequent, there come tweets as long, or else the latest.
    """
    fractions = {"test": data.test_fraction, "validation": data.validation_fraction}
    wanted = {name: held_out_count(len(tweets), fraction) for name, fraction in fractions.items()}
    most = max(len(tweets) // 4, *wanted.values())
    copies = {group[0]: _most_copies(group, tweets) for group in groups}
    holdable = sum(len(group) for group in groups if len(group) <= most and copies[group[0]] < FREQUENT)
    again = Counter(len(tweets[place].text) // LENGTHS for group in groups if copies[group[0]] > 1 for place in group)
    left = [group for group in groups if copies[group[0]] == 1]
    rare = [group for group in groups if 1 < copies[group[0]] < FREQUENT]
    rare.sort(key=lambda group: seeded_bytes(data.seed, tweets[group[0]].id, b"split"))
    alone = Counter(len(tweets[group[0]].text) // LENGTHS for group in left if len(group) == 1)
    held, missing = {}, {}
    for name, number in wanted.items():
        number = min(number, holdable // 2)
        lengths = {length: number * count / len(tweets) for length, count in again.items()}
        held[name] = _drawn(rare, lengths, tweets)
        missing[name] = {length: min(count, alone[length]) for length, count in lengths.items() if count > 0}
        latest, left = _latest(left, number - len(held[name]) - sum(map(round, missing[name].values())), most)
        held[name] += latest
    for name, lengths in missing.items():
        held[name] += _drawn(left, lengths, tweets)
    return held


def _most_copies(group: Sequence[int], tweets: Sequence[Tweet]) -> int:
    return max(Counter(folded(tweets[place].text) for place in group).values()) if len(group) > 1 else 1


def _drawn(groups: list[list[int]], missing: dict[int, float], tweets: Sequence[Tweet]) -> list[int]:
    """Takes whole groups out of `groups`, the last first, as long as that brings the tweets `missing` of their length nearer to none."""
    taken: list[int] = []
    for at in reversed(range(len(groups))):
        length, size = len(tweets[groups[at][0]].text) // LENGTHS, len(groups[at])
        if size < 2 * missing.get(length, 0):
            missing[length] -= size
            taken += groups.pop(at)
    return taken


def _latest(groups: list[list[int]], wanted: int, most: int) -> tuple[list[int], list[list[int]]]:
    """Takes whole groups from the end of `groups` until more of them would be further from `wanted` than none.

    Returns:
        The tweets taken, and the groups before them. Groups too large to be taken are in neither: they are trained on.
    """
    taken: list[int] = []
    end = len(groups)
    while end and len(taken) < wanted:
        group = groups[end - 1]
        overshoots = len(taken) + len(group) - wanted > wanted - len(taken)
        if overshoots and 2 * len(taken) >= wanted and len(group) <= most:
            break
        end -= 1
        if not overshoots and len(taken) + len(group) <= most:
            taken += group
    return taken, groups[:end]


def _indivisible(tweets: list[Tweet], groups: list[list[int]]) -> TweetstyleError:
    largest = max(groups, key=len)
    first = tweets[largest[0]]
    values = {"count": len(tweets), "largest": len(largest), "id": first.id}
    what = _("the {count:,} tweets cannot be split: {largest:,} of them are near-duplicates or one thread, from {id} on", **values)
    hint = _("raise data.near_duplicate_jaccard, or add tweets on other subjects")
    return TweetstyleError(what, where="data.source", hint=hint)


def warnings(parts: Mapping[str, Sequence[Tweet]]) -> list[Later]:
    """Sentences on what the dates and the number of the tweets leave unknown."""
    test, found = parts["test"], []
    dates = [tweet.created_at[:10] for name in ("train", "validation", "test") for tweet in parts[name]]
    days = len({tweet.created_at[:10] for tweet in test})
    if undated := dates.count(""):
        found.append(later(UNDATED, undated=undated, count=len(dates)))
    if len(test) < ENOUGH_TWEETS:
        found.append(later(FEW_TWEETS, count=len(test)))
    trained, held = (sum(len(tweet.text) < LENGTHS for tweet in parts[name]) for name in ("train", "test"))
    share = trained / len(parts["train"])
    if share * len(test) >= LEAST_MISSED and 2 * held < share * len(test):
        found.append(later(FEW_SHORT, length=LENGTHS, share=share, held=held, count=len(test)))
    if days < FEWEST_DAYS and undated < len(dates):
        found.append(later(FEW_DAYS, days=days, fewest=FEWEST_DAYS))
    return found
