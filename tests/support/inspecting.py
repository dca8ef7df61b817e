"""`tweetstyle inspect` as a person calls it, and a small archive of which every figure is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner, Result
from support.x_archives import ACCOUNT, OTHER, Post

from tweetstyle.cli import tweetstyle

X_EPOCH = 1288834974657
"""Milliseconds: an X id, shifted right by 22 bits, counts from here."""


def inspect(*arguments: object) -> Result:
    return CliRunner().invoke(tweetstyle, ["inspect", *map(str, arguments)])


def shown(*arguments: object) -> str:
    result = inspect(*arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def refused(*arguments: object) -> str:
    """The message, after checking that it is one and all: exit 1, no traceback, nothing on the screen beside it."""
    result = inspect(*arguments)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output and result.stdout == "" and " → " in result.stderr.replace("\n", " ")
    return result.stderr


def chat(path: Path, count: int = 60) -> Path:
    """A WhatsApp chat in which Chloé answers each message of Bob's with another text."""
    days = [datetime(2021, 1, 1, 10, tzinfo=UTC) + timedelta(days=number) for number in range(count)]
    line = "[{day:%Y-%m-%d, %H:%M:%S}] Bob: un ?\n[{day:%Y-%m-%d, %H:%M:%S}] Chloé: voici ma réponse du {day:%d %B}, bref\n"
    path.write_text("".join(line.format(day=day) for day in days), encoding="utf-8")
    return path


def an_id(moment: datetime, number: int = 0) -> str:
    return str((int(moment.timestamp() * 1000) - X_EPOCH << 22) + number)


def posts() -> list[Post]:
    """A retweet, a reply, a thread of three, a picture, a link, and 60 that are none of these; from June 2021 on, one every ten days."""
    start = datetime(2021, 6, 1, 12, tzinfo=UTC)
    moments = [start + timedelta(days=10 * number) for number in range(66)]
    ids = [an_id(moment, number) for number, moment in enumerate(moments)]
    plain = [
        Post(id, f"le fleuve numéro {number} & ses bateaux remontent vers la mer, encore une fois", f"{moment:%Y-%m-%dT%H:%M:%SZ}")
        for number, (id, moment) in enumerate(zip(ids, moments, strict=True))
    ]
    plain[1] = replace(plain[1], text="RT @quelquun: leurs mots à eux")
    plain[2] = replace(plain[2], text="@quelquun je te réponds longuement", answers="1", to=OTHER)
    plain[4] = replace(plain[4], answers=ids[3], to=ACCOUNT)
    plain[5] = replace(plain[5], answers=ids[4], to=ACCOUNT)
    plain[6] = replace(plain[6], text="une image du fleuve https://t.co/abc", media=True)
    plain[7] = replace(plain[7], text="lisez ceci https://t.co/abd", link="https://exemple.org/page")
    return plain
