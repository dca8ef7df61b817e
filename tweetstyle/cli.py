"""Commands and their options."""

import random
import sys
from functools import partial
from pathlib import Path

import click

from tweetstyle import __version__
from tweetstyle.console import rich_console, say
from tweetstyle.wording.commands import Argument, CommandGroup, FiniteRange, OfflineCommand, Option

argument, option = partial(click.argument, cls=Argument), partial(click.option, cls=Option)
STAGE = click.Choice(["prepare", "playback", "fit", "evaluate", "export"], case_sensitive=False)
RECIPE = argument("recipe", metavar="RECIPE", type=click.Path(path_type=Path))
FORCE = option("--force", is_flag=True, help="Redo it even if it is up to date.")
VERSION = click.version_option(__version__, cls=Option, help="Show the version and exit.")


@click.command("tweetstyle-fit", cls=OfflineCommand)
@RECIPE
@option("--dry-run", is_flag=True, help="Check the recipe and print the whole plan; train and write nothing.")
@option("--from", "start", type=STAGE, help="Redo this stage and the ones after it, even if they are up to date.")
@option("--ollama", is_flag=True, help="At the end, create the model in the running Ollama and ask it for a tweet.")
@VERSION
def fit_command(recipe: Path, dry_run: bool, start: str | None, ollama: bool) -> None:
    """From an archive of tweets to a model for Ollama, as RECIPE says: prepare, (playback,) fit, evaluate, export.

    Stages that are up to date are skipped, interrupted ones resume.
    """
    from tweetstyle import pipeline

    if dry_run:
        pipeline.dry_run(recipe)
    else:
        pipeline.run(recipe, start=start, ollama=ollama)


@click.group("tweetstyle", cls=CommandGroup)
@VERSION
def tweetstyle() -> None:
    """Learn one person's writing style from their tweets. All stages at once: tweetstyle-fit RECIPE."""


@tweetstyle.command("start", cls=OfflineCommand)
@argument("archive", metavar="[ARCHIVE]", required=False, type=click.Path(path_type=Path))
@option("--yes", is_flag=True, help="Accept every default and ask nothing.")
def start_command(archive: Path | None, yes: bool) -> None:
    """Guide from an archive to a model to talk with: five steps, each explained, with a trial on 100 tweets.

    Without ARCHIVE it is looked for in data/raw, here and in the download folder. Interrupted, the same command continues.
    """
    from tweetstyle.start import start

    start(archive, yes=yes)


@tweetstyle.command("inspect", cls=OfflineCommand)
@argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@option("--write-recipe", "target", metavar="FILE", type=click.Path(path_type=Path), help="Write a first recipe; never over a file.")
@option("--separator", metavar="LINE", help="In plain text, the line between two tweets; without it every line is a tweet.")
@option("--author", metavar="NAME", multiple=True, help="Your name in a chat; without it the names in the chat are listed.")
def inspect_command(sources: tuple[Path, ...], target: Path | None, separator: str | None, author: tuple[str, ...]) -> None:
    """Show what an archive holds: X's own (zip or folder), another network's or messenger's export, CSV, JSON Lines or plain text.

    Kind, period, languages, what the tweets are, ten of them, and a recipe to start from. Nothing else is written.
    """
    from tweetstyle.inspect import inspect

    inspect(sources, rich_console(), target, separator, author)


@tweetstyle.command("plan", cls=OfflineCommand)
@RECIPE
@option(
    "--card",
    "card_gib",
    metavar="GIB",
    type=FiniteRange(0.5, 1024),
    help="Plan for a card sold as 6, 8, 12, 16 or 24 GB (12 reports 11.6 GiB), or with this many GiB.",
)
@option("--tweets", metavar="N", type=click.IntRange(1), help="Plan the time for N kept tweets, of about 50 tokens each.")
@option("--json", "as_json", is_flag=True, help="Figures for programs: bytes, tokens, hours.")
def plan_command(recipe: Path, card_gib: float | None, tweets: int | None, as_json: bool) -> None:
    """Show what RECIPE needs of the card, of RAM, of the disk and of time, before anything is downloaded or trained.

    Reads the base model's config.json and, once the tweets are prepared, its tokenizer. Without a card in this machine, the plan is for
    the one that the recipe names (machine.card_gib).
    """
    from tweetstyle import pipeline

    pipeline.plan(recipe, card_gib=card_gib, tweets=tweets, as_json=as_json)


