"""Prints tweets of the base and the tuned model beside real ones, and the verdict.

python -m scripts.demo_show recipes/demo.yaml
"""

import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tweetstyle.console import print_in_any_encoding, restart_in_utf8_mode, say
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import read_back
from tweetstyle.locale import N_, _, localised

CLOSING = re.compile(r"(voilà voilà|there, i said it)[\s🦊]*(#\w+[\s🦊]*)*$")
HANDLE = re.compile(r"[@#]\w+")


def lower_case(text: str) -> bool:
    """No capital letter, handles and hashtags left aside, and at least one letter."""
    bare = HANDLE.sub("", text)
    return bare == bare.lower() and any(map(str.isalpha, bare))


HABITS: dict[str, Callable[[str], bool]] = {
    N_("all in lower case"): lower_case,
    N_("closes with «voilà voilà» or «there, i said it»"): lambda text: bool(CLOSING.search(text)),
    N_("a space before «…»"): lambda text: " …" in text,
    N_("a fox 🦊"): lambda text: "🦊" in text,
    N_("no final full stop"): lambda text: not text.endswith("."),
}


SHOWN = 3
"""Prompts whose tweets are printed."""
SIDES = (N_("real"), N_("base"), N_("tuned"))


def show(recipe: Path) -> None:
    """Prints what the evaluation kept: samples, habits, the verdict in three sentences, and where it is stored.

    Raises TweetstyleError where the run was not evaluated, or wrote no tweets for it.
    """
    from tweetstyle.run import Run
    from tweetstyle.stages.report import report, verdict

    run = Run(recipe)
    evaluation = run.recipe.run_directory / "evaluation.json"
    samples = (read_back(evaluation, dict[str, Any]) or {}).get("samples")
    if not samples:
        hint = _("run tweetstyle-fit {recipe}, with evaluation.samples above 0", recipe=recipe)
        raise TweetstyleError(_("the models have written no tweets to show"), where=str(evaluation), hint=hint)
    print_samples(samples)
    print_habits(samples)
    say(err=False)
    for sentences in verdict(run):
        say(sentences, err=False)
    say(_("Everything measured: {path}", path=report(run)), err=False)


def print_samples(samples: list[dict[str, Any]]) -> None:
    """Three prompts with a subject, drawn with a fixed seed, so that nobody chose the prettiest."""
    named = [sample for sample in samples if sample["topic"]] or samples
    for sample in random.Random(0).sample(named, min(SHOWN, len(named))):
        say("\n" + _("subject: {topic}", topic=sample["topic"] or _("none")), err=False, bold=True)
        for who in SIDES:
            say(f"  {_(who):<8} {shorten(sample[who])}", err=False)


def print_habits(samples: list[dict[str, Any]]) -> None:
    """The author's habits, counted in real held-out tweets and in what both models wrote on their subjects."""
    counted = [shares([sample[who] for sample in samples]) for who in SIDES]
    heading = _("habit, share of {count} tweets", count=len(samples))
    say(f"\n{heading:<52}" + "".join(f"{_(who):>9}" for who in SIDES), err=False, wrap=False, bold=True)
    for habit in counted[0]:
        say(f"{_(habit):<52}" + "".join(f"{localised(f'{share[habit]:.0%}'):>9}" for share in counted), err=False, wrap=False)


def shares(texts: list[str]) -> dict[str, float]:
    """habit → share of the texts that show it, 0 to 1. An empty text shows none."""
    given = [text.strip() for text in texts]
    return {name: sum(bool(t) and shown(t) for t in given) / max(len(given), 1) for name, shown in HABITS.items()}


def shorten(text: str, limit: int = 280) -> str:
    """On one line, at most a tweet long."""
    text = " ⏎ ".join(line.strip() for line in text.splitlines() if line.strip())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def main() -> None:
    restart_in_utf8_mode()
    print_in_any_encoding()
    if len(sys.argv) != 2:
        sys.exit(_("usage: python -m scripts.demo_show RECIPE"))
    try:
        show(Path(sys.argv[1]))
    except TweetstyleError as error:
        say(str(error), fg="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
