"""What kind of archive a path is, by its content."""

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, Later, _, later
from tweetstyle.sources.csv_source import looks_like_csv
from tweetstyle.sources.exports import HEAD, PAGES, exports_in, kind_of_export
from tweetstyle.sources.text_files import TEXT_SUFFIXES, Members, TextFile, encoding_of
from tweetstyle.sources.whatsapp import looks_like_a_chat
from tweetstyle.sources.x_archive import is_of_x, months_in, tweet_files_in

X_ARCHIVE, CSV, JSON_LINES = N_("X's archive (folder)"), N_("CSV"), N_("JSON Lines")
JSON_ARRAY, PLAIN_TEXT, X_MONTHS = N_("a JSON array"), N_("plain text"), N_("X's archive, a file a month")
IN_WORDS = {
    X_ARCHIVE: N_("X's archive (zip)"),
    CSV: N_("CSV in a zip"),
    JSON_LINES: N_("JSON Lines in a zip"),
    JSON_ARRAY: N_("a JSON array in a zip"),
    PLAIN_TEXT: N_("plain text in a zip"),
}
"""Kind → how it is called within a zip."""
READABLE = N_("name X's archive (its zip or its folder), another network's or messenger's export, a CSV, JSON Lines or plain text")

_KIND_BY_SUFFIX = {".csv": CSV, ".tsv": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES, ".json": JSON_LINES}
_OF_X = re.compile(r"(?:manifest|account|(?:(?:note|community)[-_])?tweets?(?:-part\d+)?)\.js")
"""Names of the files that hold tweets or say which files do and who wrote them."""
_ABOUT = re.compile(r"(?:readme|lisez[-_ ]?moi|licen[cs]e|notice)\b.*", re.I)
"""Names of texts that describe what is beside them."""
_AS_CSV = N_("save it as CSV UTF-8, the column of ids as text")
_UNPACK = N_("unpack it, and name the file or the folder")
_NO_TEXTS = {
    b"\x1f\x8b": (N_("is packed with gzip"), _UNPACK),
    b"7z\xbc\xaf": (N_("is packed with 7-Zip"), _UNPACK),
    b"Rar!": (N_("is packed with RAR"), _UNPACK),
    b"\xd0\xcf\x11\xe0": (N_("is an Excel file"), _AS_CSV),
    b"%PDF": (N_("is a PDF"), READABLE),
    b"SQLite format": (N_("is a database"), READABLE),
}
"""Beginning of a file → what it is, and what to do."""
_SPREADSHEETS = {
    "xl/workbook.xml": N_("is an Excel file"),
    "content.xml": N_("is a LibreOffice file"),
    "Index/Document.iwa": N_("is a Numbers file"),
}


class RecognisedSource(NamedTuple):
    """path: as it was named; kind: one of the kinds above or of exports; documents: what is to be read, none for X's archive."""

    path: Path
    kind: str
    documents: tuple[TextFile, ...]

    @property
    def in_words(self) -> Later:
        zipped = self.documents[0].member if self.documents else not self.path.is_dir()
        return later(IN_WORDS.get(self.kind, self.kind) if zipped else self.kind)


def kind_of(path: Path) -> RecognisedSource:
    """Reads the names in a folder or a zip, and the first 64 KiB of a file.

    Raises TweetstyleError for what is none of the kinds.
    """
    if path.is_dir():
        return _kind_within(path, Members(path))
    document = TextFile(path, path.stat().st_size)
    head = document.read(HEAD)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_within(path, Members(path))
    return RecognisedSource(path, _kind_of_text(document, head), (document,))