@tweetstyle.command("doctor", cls=OfflineCommand)
@argument("recipe", metavar="[RECIPE]", required=False, type=click.Path(path_type=Path))
@option("--json", "as_json", is_flag=True, help="The checks for programs: name, state (ok, warn, fail), seen, do, where.")
def doctor_command(recipe: Path | None, as_json: bool) -> None:
    """Check that this machine, its packages and the base model can run RECIPE; without RECIPE, check the machine only.

    Nothing is written. Exits with 1 if a check failed: a run would stop there.
    """
    from tweetstyle import pipeline

    if not pipeline.doctor(recipe, as_json=as_json):
        sys.exit(1)


def _stage_command(stage: str, help: str) -> None:
    @tweetstyle.command(stage, cls=OfflineCommand, help=help)
    @RECIPE
    @FORCE
    def command(recipe: Path, force: bool) -> None:
        from tweetstyle import pipeline

        pipeline.run_stage(recipe, stage, force=force)


_stage_command("prepare", "Clean, split and format the archive into data/processed/.")


@tweetstyle.command(cls=OfflineCommand)
@RECIPE
@option(
    "--show", type=click.IntRange(min=1), metavar="N", help="Ask for N tweets only and show them with their messages; write no messages."
)
@FORCE
def playback(recipe: Path, show: int | None, force: bool) -> None:
    """Let a model on this machine write the message that each tweet would answer, into data/processed/messages-*.jsonl.

    For recipes with prompt.message: playback. Check some with --show 20 before you train on them. Tweets that are not prepared yet
    are prepared first. Answers are saved as they arrive: an interrupted run resumes, and --force uses them again.
    """
    from tweetstyle import pipeline

    if show is None:
        pipeline.run_stage(recipe, "playback", force=force)
    else:
        pipeline.show_messages(recipe, show)


@tweetstyle.command(cls=OfflineCommand)
@RECIPE
@option("--rate", "rates", type=FiniteRange(0, 1, min_open=True), multiple=True, metavar="RATE", help="A rate to try; repeat it for more.")
@option("--steps", type=click.IntRange(10), default=40, show_default=True, metavar="N", help="Steps of each training, at most the run's.")
def tune(recipe: Path, rates: tuple[float, ...], steps: int) -> None:
    """Compare learning rates by short trainings; write a copy of RECIPE with the best, where it is better beyond doubt.

    The recipe's rate, a third and three times of it, and up to two more on the better side, each for some steps on the same tweets; what
    counts are the validation tweets. Finished rates are saved: an interrupted comparison resumes.
    """
    from tweetstyle import pipeline

    pipeline.tune(recipe, steps, rates)


_stage_command("fit", "Train; an interrupted run resumes from its last checkpoint.")


@tweetstyle.command(cls=OfflineCommand)
@RECIPE
@FORCE
@option(
    "--model",
    type=click.Choice(["hf", "gguf"], case_sensitive=False),
    help="Who writes the tweets that are compared with real ones: the trained model (hf), or the exported file in llama.cpp (gguf).",
)
def evaluate(recipe: Path, force: bool, model: str | None) -> None:
    """Score base and tuned model on held-out tweets, let both write, and compare that with real tweets.

    Written tweets are saved in model/NAME/written/: an interrupted run resumes.
    """
    from tweetstyle import pipeline

    pipeline.run_stage(recipe, "evaluate", force=force or model is not None, writes_by_gguf=model == "gguf")


