"""What the commands do: a whole run, one stage, a dry run, the plan, doctor, chat."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path

from tweetstyle.console import say
from tweetstyle.doctor.ollama import check_placement
from tweetstyle.errors import RecipeErrors, TweetstyleError
from tweetstyle.files import clear_os_errors
from tweetstyle.hardware.gpu import observe_card
from tweetstyle.inference.ollama import OllamaClient, shell_lines
from tweetstyle.locale import _
from tweetstyle.plan import estimate as estimates
from tweetstyle.plan.tables import plan_table
from tweetstyle.prompt.template import NO_TOPIC
from tweetstyle.recipe import Recipe
from tweetstyle.recipe_yaml import located
from tweetstyle.run import Run
from tweetstyle.stages import checks, export, prepare, stages_of
from tweetstyle.stages import plan as planning
from tweetstyle.stages.checks import check, check_message_model
from tweetstyle.stages.fit import set_aside_other_run
from tweetstyle.stages.report import report, stage_in_report, verdict
from tweetstyle.stages.stage import Stage, exported_gguf, show
from tweetstyle.stages.tune import tune as compare_rates
from tweetstyle.stages.write import write_tweets
from tweetstyle.train.failures import one_message_for_failures
from tweetstyle.write import Request
from tweetstyle.write.output import Form, print_tweets


def run(path: Path, *, start: str | None = None, ollama: bool = False) -> None:
    """The whole run; the stages from `start` on are carried out even if they are up to date."""
    run = run_stages(path, start=start, ollama=ollama)
    _print_verdict(run)
    _finish(run, ollama)


def run_stages(path: Path, *, start: str | None = None, ollama: bool = False) -> Run:
    """Every stage, and the checks before; arguments as of `run`, which prints the verdict too."""
    run = Run(path, retrain=start not in (None, "evaluate", "export"), reexport=start is not None)
    if start:
        _require_stage(run, start)
    stages_of(run)["prepare"].inputs()
    check_message_model(run)
    check(run)
    if ollama:
        OllamaClient().version()
    with one_run_at_a_time(run.recipe):
        forced = False
        for name, stage in stages_of(run).items():
            forced = forced or name == start
            _carry_out(stage, run, forced)
    return run


def run_stage(path: Path, name: str, *, force: bool, writes_by_gguf: bool = False) -> None:
    """One stage; those before it must be up to date, but for prepare before playback. writes_by_gguf: as Run's."""
    run = Run(path, retrain=force and name == "fit", export=name == "export", reexport=force, writes_by_gguf=writes_by_gguf)
    if writes_by_gguf:
        exported_gguf(run.recipe, path)
    _require_stage(run, name)
    if name == "playback":
        check_message_model(run)
    else:
        _require_before(run, name)
    if name not in ("prepare", "playback"):
        check(run)
    with one_run_at_a_time(run.recipe):
        if name == "playback":
            _carry_out(stages_of(run)["prepare"], run, False)
        _carry_out(stages_of(run)[name], run, force)
        if name in ("evaluate", "export"):
            _print_verdict(run)


def show_messages(path: Path, count: int) -> None:
    """Has messages written for some tweets and shows both; prepares the tweets first if they are out of date."""
    run = Run(path)
    _require_stage(run, "playback")
    check_message_model(run)
    with one_run_at_a_time(run.recipe):
        _carry_out(stages_of(run)["prepare"], run, False)
        prepare.show_messages(run, count)


def tune(path: Path, steps: int, rates: tuple[float, ...]) -> None:
    """Compares learning rates; a better one than the recipe's is written into a copy of the recipe."""
    run = Run(path, export=False)
    _require_before(run, "fit")
    check(run)
    with one_run_at_a_time(run.recipe), one_message_for_failures(run.recipe.run_directory):
        compare_rates(run, steps, rates)


def verify(path: Path) -> None:
    """The gate alone, on the exported files as they are."""
    run = Run(path)
    with one_run_at_a_time(run.recipe), stage_in_report(run, "verify"):
        export.verify(run)


def dry_run(path: Path) -> None:
    """Prints the whole plan; writes nothing but a temporary directory that it removes."""
    run = Run(path)
    with located(path):
        show(planning.plan(run))


def plan(path: Path, *, card_gib: float | None = None, tweets: int | None = None, as_json: bool = False) -> None:
    """Prints what a run needs; writes nothing, prepares nothing."""
    estimate = planning.estimate_run(Run(path), card_gib, tweets)
    if as_json:
        say(json.dumps(estimates.as_json(estimate), indent=2), err=False, wrap=False)
    else:
        show(plan_table(estimate))


def doctor(path: Path | None, *, as_json: bool) -> bool:
    """Prints every check; of the machine alone without a recipe. Whether none failed."""
    run, problems = None, []
    try:
        run = Run(path) if path else None
    except TweetstyleError as error:
        problems = error.problems if isinstance(error, RecipeErrors) else [error]
    found = [*checks.all_checks(run), *(checks.failed("recipe", problem, path) for problem in problems)]
    if as_json:
        say(checks.as_json(found), err=False, wrap=False)
    else:
        checks.print_checks(found)
    return all(check.state != "fail" for check in found)


