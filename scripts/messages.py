"""Brings the French catalogue up to date with the messages in the code, and compiles it.  python -m scripts.messages

New messages are added to tweetstyle/locale/fr/LC_MESSAGES/tweetstyle.po without a translation, and named on screen; those that no
longer occur are removed. The commands' help and click's own words are messages too.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import yaml
from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.locale import DOMAIN, FOLDER

HEADER = "# What tweetstyle prints, in French. `make messages` adds and removes messages; the translations are written here."
DATE = datetime(2026, 11, 30, tzinfo=UTC)
"""Written into the catalogue: a date of its own would change the file at each update."""
SCRIPTS, PACKAGE = Path(__file__).parent, Path(__file__).parents[1] / "tweetstyle"
PO = FOLDER / "fr" / "LC_MESSAGES" / f"{DOMAIN}.po"
LIBRARIES = SCRIPTS / "library_messages.yaml"
SHOWN = ("help", "metavar", "options_metavar", "subcommand_metavar")
"""What cli.py translates of click's."""
KEYWORDS = {"_": None, "N_": None, "later": None, "_n": (1, 2), "ngettext": (1, 2)}


def messages() -> Catalog:
    """All messages of the code."""
    found = Catalog(domain=DOMAIN)
    for folder in (PACKAGE, SCRIPTS, Path(click.__file__).parent):
        for file, _, message, _, _ in extract_from_dir(folder, [("**.py", "python")], keywords=KEYWORDS):
            found.add(message, locations=[("click", 0) if folder.name == "click" else (file, 0)])
    for message in yaml.safe_load(LIBRARIES.read_text(encoding="utf-8")):
        found.add(message, locations=[("locale/libraries.py", 0)])
    for text in help_texts(fit_command), help_texts(tweetstyle):
        for message in text:
            found.add(message, locations=[("cli.py", 0)])
    return found


def help_texts(command: click.Command) -> Iterator[str]:
    """Help and placeholders of a command, its options and its commands: in English, whatever the current language is."""
    for part in (command, *command.params):
        yield from filter(None, map(vars(part).get, SHOWN))
    for part in getattr(command, "commands", {}).values():
        yield from help_texts(part)


def updated() -> Catalog:
    """The French catalogue with exactly the messages of the code."""
    known = read_po(PO.open("rb"), domain=DOMAIN) if PO.exists() else Catalog(domain=DOMAIN)
    catalogue = Catalog(
        locale="fr",
        domain=DOMAIN,
        project="tweetstyle",
        version="1",
        header_comment=HEADER,
        fuzzy=False,
        creation_date=DATE,
        revision_date=DATE,
    )
    catalogue._num_plurals, catalogue._plural_expr = 2, "(n > 1)"
    for message in messages():
        if message.id:
            old = known.get(message.id)
            catalogue.add(message.id, old.string if old else None, message.locations)
    return catalogue


def untranslated(catalogue: Catalog) -> list[str]:
    """Messages without a translation, or with one of two."""
    strings = ((message.id, [message.string] if isinstance(message.string, str) else message.string) for message in catalogue)
    return [str(id) for id, said in strings if id and not (said and all(said))]


def main() -> None:
    catalogue = updated()
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as stream:
        write_po(stream, catalogue, width=100, sort_output=True, include_lineno=False)
    with PO.with_suffix(".mo").open("wb") as stream:
        write_mo(stream, catalogue)
    missing = untranslated(catalogue)
    print(f"{len(catalogue)} messages, {len(missing)} without a translation", *missing, sep="\n  ")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
