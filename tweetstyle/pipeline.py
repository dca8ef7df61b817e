"""The verbs of the command line: the whole road (archive → prepare → fit → evaluate → export) or one stage of it.

Skips what is current, refuses early what would fail late.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.console import say
from tweetstyle.errors import RecipeErrors, TweetstyleError
from tweetstyle.files import clear_os_errors
from tweetstyle.hardware.gpu import observe_card
from tweetstyle.manifest import Manifest, changed_settings
from tweetstyle.prompt.template import NO_TOPIC
from tweetstyle.recipe import Recipe
from tweetstyle.recipe_yaml import located
from tweetstyle.run import Road, set_aside_other_run
from tweetstyle.stages.report import stage_in_report
from tweetstyle.stages.stage import Stage, show
from tweetstyle.train.card_errors import one_message_where_the_card_fails

if TYPE_CHECKING:
    from tweetstyle.inference.ollama import OllamaClient


def run(path: Path, *, start: str | None = None, ollama: bool = False) -> None:
    """The whole road; from `start` on everything anew."""
    road = Road(path)
    if start:
        _require_stage(road, start)
        road.trains_anew, road.exports_anew = start not in ("evaluate", "export"), True
    road.stages["prepare"].inputs()
    road.check_speaker()
    road.check()
    if ollama:
        ollama_client().version()
    with one_run_at_a_time(road.recipe):
        forced = False
        for name, stage in road.stages.items():
            forced = forced or name == start
            _walk(stage, road, forced)
        _tell(road)
    _finish(road, ollama)


def run_stage(path: Path, name: str, *, force: bool, writes_by_gguf: bool = False) -> None:
    """One stage; those before it must be current, but for prepare before playback, which is carried out where it is not.

    writes_by_gguf: the exported file writes in the tuned model's place.
    """
    road = Road(path)
    if writes_by_gguf:
        road.writer = exported_gguf(road.recipe, path)
    if name == "playback":
        _require_stage(road, name)
        road.check_speaker()
    else:
        _require_before(road, name)
    road.trains_anew, road.exports_anew, road.exports = force and name == "fit", force, name == "export"
    if name not in ("prepare", "playback"):
        road.check()
    with one_run_at_a_time(road.recipe):
        if name == "playback":
            _walk(road.stages["prepare"], road, False)
        _walk(road.stages[name], road, force)
        if name in ("evaluate", "export"):
            _tell(road)


def show_messages(path: Path, count: int) -> None:
    """Asks for the messages of some tweets and shows both side by side; prepares them first where that is not current."""
    road = Road(path)
    _require_stage(road, "playback")
    road.check_speaker()
    with one_run_at_a_time(road.recipe):
        _walk(road.stages["prepare"], road, False)
        road.show_messages(count)


def verify(path: Path) -> None:
    """The gate alone, on the exported files as they stand."""
    road = Road(path)
    with one_run_at_a_time(road.recipe), stage_in_report(road, "verify"):
        road.verify()


def dry_run(path: Path) -> None:
    """Prints the whole plan; writes nothing but a temporary directory that it removes."""
    from tweetstyle.stages.plan import plan

    road = Road(path)
    with located(path):
        show(plan(road.recipe, road.line_template, lambda: (road.base, road.template), road.standing))
        road.refuse_what_cannot_fit()


def plan(path: Path, *, card_gib: float | None = None, tweets: int | None = None, as_json: bool = False) -> None:
    """Prints what a run needs, from the recipe and config.json; writes nothing, prepares nothing."""
    import json

    from tweetstyle.plan import tables as needs_shown
    from tweetstyle.plan.estimate import as_json as figures

    needs = Road(path).needs(card_gib, tweets)
    if as_json:
        say(json.dumps(figures(needs), indent=2), err=False, wrap=False)
    else:
        show(needs_shown.needs_table(needs))


def doctor(path: Path | None, *, as_json: bool) -> bool:
    """Prints every check; of the machine alone without a recipe. Whether none failed."""
    from tweetstyle.stages import checks as checkup

    road, unread = None, []
    if path is not None:
        try:
            road = Road(path)
        except TweetstyleError as error:
            unread = [checkup.fail("recipe", error.what, error.hint or "", error.where or str(path))]
            if isinstance(error, RecipeErrors):
                unread = [checkup.fail("recipe", p.what, p.hint or "", p.where or str(path)) for p in error.problems]
    checks = [*checkup.examine(road), *unread]
    if as_json:
        say(checkup.as_json(checks), err=False, wrap=False)
    else:
        checkup.print_checks(checks)
        if commands := checkup.commands(checks):
            say("\n".join(["", "To copy:", *(f"  {command}" for command in commands)]), err=False, wrap=False)
    return all(check.state != "fail" for check in checks)


def chat(path: Path, prompt: str | None) -> None:
    """Talks with the exported model, or gives one answer."""
    from tweetstyle.inference.chat import Memory
    from tweetstyle.inference.chat import chat as talk

    road = Road(path)
    memory = Memory(road.recipe.export.num_ctx, road.base.tokenizer) if road.template.turns else None
    begins = road.recipe.prompt.message == "first-words"
    talk(exported_gguf(road.recipe, path), road.template, road.recipe.sampling, prompt, memory, begins)


def exported_gguf(recipe: Recipe, path: Path) -> Path:
    """The GGUF that the Modelfile names. Raises TweetstyleError where there is none, or it was trained under another prompt."""
    directory = recipe.export_directory
    if not (directory / "Modelfile").is_file():
        raise TweetstyleError("there is no exported model yet", where=str(directory), hint=f"tweetstyle-fit {path} makes it")
    made = Manifest.read(directory / "manifest.json")
    if made and (changed := changed_settings(made.settings.get("prompt"), recipe.prompt.model_dump(mode="json"), "prompt")):
        what = f"the exported model was trained under another prompt ({', '.join(changed)})"
        raise TweetstyleError(what, where=str(path), hint=f"tweetstyle-fit {path} trains it anew; or write the recipe as it was")
    source = next(line for line in (directory / "Modelfile").read_text(encoding="utf-8").splitlines() if line.startswith("FROM "))
    return directory / source.removeprefix("FROM ").strip()


# -- parts --------------------------------------------------------------------------------------------------


def _require_stage(road: Road, name: str) -> None:
    if name not in road.stages:
        hint = "write prompt.message: playback (with prompt.format: chat) and a section playback, or take another stage"
        raise TweetstyleError(f"this recipe has no stage {name}", where=str(road.path), hint=hint)


def _require_before(road: Road, name: str) -> None:
    """Refuses where a stage before this one is not current."""
    _require_stage(road, name)
    for before in takewhile(lambda stage: stage.name != name, road.stages.values()):
        if reason := before.why_stale():
            what = f"{before.name} comes first ({reason})"
            raise TweetstyleError(what, where=str(road.path), hint=f"tweetstyle-fit {road.path}, or tweetstyle {before.name} {road.path}")


def _walk(stage: Stage, road: Road, forced: bool) -> None:
    reason = "asked for" if forced else stage.why_stale()
    if reason is None:
        say(f"{stage.name:<9} current", fg="green")
        return
    say(f"{stage.name:<9} {reason}", bold=True)
    if forced and stage.name == "fit":
        set_aside_other_run(road.recipe.run_directory, identity=None)
    with stage_in_report(road, stage.name), one_message_where_the_card_fails(road.recipe.run_directory):
        stage.carry_out(anew=forced)


def _tell(road: Road) -> None:
    """The verdict in three sentences, and where all of it stands."""
    path = road.report()
    say()
    for sentence in road.verdict():
        say(sentence, err=False)
    say(f"Everything measured: {path}", err=False)


def _finish(road: Road, ollama: bool) -> None:
    from tweetstyle.inference.ollama import shell_lines

    directory, name = road.recipe.export_directory, road.recipe.name
    if ollama:
        message = {"fr": "Ça va ?", "en": "How are you?"}[road.recipe.language] if road.template.turns else NO_TOPIC
        client = ollama_client()
        answer = client.create_and_ask(name, directory / "Modelfile", message)
        say(f"ollama run {name}: {road.template.shown(answer)}", err=False)
        _warn_where_ollama_runs_it_on_the_cpu(client, name)
    say("\nTalk with it:", err=False)
    for line in [*shell_lines(name, directory / "Modelfile"), f"tweetstyle chat {road.path}"]:
        say(f"  {line}", err=False, wrap=False)


def _warn_where_ollama_runs_it_on_the_cpu(client: OllamaClient, name: str) -> None:
    """After the model's first answer, on a machine with a card."""
    from tweetstyle.doctor.ollama import check_placement

    if not (cards := observe_card(os.environ).cards):
        return
    for model in client.loaded():
        if model.name == f"{name}:latest":
            for check in check_placement(model, cards[0]):
                say(f"{check.seen}\n  → {check.do}", fg="yellow")


def ollama_client() -> OllamaClient:
    from tweetstyle.inference.ollama import OllamaClient

    return OllamaClient()


@contextmanager
def one_run_at_a_time(recipe: Recipe) -> Iterator[None]:
    """A second run of the same recipe, or on the same prepared data, would write into the first one's files: it is refused."""
    with ExitStack() as held:
        processed = str(recipe.data.processed).strip("/.").replace("/", "-")
        hold(held, recipe.name, "another run of this recipe is at work", "wait for it, or end it first")
        hint = "wait for it, or give this recipe a data.processed directory of its own"
        hold(held, f"data-{processed}", f"another run is at work on {recipe.data.processed}", hint)
        yield


def hold(held: ExitStack, name: str, what: str, hint: str) -> None:
    """Takes a lock that the operating system gives back when the process ends, however it ends."""
    lock = Path("model") / f".{name}.lock"
    with clear_os_errors(lock):
        lock.parent.mkdir(exist_ok=True)
        stream = held.enter_context(lock.open("w"))
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TweetstyleError(what, where=name, hint=hint) from None