def _kind_within(path: Path, members: Members) -> RecognisedSource:
    """Of a folder or a zip."""
    if tweet_files_in(members):
        return RecognisedSource(path, X_ARCHIVE, ())
    # X's export of 2016 to 2018 holds a README.txt and pages of its own beside the one table and a file for each month.
    tables = [name for name in members.sizes if PurePosixPath(name).name.lower() == "tweets.csv" and _is_text(name)]
    if len(tables) == 1 and (not path.is_dir() or "/" not in tables[0]):
        return _text_within(path, members, tables[0])
    if months := months_in(members):
        return RecognisedSource(path, X_MONTHS, tuple(map(members.document, months)))
    if is_of_x(members):
        hint = _("X divides large archives: name the zip or the folder that has data/tweets.js, or unpack all zips into one folder")
        raise TweetstyleError(_("is a part of X's archive, and there are no tweets in it"), where=str(path), hint=hint)
    kind, names = exports_in(members)
    if kind:
        return RecognisedSource(path, kind, tuple(map(members.document, names)))
    if any(map(PAGES.fullmatch, members.sizes)):
        hint = _("ask for the export again and choose JSON as its format")
        raise TweetstyleError(_("is an export as web pages, which are not read"), where=str(path), hint=hint)
    texts = [name for name in members.sizes if _is_text(name)]
    if path.is_dir():
        raise _no_folder_of_tweets(path, texts or sorted(file.name for file in path.glob("*.zip")))
    if found := next((what for name, what in _SPREADSHEETS.items() if name in members.sizes), None):
        raise TweetstyleError(_(found), where=str(path), hint=_(_AS_CSV))
    if len(texts) != 1:
        if inner := [name for name in members.sizes if name.lower().endswith(".zip")]:
            hint = _("unpack it, and name the zip within: {file}", file=inner[0])
            raise TweetstyleError(_("the zip holds another zip"), where=str(path), hint=hint)
        what = _("the zip holds no tweets that can be read")
        if texts:
            what = _("the zip holds {count} files that could be tweets", count=len(texts))
        hint = _("name X's archive (its zip or its folder), or a zip with a single text file: CSV, JSON Lines or one tweet a line")
        raise TweetstyleError(what, where=str(path), hint=hint)
    return _text_within(path, members, texts[0])


def _text_within(path: Path, members: Members, name: str) -> RecognisedSource:
    document = members.document(name)
    return RecognisedSource(path, _kind_of_text(document, document.read(HEAD)), (document,))


def _no_folder_of_tweets(path: Path, texts: list[str]) -> TweetstyleError:
    texts.sort(key=lambda name: (name.count("/"), not name.lower().endswith("tweets.csv"), name))
    hint = _("name the file itself: {file}", file=path / texts[0]) if texts else _(READABLE)
    return TweetstyleError(_("the folder is not an archive of X: it has no data/tweets.js"), where=str(path), hint=hint)


def _is_text(name: str) -> bool:
    """Whether the member may hold tweets: the Finder adds its own files under __MACOSX and with a leading dot."""
    inside = PurePosixPath(name)
    hidden = inside.parts[0] == "__MACOSX" or inside.name.startswith(".")
    return inside.suffix.lower() in TEXT_SUFFIXES and not hidden and not _ABOUT.fullmatch(inside.name)


def _kind_of_text(document: TextFile, head: bytes) -> str:
    where = str(document)
    if kind := kind_of_export(head):
        return kind
    text = head.decode(encoding_of(head), "replace").lstrip()
    if not text:
        raise TweetstyleError(_("the file is empty"), where=where, hint=_(READABLE))
    if found := next((kind for beginning, kind in _NO_TEXTS.items() if head.startswith(beginning)), None):
        raise TweetstyleError(_(found[0]), where=where, hint=_(found[1]))
    if re.match(r"<(!doctype|html)", text, re.IGNORECASE):
        raise TweetstyleError(_("is a web page"), where=where, hint=_("name the archive's zip or folder, not the page in it"))
    if re.match(r"window\.(YTD|__THAR_CONFIG)", text):
        hint = _("name the folder of the archive, {folder}, or its zip", folder=document.path.parent.parent)
        raise TweetstyleError(_("is one part of X's archive"), where=where, hint=hint)
    if re.match(r'\{ *["}]', text):
        return JSON_LINES
    if re.match(r"\{\s*[\"}]|(Grailbird\.data\.tweets_\w+\s*=\s*)?\[\s*(\{\s*[\"}]|\]\s*$)", text):
        return JSON_ARRAY
    if looks_like_csv(text):
        return CSV
    name = PurePosixPath(document.member or document.path.name)
    kind = _KIND_BY_SUFFIX.get(name.suffix.lower(), PLAIN_TEXT)
    if kind == PLAIN_TEXT and _ABOUT.fullmatch(name.name):
        raise TweetstyleError(_("describes the files beside it: it holds no tweets"), where=where, hint=_(READABLE))
    if kind == PLAIN_TEXT and looks_like_a_chat(text):
        hint = _("export the chat again and name that file unchanged, or write your own messages alone, one a line")
        raise TweetstyleError(_("looks like a chat of several people, in a form that is not read"), where=where, hint=hint)
    return kind


def files_of(source: Path) -> list[Path]:
    """The file itself; of a folder, the files in it from which tweets are read, in a fixed order."""
    if not source.is_dir():
        return [source]
    found = kind_of(source)
    if found.documents:
        return sorted({document.path for document in found.documents})
    return sorted(source / name for name in Members(source).sizes if _OF_X.fullmatch(name.rpartition("/")[2]))
