"""What kind of archive a path is, by its content."""

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, Later, _, later
from tweetstyle.sources.csv_source import looks_like_csv
from tweetstyle.sources.text_files import Members, TextFile, encoding_of
from tweetstyle.sources.x_archive import tweet_files_in

X_ARCHIVE, CSV, JSON_LINES = N_("X's archive (folder)"), N_("CSV"), N_("JSON Lines")
JSON_ARRAY, PLAIN_TEXT = N_("a JSON array"), N_("plain text")
IN_WORDS = {
    X_ARCHIVE: N_("X's archive (zip)"),
    CSV: N_("CSV in a zip"),
    JSON_LINES: N_("JSON Lines in a zip"),
    JSON_ARRAY: N_("a JSON array in a zip"),
    PLAIN_TEXT: N_("plain text in a zip"),
}
"""Kind → how it is called within a zip."""
READABLE = N_("name X's archive (its zip or its folder), a CSV, JSON Lines or plain text with one tweet a line")
HEAD = 2**16
"""Bytes by which a file is recognised."""

_KIND_BY_SUFFIX = {".csv": CSV, ".tsv": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES, ".json": JSON_LINES}
_TEXT_SUFFIXES = {*_KIND_BY_SUFFIX, ".txt"}
_OF_X = re.compile(r"(?:manifest|account|(?:(?:note|community)[-_])?tweets?(?:-part\d+)?)\.js")
"""Names of the files that hold tweets or say which files do and who wrote them."""


class RecognisedSource(NamedTuple):
    """path: as it was named; kind: one of the kinds above; document: what is to be read, None for X's archive."""

    path: Path
    kind: str
    document: TextFile | None

    @property
    def in_words(self) -> Later:
        zipped = self.document.member if self.document else not self.path.is_dir()
        return later(IN_WORDS[self.kind] if zipped else self.kind)


def kind_of(path: Path) -> RecognisedSource:
    """Reads the names in a folder or a zip, and the first 64 KiB of a file.

    Raises TweetstyleError for what is none of the kinds.
    """
    if path.is_dir():
        return _kind_of_folder(path)
    document = TextFile(path, path.stat().st_size)
    head = document.read(HEAD)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_zip(path)
    return RecognisedSource(path, _kind_of_text(document, head), document)


def _kind_of_folder(path: Path) -> RecognisedSource:
    if tweet_files_in(Members(path)):
        return RecognisedSource(path, X_ARCHIVE, None)
    if (path / "tweets.csv").is_file():
        return kind_of(path / "tweets.csv")._replace(path=path)
    texts = sorted(entry.name for entry in path.iterdir() if entry.suffix.lower() in _TEXT_SUFFIXES)
    hint = _("name the file itself: {file}", file=path / texts[0]) if texts else _(READABLE)
    raise TweetstyleError(_("the folder is not an archive of X: it has no data/tweets.js"), where=str(path), hint=hint)


def _kind_of_zip(path: Path) -> RecognisedSource:
    members = Members(path)
    if tweet_files_in(members):
        return RecognisedSource(path, X_ARCHIVE, None)
    if "xl/workbook.xml" in members.sizes:
        raise TweetstyleError(_("is an Excel file"), where=str(path), hint=_("save it as CSV UTF-8, the column of ids as text"))
    texts = [name for name in members.sizes if _is_text(name)]
    # X's export of 2016 to 2018 holds a README.txt and pages of its own beside the one table.
    texts = [name for name in texts if PurePosixPath(name).name.lower() == "tweets.csv"] or texts
    if len(texts) != 1:
        what = _("the zip holds no tweets that can be read")
        if texts:
            what = _("the zip holds {count} files that could be tweets", count=len(texts))
        hint = _("name X's archive (its zip or its folder), or a zip with a single text file: CSV, JSON Lines or one tweet a line")
        raise TweetstyleError(what, where=str(path), hint=hint)
    document = TextFile(path, members.sizes[texts[0]], texts[0])
    return RecognisedSource(path, _kind_of_text(document, document.read(HEAD)), document)


def _is_text(name: str) -> bool:
    """Whether the member may hold tweets: the Finder adds its own files under __MACOSX and with a leading dot."""
    inside = PurePosixPath(name)
    return inside.suffix.lower() in _TEXT_SUFFIXES and inside.parts[0] != "__MACOSX" and not inside.name.startswith(".")


def _kind_of_text(document: TextFile, head: bytes) -> str:
    where = str(document)
    text = head.decode(encoding_of(head), "replace").lstrip()
    if not text:
        raise TweetstyleError(_("the file is empty"), where=where, hint=_(READABLE))
    if re.match(r"<(!doctype|html)", text, re.IGNORECASE):
        raise TweetstyleError(_("is a web page"), where=where, hint=_("name the archive's zip or folder, not the page in it"))
    if re.match(r"window\.(YTD|__THAR_CONFIG)", text):
        hint = _("name the folder of the archive, {folder}, or its zip", folder=document.path.parent.parent)
        raise TweetstyleError(_("is one part of X's archive"), where=where, hint=hint)
    if re.match(r'\{\s*["}]', text):
        return JSON_LINES
    if re.match(r"\[\s*(\{\s*[\"}]|\]\s*$)", text):
        return JSON_ARRAY
    if looks_like_csv(text):
        return CSV
    suffix = PurePosixPath(document.member or document.path.name).suffix.lower()
    return _KIND_BY_SUFFIX.get(suffix, PLAIN_TEXT)


def files_of(source: Path) -> list[Path]:
    """The file itself; of a folder, the files in it, or one folder deeper, from which tweets are read, in a fixed order."""
    if not source.is_dir():
        return [source]
    members = [source / name for name in Members(source).sizes if _OF_X.fullmatch(name.rpartition("/")[2])]
    return sorted(file for file in (source / "tweets.csv", *members) if file.is_file())