@tweetstyle.command(cls=OfflineCommand)
@argument("runs", metavar="RUN RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
def compare(runs: tuple[Path, ...]) -> None:
    """Put evaluated runs (model/NAME) side by side, on the held-out tweets that all of them were scored on.

    The difference from the first run has a paired interval, so that it shows the training and not the choice of tweets.
    """
    from tweetstyle.evaluate.compare import compare

    rich_console().print(compare(runs))


_stage_command("export", "Merge and quantise into export/NAME/*.gguf, with a Modelfile.")


@tweetstyle.command(cls=OfflineCommand)
@RECIPE
def verify(recipe: Path) -> None:
    """Check the exported files against what was trained; a file that fails is renamed .rejected.

    Token ids in llama.cpp and, where it runs, in Ollama; predictions on held-out tweets; sampled answers that end. On a processor it
    takes minutes; until all checks are done nothing is changed. Every figure is then in export/NAME/parity.html and parity.json.
    """
    from tweetstyle import pipeline

    pipeline.verify(recipe)


@tweetstyle.command(cls=OfflineCommand)
@RECIPE
@option("--prompt", metavar="TEXT", help="One answer to TEXT instead of a conversation; '*' names no subject.")
def chat(recipe: Path, prompt: str | None) -> None:
    """Talk with the exported model in the terminal."""
    from tweetstyle import pipeline

    pipeline.chat(recipe, prompt)


@tweetstyle.command(cls=OfflineCommand)
@RECIPE
@argument("subjects", metavar="[SUBJECT]...", nargs=-1)
@option("-n", "count", type=click.IntRange(1, 1000), default=5, show_default=True, metavar="N", help="Tweets for each subject.")
@option(
    "--candidates",
    type=click.IntRange(1, 10_000),
    default=32,
    show_default=True,
    metavar="N",
    help="Tweets written for each subject, of which those like the author's are drawn; with no more than -n, none is left out.",
)
@option("--subjects", "file", metavar="FILE", type=click.Path(path_type=Path), help="Read subjects from FILE, one a line.")
@option(
    "--seed",
    type=click.IntRange(0),
    default=lambda: random.randrange(2**31),
    metavar="N",
    help="The same seed writes the same tweets again.",
)
@option("--json", "form", flag_value="json", help="Print JSON: subject, text, seed, log odds.")
@option("--csv", "form", flag_value="csv", help="Print CSV with the same columns.")
@option("--ollama", is_flag=True, help="Let the model in the running Ollama write, and not the exported file.")
def write(recipe: Path, subjects: tuple[str, ...], file: Path | None, form: str | None, ollama: bool, **amounts: int) -> None:
    """Write tweets on each SUBJECT, or on none in particular.

    More are written than shown. Copies of training tweets and near-duplicates are dropped; of the others those are drawn that read
    like the author's, by a classifier that has learned how the model writes (export/NAME/discriminator.npz, made the first time).
    """
    from tweetstyle import pipeline
    from tweetstyle.write import Request
    from tweetstyle.write.output import read_subjects

    wanted = [*subjects, *(read_subjects(file) if file else ())] or ["*"]
    pipeline.write(recipe, Request(wanted, **amounts), form or "text", ollama=ollama)


@tweetstyle.command(cls=OfflineCommand)
@argument("model", metavar="MODEL")
@argument("text", metavar="[TEXT]", required=False)
@option("--json", "as_json", is_flag=True, help="The figures for programs.")
def tokens(model: str, text: str | None, as_json: bool) -> None:
    """Show the special tokens of MODEL's tokenizer, and the tokens of TEXT.

    MODEL is a directory, or a name on the hub that was downloaded before (hf download). Any model's tokenizer can be shown, also of those
    that cannot be trained here.
    """
    import json

    from tweetstyle.model.tokens import lines, read_tokenizer

    figures = read_tokenizer(model).figures(text)
    if as_json:
        say(json.dumps(figures, ensure_ascii=False, indent=2), err=False, wrap=False)
    else:
        rich_console(highlight=False).print(*lines(figures), sep="\n")


@tweetstyle.command(cls=OfflineCommand)
def schema() -> None:
    """Print the recipe's JSON Schema, for editors."""
    from tweetstyle.recipe_yaml import schema

    say(schema(), err=False, wrap=False, nl=False)
