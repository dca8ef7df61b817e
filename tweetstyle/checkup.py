"""A recipe put to doctor: what it asks of the machine, and what is told of the answer, by `tweetstyle doctor` and before a run."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tweetstyle.doctor import Asked, Check, Room, doctor, fail, ok
from tweetstyle.errors import RecipeErrors, TweetstyleError
from tweetstyle.memory.plan import CUDA_CONTEXT, plan_on_cpu
from tweetstyle.recipe_file import located
from tweetstyle.sources.inputs import files_of

if TYPE_CHECKING:
    from rich.table import Table

    from tweetstyle.road import Road

USUAL = (Path("model"), Path("export"), Path("data/processed"))
"""Where runs write, unless a recipe says otherwise."""
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def examine(road: Road | None) -> list[Check]:
    """Every check; of the machine alone without a recipe. What cannot even be read is a check that failed, and ends none of the others."""
    if road is None:
        return doctor(None, USUAL)
    recipe, where = road.recipe, str(road.path)
    directories = (recipe.run_directory, recipe.export_directory, recipe.data.processed)
    asked, refused = None, []
    for name, step in (("base model", lambda: road.base), ("prompt", lambda: road.template), ("recipe", road.refuse_what_would_fail)):
        try:
            step()
        except TweetstyleError as error:
            refused.append(fail(name, error.what, error.hint or "", error.where or where))
            break
    else:
        asked = asked_of(road)
    messages = [check for check in messages_check(road) if check.seen not in {of.seen for of in refused}]
    return [*doctor(asked, directories), *refused, *messages]


def messages_check(road: Road) -> list[Check]:
    """Whether the model that writes a conversation's messages can be asked, where it will have to be."""
    try:
        speaker = road.check_speaker()
    except TweetstyleError as error:
        return [fail("messages", error.what, error.hint or "", error.where or str(road.path))]
    return [ok("messages", f"{speaker} can be asked for them")] if speaker else []


def asked_of(road: Road) -> Asked:
    """What the recipe asks of the machine. Raises TweetstyleError for what the base model, the template or the plan refuse."""
    recipe, base, there = road.recipe, road.base, road.bytes_there()
    needs = road.run_needs
    directories = {"prepared data": recipe.data.processed, "export": recipe.export_directory}
    bytes_for = dict(needs.disk)
    trained = bytes_for["checkpoints"] + bytes_for.pop("final model")
    bytes_for["checkpoints"] = 0 if there is None else max(trained - there, 0)
    rooms = (Room(directories.get(why, recipe.run_directory), size, why) for why, size in bytes_for.items())
    archive = [file for source in recipe.data.source if source.exists() for file in files_of(source)]
    return Asked(
        base=base,
        template=road.template,
        model=recipe.model,
        training=recipe.training,
        parameters=needs.shape.parameters,
        card=needs.memory.card - needs.card.others,
        card_least=needs.memory.tensors + CUDA_CONTEXT,
        ram=needs.ram if needs.card.seen else needs.ram | {"training": plan_on_cpu(base.config, recipe.model, recipe.training)},
        rooms=tuple(rooms),
        files=(road.path, *archive, *base.shards),
        newest_tweet=_newest_tweet(road.split("test")),
    )


def _newest_tweet(split: Path) -> int | None:
    """Seconds since 1970 of the last line of the latest tweets; None where they are not prepared, or bear no date."""
    if not split.is_file() or not split.stat().st_size:
        return None
    with split.open("rb") as stream:
        stream.seek(max(0, split.stat().st_size - 2**16))
        row = json.loads(stream.read().splitlines()[-1])
    return int(datetime.fromisoformat(row["created_at"]).timestamp()) if row.get("created_at") else None


def stop_where_it_would_fail(road: Road) -> None:
    """Before a run: what is well stays unsaid, a warning is shown, and all that would fail is raised at once as TweetstyleError."""
    problems = []
    for check in doctor(asked_of(road), (road.recipe.run_directory, road.recipe.export_directory, road.recipe.data.processed)):
        if check.state == "warn":
            click.secho(f"{check.name}: {check.seen}\n  → {check.do}", fg="yellow", err=True)
        elif check.state == "fail":
            problems.append(_located(check, road.path))
    if problems:
        raise problems[0] if len(problems) == 1 else RecipeErrors(problems)


def _located(check: Check, path: Path) -> TweetstyleError:
    try:
        with located(path):
            raise TweetstyleError(check.seen, where=check.where or check.name, hint=check.do)
    except TweetstyleError as error:
        return error


def as_json(checks: list[Check]) -> str:
    """For programs; `ok` says whether nothing failed."""
    shown = {"ok": all(check.state != "fail" for check in checks), "checks": [asdict(check) for check in checks]}
    return json.dumps(shown, indent=2, ensure_ascii=False)


def table(checks: list[Check]) -> Table:
    """For a person: what was seen, and beneath it what to do."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table("", "check", "seen, and what to do", box=None, pad_edge=False)
    for check in checks:
        where = f"{check.where}: " if check.where else ""
        do = f"\n[bold]→ {escape(check.do)}[/bold]" if check.do else ""
        colour = COLOURS[check.state]
        shown.add_row(f"[{colour}]{check.state}[/{colour}]", check.name, escape(where + check.seen) + do)
    return shown