def chat(path: Path, prompt: str | None) -> None:
    """Talks with the exported model, or gives one answer."""
    from tweetstyle.inference import chat

    run = Run(path)
    num_ctx, tokenizer = (run.recipe.export.num_ctx, run.base.tokenizer) if run.template.turns else (None, None)
    chat_model = chat.ChatModel(exported_gguf(run.recipe, path), run.template, run.sampling, num_ctx)
    typed = _("the subject of the tweet, or * for none")
    if run.recipe.prompt.message == "first-words" or run.template.format == "text":
        typed = _("the first words of a tweet")
    chat.chat(chat_model, prompt, _("a message") if tokenizer else typed, tokenizer)


def write(path: Path, request: Request, form: Form, *, ollama: bool) -> None:
    """Prints tweets on the request's subjects."""
    print_tweets(write_tweets(Run(path), request, ollama=ollama), form)


# -- parts --------------------------------------------------------------------------------------------------


def _require_stage(run: Run, name: str) -> None:
    if name not in stages_of(run):
        hint = _("write prompt.message: playback (with prompt.format: chat) and a section playback, or take another stage")
        raise TweetstyleError(_("this recipe has no stage {stage}", stage=name), where=str(run.path), hint=hint)


def _require_before(run: Run, name: str) -> None:
    """Refuses if a stage before this one is out of date."""
    for before in takewhile(lambda stage: stage.name != name, stages_of(run).values()):
        if reason := before.why_stale():
            what = _("{stage} comes first ({reason})", stage=before.name, reason=reason)
            hint = _("run: tweetstyle {stage} {recipe}, or all stages: tweetstyle-fit {recipe}", stage=before.name, recipe=run.path)
            raise TweetstyleError(what, where=str(run.path), hint=hint)


def _carry_out(stage: Stage, run: Run, forced: bool) -> None:
    reason = _("requested") if forced else stage.why_stale()
    if reason is None:
        say(f"{stage.name:<9} " + _("up to date"), fg="green")
        return
    say(f"{stage.name:<9} " + _("starting: {reason}", reason=reason), bold=True)
    if forced and stage.name == "fit":
        set_aside_other_run(run.recipe.run_directory, identity=None)
    with stage_in_report(run, stage.name), one_message_for_failures(run.recipe.run_directory):
        stage.carry_out()


def _print_verdict(run: Run) -> None:
    """Prints the verdict in three sentences, and the path of the report."""
    path = report(run)
    say()
    say("\n".join([*verdict(run), _("Everything measured: {path}", path=path)]), err=False)


def first_message(run: Run) -> str:
    """What a new model is asked, so that it shows that it writes."""
    return _("How are you?") if run.template.turns else NO_TOPIC


def _finish(run: Run, ollama: bool) -> None:
    directory, name = run.recipe.export_directory, run.recipe.name
    if ollama:
        client = OllamaClient()
        client.create(name, directory / "Modelfile")
        answer = client.chat(name, [{"role": "user", "content": first_message(run)}], {})["message"]["content"]
        say(f"ollama run {name}: {run.template.shown(answer)}", err=False)
        _warn_where_ollama_runs_it_on_the_cpu(client, name)
    say("\n" + _("Talk with it:"), err=False)
    for line in [*shell_lines(name, directory / "Modelfile"), f"tweetstyle chat {run.path}"]:
        say(f"  {line}", err=False, wrap=False)


def _warn_where_ollama_runs_it_on_the_cpu(client: OllamaClient, name: str) -> None:
    """After the model's first answer, on a machine with a card."""
    cards = observe_card(os.environ).cards
    for model in client.loaded() if cards else ():
        for found in check_placement(model, cards[0]) if model.name == f"{name}:latest" else ():
            say(f"{found.seen}\n  → {found.do}", fg="yellow")


@contextmanager
def one_run_at_a_time(recipe: Recipe) -> Iterator[None]:
    """Refuses a second run of the same recipe, or on the same prepared data: it would write into the first one's files.

    The operating system releases the locks when the process ends, even by a kill.
    """
    processed = recipe.data.processed
    locks = {
        recipe.name: (_("another run of this recipe is in progress"), _("wait until it ends, or stop it")),
        f"data-{str(processed).strip('/.').replace('/', '-')}": (
            _("another run is using {directory}", directory=processed),
            _("wait until it ends, or give this recipe its own data.processed directory"),
        ),
    }
    with ExitStack() as held:
        for name, (what, hint) in locks.items():
            lock = Path("model") / f".{name}.lock"
            with clear_os_errors(lock):
                lock.parent.mkdir(exist_ok=True)
                stream = held.enter_context(lock.open("w"))
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TweetstyleError(what, where=name, hint=hint) from None
        yield
