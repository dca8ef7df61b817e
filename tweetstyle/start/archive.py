"""Step 1: finds the archive, shows ten of its tweets, and asks for the style's name."""

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from tweetstyle.cleaning.archive_rules import FEWEST
from tweetstyle.console import rich_console, say
from tweetstyle.errors import TweetstyleError
from tweetstyle.inspect import show
from tweetstyle.inspect.summary import Inventory, take_inventory
from tweetstyle.locale import _, _n
from tweetstyle.sources import AuthorUnknown, open_archive
from tweetstyle.sources.recognise import PLAIN_TEXT, X_ARCHIVE, RecognisedSource, kind_of
from tweetstyle.sources.text_files import Members
from tweetstyle.sources.x_archive import contents_of
from tweetstyle.start.dialogue import Answers, Choice, Questions

RAW, SAMPLE = Path("data/raw"), Path("data/sample/tweets.csv")
SUFFIXES = (".zip", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt")
MOST_SHOWN = 7
SAMPLE_AUTHOR = "Nimzo"
SAYS_NOTHING = re.compile(r"(?i)tweet|twitter|archive|download|téléchargement|export|outbox|messages|^(data|raw|repo|package|result|)$")
"""In a file's or a folder's name: not the author's."""


def your_tweets(archive: Path | None, ask: Questions) -> Answers:
    """An archive that can be read and that the user recognises. Raises TweetstyleError where the one that was named cannot be read."""
    while True:
        path = archive or _choose(ask)
        try:
            author, found = _inventory(path, ask)
            if found.likely_kept < FEWEST:
                what = _("too few tweets to learn from: about {kept}, at least {fewest} are needed", kept=found.likely_kept, fewest=FEWEST)
                raise TweetstyleError(what, where=str(path), hint=_("choose another archive"))
        except TweetstyleError as error:
            if archive or ask.yes:
                raise
            say(str(error), fg="red")
            continue
        show(found, rich_console())
        if ask.confirm(_("Are these the tweets to learn from?")):
            return _named(path, found, author, ask)
        archive = None


def _inventory(path: Path, ask: Questions) -> tuple[str, Inventory]:
    """The user's name in a chat, empty elsewhere, and what the archive holds."""
    try:
        return "", take_inventory([path])
    except AuthorUnknown as unknown:
        if ask.yes:
            raise
        names = list(unknown.names)[:MOST_SHOWN]
        choices = [Choice(name, _n("{count:,} message", "{count:,} messages", unknown.names[name])) for name in names]
        author = names[ask.choose(_("Which name is yours?"), choices)]
        return author, take_inventory([path], author=[author])


def _named(path: Path, found: Inventory, author: str, ask: Questions) -> Answers:
    style = ask.text(_("Name of the style, for example your own (every prompt will hold it)"), author or default_style(path))
    answers = Answers(str(path), style, "", found.likely_kept, list(found.likely), french=found.main_language == "fr", author=author)
    for number in count(1):
        answers.name = run_name(style) + (f"-{number}" if number > 1 else "")
        there = [recipe for recipe in (answers.recipe, answers.trial) if recipe.exists()]
        if not there or (number == 1 and ask.confirm(_("{file} exists. Replace it?", file=there[0]), default=False)):
            break
    answers.save()
    return answers


def _choose(ask: Questions) -> Path:
    """One of the archives on this machine, the sample, or a path that is typed."""
    folders = [RAW, Path(), *downloads()]
    found = sorted(candidates(folders), key=lambda source: (source.kind != X_ARCHIVE, -source.path.stat().st_mtime))[:MOST_SHOWN]
    choices = [Choice(str(source.path), source.in_words) for source in found]
    if not found:
        places = ", ".join(str(folder.absolute()) for folder in folders)
        say(_("No archive was found in {places}.", places=places), err=False)
        say(_("X sends it to you: Settings → Your account → Download an archive of your data. Put the zip under data/raw/."), err=False)
    if SAMPLE.is_file():
        choices.append(Choice(_("the sample archive"), _("878 tweets of an invented author, to try the program")))
    elif not found and ask.yes:
        raise TweetstyleError(_("there is no archive to start from"), hint=_("name the archive: tweetstyle start PATH"))
    about = _("X's archive, another network's or messenger's export, CSV, JSON Lines or plain text: you type its path")
    choices.append(Choice(_("another file or folder"), about))
    chosen = ask.choose(_("Which archive?"), choices)
    if chosen < len(found):
        return found[chosen].path
    if chosen < len(choices) - 1:
        return SAMPLE
    return Path(ask.text(_("Path of the archive"), str(RAW))).expanduser()


def candidates(folders: list[Path]) -> Iterator[RecognisedSource]:
    """What the folders hold that can be read as tweets. Plain text, which anything is, counts only where archives are put."""
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() and os.access(folder, os.R_OK) else ():
            if path.name.startswith(".") or not (path.is_dir() or path.suffix.lower() in SUFFIXES):
                continue
            with suppress(TweetstyleError, OSError):  # Not an archive: nothing to say about it.
                kind = kind_of(path).kind
                if kind == X_ARCHIVE or ((kind != PLAIN_TEXT or folder == RAW) and _holds_tweets(path)):
                    yield kind_of(path)


def _holds_tweets(path: Path) -> bool:
    try:
        return next(open_archive([path]).tweets(), None) is not None
    except AuthorUnknown:
        return True


def downloads() -> list[Path]:
    """The download folder, as the desktop names it (freedesktop.org, xdg-user-dirs), or by its usual names."""
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "user-dirs.dirs"
    named = re.search(r'^XDG_DOWNLOAD_DIR="(.+)"', config.read_text("utf-8"), re.M) if config.is_file() else None
    folders = [Path(named[1].replace("$HOME", str(home)))] if named else [home / "Downloads", home / "Téléchargements"]
    return [folder for folder in folders if folder.is_dir()]


def default_style(path: Path) -> str:
    """The archive's account; else the file's name or its folder's, where one of them may be the author's."""
    if path.resolve() == SAMPLE.resolve():
        return SAMPLE_AUTHOR
    with suppress(TweetstyleError):
        if kind_of(path).kind == X_ARCHIVE and (account := contents_of(Members(path)).account.name):
            return account
    names = (path.stem if path.is_file() else path.name, path.absolute().parent.name)
    return next((name for name in names if not SAYS_NOTHING.search(name)), _("me"))


def run_name(style: str) -> str:
    """The style's name as a recipe's file may be called: small letters, digits and dashes."""
    plain = unicodedata.normalize("NFKD", style).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "mine"
