"""Prints tweets of the base and the tuned model beside real ones, and the verdict.

python -m tweetstyle.demo.show recipes/demo.yaml
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

from tweetstyle.console import print_in_any_encoding, restart_in_utf8_mode, say
from tweetstyle.demo.habits import shares
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import read_back

SHOWN = 3
"""Prompts whose tweets are printed."""
SIDES = ("real", "base", "tuned")


def show(recipe: Path) -> None:
    """Prints what the evaluation kept: samples, habits, the verdict in three sentences, and where all of it stands.

    Raises TweetstyleError where the run was not evaluated, or wrote no tweets for it.
    """
    from tweetstyle.run import Run
    from tweetstyle.stages.report import report, verdict

    run = Run(recipe)
    evaluation = run.recipe.run_directory / "evaluation.json"
    samples = (read_back(evaluation, dict[str, Any]) or {}).get("samples")
    if not samples:
        hint = f"tweetstyle-fit {recipe}, with evaluation.samples above 0"
        raise TweetstyleError("the models have written no tweets to show", where=str(evaluation), hint=hint)
    print_samples(samples)
    print_habits(samples)
    say(err=False)
    for sentences in verdict(run):
        say(sentences, err=False)
    say(f"Everything measured: {report(run)}", err=False)


def print_samples(samples: list[dict[str, Any]]) -> None:
    """Three prompts with a subject, drawn with a fixed seed, so that nobody chose the prettiest."""
    named = [sample for sample in samples if sample["topic"]] or samples
    for sample in random.Random(0).sample(named, min(SHOWN, len(named))):
        say(f"\nsubject: {sample['topic'] or 'none'}", err=False, bold=True)
        for who in SIDES:
            say(f"  {who:<6} {shorten(sample[who])}", err=False)


def print_habits(samples: list[dict[str, Any]]) -> None:
    """The author's habits, counted in real held-out tweets and in what both models wrote on their subjects."""
    counted = [shares([sample[who] for sample in samples]) for who in SIDES]
    say(
        f"\n{'habit, share of ' + str(len(samples)) + ' tweets':<52}" + "".join(f"{who:>8}" for who in SIDES),
        err=False,
        wrap=False,
        bold=True,
    )
    for habit in counted[0]:
        say(f"{habit:<52}" + "".join(f"{share[habit]:>8.0%}" for share in counted), err=False, wrap=False)


def shorten(text: str, limit: int = 280) -> str:
    """On one line, at most a tweet long."""
    text = " ⏎ ".join(line.strip() for line in text.splitlines() if line.strip())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def main() -> None:
    restart_in_utf8_mode()
    print_in_any_encoding()
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tweetstyle.demo.show RECIPE")
    try:
        show(Path(sys.argv[1]))
    except TweetstyleError as error:
        say(str(error), fg="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
