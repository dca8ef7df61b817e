"""What was learned, to look at: tweets by the base and by the tuned model on the same prompts, next to real held-out ones.

python -m tweetstyle.demo.show recipes/demo.yaml
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tweetstyle.demo.habits import shares
from tweetstyle.errors import TweetstyleError
from tweetstyle.records import Tweet, read_split
from tweetstyle.template import NO_TOPIC

if TYPE_CHECKING:
    from tweetstyle.chat import Speaker
    from tweetstyle.road import Road

SHOWN, COUNTED = 3, 30
"""Prompts whose tweets are printed, and prompts whose tweets are counted."""


def show(recipe: Path) -> None:
    """Prints the comparison. The base model goes through the same export and the same sampling as the tuned one."""
    from tweetstyle.chat import Speaker
    from tweetstyle.pipeline import exported_gguf
    from tweetstyle.road import Road

    road = Road(recipe)
    held_out = list(read_split(road.split("test"))) + list(read_split(road.split("validation")))
    prompts = [tweet.topic or NO_TOPIC for tweet in held_out][:COUNTED]
    tuned = generate("tuned", Speaker(exported_gguf(road.recipe, recipe), road.template, road.recipe.sampling), prompts)
    with tempfile.TemporaryDirectory(prefix="tweetstyle-demo-") as temporary:
        base = generate("base", base_speaker(road, Path(temporary)), prompts)
    print_samples(held_out, prompts, base, tuned)
    print_habits(held_out, base, tuned)


def base_speaker(road: Road, directory: Path) -> Speaker:
    """The base model as a GGUF of the tuned one's type."""
    from tweetstyle.chat import Speaker
    from tweetstyle.export import export

    recipe = road.recipe
    exported = export(road.base, None, road.template, recipe.export, recipe.sampling, "base", directory / "base")
    return Speaker(next(iter(exported.gguf.values())), road.template, recipe.sampling)


def generate(name: str, speaker: Speaker, prompts: list[str]) -> list[str]:
    """One tweet to each prompt, each with a seed of its own: two prompts without a subject are not the same tweet."""
    tweets = []
    with click.progressbar(prompts, label=f"{name:<6}", file=sys.stderr) as bar:
        for number, prompt in enumerate(bar):
            speaker.sampling = speaker.sampling.model_copy(update={"seed": number})
            tweets.append(speaker.answer(prompt).strip())
    return tweets


def print_samples(held_out: list[Tweet], prompts: list[str], base: list[str], tuned: list[str]) -> None:
    """Three prompts with a subject, drawn with a fixed seed, so that nobody chose the prettiest."""
    named = [number for number, prompt in enumerate(prompts) if prompt != NO_TOPIC]
    for number in sorted(random.Random(0).sample(named, min(SHOWN, len(named)))):
        click.secho(f"\nsubject: {prompts[number]}", bold=True)
        for who, text in (("real", held_out[number].text), ("base", base[number]), ("tuned", tuned[number])):
            click.echo(f"  {who:<6} {shorten(text)}")


def print_habits(held_out: list[Tweet], base: list[str], tuned: list[str]) -> None:
    """The author's habits, counted in real held-out tweets and in what both models wrote."""
    real = [tweet.text for tweet in held_out]
    counted = [shares(texts) for texts in (real, base, tuned)]
    click.secho(f"\n{'habit, share of the tweets':<52}{'real':>8}{'base':>8}{'tuned':>8}", bold=True)
    for habit in counted[0]:
        click.echo(f"{habit:<52}" + "".join(f"{share[habit]:>8.0%}" for share in counted))
    click.echo(f"{'tweets':<52}{len(real):>8}{len(base):>8}{len(tuned):>8}")


def shorten(text: str, limit: int = 280) -> str:
    """On one line, at most a tweet long."""
    text = " ⏎ ".join(line.strip() for line in text.splitlines() if line.strip())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tweetstyle.demo.show RECIPE")
    try:
        show(Path(sys.argv[1]))
    except TweetstyleError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
