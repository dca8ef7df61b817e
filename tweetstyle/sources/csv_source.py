"""Tweets from a CSV; every row that cannot be read is named with its line."""

import csv
import html
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from tweetstyle.errors import TweetstyleError, closest
from tweetstyle.locale import N_, _, later
from tweetstyle.locale.libraries import reason
from tweetstyle.records import SourceTweet
from tweetstyle.sources.dates import Times
from tweetstyle.sources.text_files import BadRows, TextFile, as_learned, lines_of

EXAMPLE = "id_tweet,texte,date_creation"
NAMES = {
    "id_tweet": ("id_tweet", "tweet_id", "id_str", "id", "status_id", "identifiant"),
    "texte": ("texte", "full_text", "tweet_text", "text", "tweet", "rawcontent", "content", "contenu", "contents"),
    "date_creation": ("date_creation", "created_at", "timestamp", "date", "created", "time"),
    "in_reply_to_status_id": (
        "in_reply_to_status_id",
        "in_reply_to_status_id_str",
        "in_reply_to_tweet_id",
        "in_reply_to",
        "reply_to",
        "inreplytotweetid",
    ),
    "client": ("source", "client", "source_label", "sourcelabel", "via"),
}
"""What tools call the columns, in lower case with _; of several that are there, the first one is read."""
KINDS = frozenset("type kind tweet_type tweettype post_type".split())
"""Columns and fields that name what a post is: someone else's by one of `RETWEET`."""
RETWEET = ("retweet", "retweeted", "rt", "reposted", "repost")
RETWEETED = KINDS | frozenset(
    "retweeted_status_id retweeted_status_id_str retweeted_status retweeted_status_result retweetedtweet retweeted_tweet "
    "is_retweet isretweet is_rt isrt retweet retweet_id user_rt_id "
    "referenced_tweets".split()
)
"""Columns and fields of which any may say that a tweet is someone else's: by a yes, by what is retweeted, or by its kind."""
REQUIRED = "texte"
TRUNCATED = "truncated"
"""Reason of a text whose end the archive has not."""
LONGEST_ID = 100
"""Characters. X's have 19; longer ones are a text in the wrong place."""

_SEPARATORS = ",;\t"
_NO = re.compile(r"""f|false|faux|n|no|non|none|null|nan|n/a|<na>|-|""|\{\s*\}|\[\s*\]|(?:[-+]?0+(?:[.,]0*)?)?""", re.I)
"""Values in a column of retweets that mean "not a retweet"."""
_EXCEL = re.compile(r"\ufeff?sep=.\s*$", re.I)
"""A first line that names the separator for Excel."""
_AS_TEXT = re.compile(r"""="?(\d+)"?|'(\d+)""")
"""="123" and '123: how one keeps a spreadsheet from rounding an id."""
_CUT = re.compile(r"…\s*https?://t\.co/\w{10}$")
"""How X ends a text that it cut, for programs that knew 140 characters only; of those, hardly fewer are left."""
_CUT_LENGTH = range(130, 141)
_OWN_LINK = re.compile(r"…\s*https?://(?:www\.|mobile\.)?(?:x|twitter)\.com/(?:i/web|\w+)/status/(\d+)$", re.I)
_TAG = re.compile(r"<[^>]*>")
FEWEST_ROUNDED, ROUNDED_SHARE = 10, 0.5
"""Ids ending in zeros from which they are called rounded; of the longest, one in a thousand does by chance."""
SPREADSHEET_DIGITS, MOST_ZEROS = 15, 3
"""Digits that a spreadsheet keeps of a number: what is longer ends in zeros, as many as it is longer; so many are enough."""
ROUNDED = N_("{file}: {zeros:,} of {count:,} ids end in zeros: a spreadsheet may have rounded them; use the file as it was before")
_ROUNDED_ID = re.compile(r"\d+(?:[.,]\d*)?[eE]\+?\d+|\d+[.,]\d*")


def looks_like_csv(text: str) -> bool:
    """Whether the text begins with a header that names the columns of tweets."""
    header = next((line for line in text.splitlines()[:2] if not _EXCEL.match(line)), "")
    columns = _columns_of(_cells_of(header, _separator_of(header)))
    return REQUIRED in columns and len(columns) > 1


def read_csv(document: TextFile, name: str, notices: list[str], advance: Callable[[int], object]) -> Iterator[SourceTweet]:
    """Yields the rows of a CSV with a header, in the file's order. Blank rows are not rows.

    Separators are , ; and tab; the columns are found by their names (`NAMES`).

    Args:
        document: the file.
        name: what ids are made from where there is no column of ids.
        notices: gets what the user should know.
        advance: is called with the number of bytes just read.

    Raises:
        TweetstyleError: naming the rows that cannot be read, once all are.
    """
    lines = lines_of(document, notices, advance)
    first = next((line for line in lines if not _EXCEL.match(line)), "")
    rows = _rows(csv.reader(chain([first], lines), delimiter=_separator_of(first), strict=True), document)
    line, header = next(rows, (1, []))
    columns = _columns_of(header)
    if REQUIRED not in columns:
        raise _no_text(header, f"{document}:{line}")
    times, bad, count, zeros = Times(str(document)), BadRows(str(document)), 0, 0
    flags = [(named(column), place) for place, column in enumerate(header) if named(column) in RETWEETED]
    for line, cells in _whole_rows(rows, document, len(header), bad):
        found = {column: cells[place] for column, place in columns.items()}
        try:
            tweet = tweet_of_fields(found, f"{name}:{line:07}", f"{document}:{line}", times)
        except TweetstyleError as error:
            bad.add(error)
            continue
        count, zeros = count + 1, zeros + is_rounded(tweet.id)
        yield tweet._replace(is_retweet=True) if flags and any(says_retweet(column, cells[place]) for column, place in flags) else tweet
    bad.check()
    if not count:
        raise TweetstyleError(_("the file has a header and no row"), where=str(document), hint=_("export the tweets again"))
    if "id_tweet" not in columns:
        notices.append(later("{file}: there is no column of ids: the file name and line number are used instead", file=str(document)))
    elif zeros >= FEWEST_ROUNDED and zeros > ROUNDED_SHARE * count:
        notices.append(later(ROUNDED, file=str(document), zeros=zeros, count=count))
    notices += times.notices()


def _whole_rows(rows: Iterator[tuple[int, list[str]]], document: TextFile, columns: int, bad: BadRows) -> Iterator[tuple[int, list[str]]]:
    """The rows with as many cells as the header; the others, and the end of what is CSV, go to `bad`."""
    try:
        for line, cells in rows:
            if len(cells) == columns:
                yield line, cells
                continue
            what = _("the row has {cells} cells, the header {columns}", cells=len(cells), columns=columns)
            hint = _('put a text that contains a separator in "quotes"; a quote may be missing in a row above')
            bad.add(TweetstyleError(what, where=f"{document}:{line}", hint=hint))
    except TweetstyleError as error:
        bad.add(error)


def _rows(reader, document: TextFile) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the line it begins on."""
    line = 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        hint = _('put a cell with a separator, a quote or a line break in "quotes", and double a quote inside it: ""')
        what = _("not valid CSV from this line on ({reason})", reason=reason(error))
        raise TweetstyleError(what, where=f"{document}:{line}", hint=hint) from error


def tweet_of_fields(found: dict[str, str], default_id: str, where: str, times: Times) -> SourceTweet:
    """A tweet of the columns or fields of `NAMES` that are there. Raises TweetstyleError at `where`."""
    identifier = _bare(found["id_tweet"]) if "id_tweet" in found else default_id
    if _ROUNDED_ID.fullmatch(identifier):
        hint = _("use the file as it was before a spreadsheet saved it, or import the column of ids there as text")
        raise TweetstyleError(_("the id {id} is rounded: its last digits are lost", id=identifier), where=where, hint=hint)
    if identifier != default_id and (not identifier or not identifier.isprintable() or " " in identifier or len(identifier) > LONGEST_ID):
        hint = _("an id is the tweet's number, without spaces")
        raise TweetstyleError(_("{id} is not an id", id=repr(identifier[:80])), where=where, hint=hint)
    created_at = times.read(found.get("date_creation", ""), identifier, where)
    reply_to = _bare(found.get("in_reply_to_status_id", ""))
    # Empty values of some tools, and ids that a spreadsheet rounded, would name another tweet.
    reply_to = reply_to if reply_to.isdecimal() and reply_to.strip("0") else ""
    text = as_learned(found[REQUIRED])
    tweet = SourceTweet(identifier, text, created_at, where, reply_to, client=client_name(found.get("client", "")))
    return tweet._replace(reason=TRUNCATED, evidence=text[-40:]) if "…" in text and _is_cut(text, identifier) else tweet


def is_rounded(identifier: str) -> bool:
    """Whether an id ends as one that a spreadsheet rounded: two texts under it are two tweets."""
    zeros = min(len(identifier) - SPREADSHEET_DIGITS, MOST_ZEROS)
    return zeros > 0 and identifier.isdecimal() and identifier.endswith("0" * zeros)


def client_name(source: str) -> str:
    """The program's name, of which archives make a link in HTML."""
    return _TAG.sub("", source).strip() if "<" in source else source.strip()


def says_retweet(column: str, cell: str) -> bool:
    """Whether a cell of `RETWEETED` says that the tweet is a retweet: lists of referenced tweets name their kinds."""
    cell = cell.strip()
    if column in KINDS:
        return cell.lower() in RETWEET
    return "retweeted" in cell if cell.startswith("[") else not _NO.fullmatch(cell)


def _is_cut(text: str, identifier: str) -> bool:
    if text.startswith("RT @"):
        return False
    own = _OWN_LINK.search(text)
    return (own is not None and own[1] == identifier) or (len(html.unescape(text)) in _CUT_LENGTH and _CUT.search(text) is not None)


def _bare(identifier: str) -> str:
    """An id as it is or, where it was written as text for a spreadsheet, its digits."""
    as_text = _AS_TEXT.fullmatch(identifier.strip())
    return as_text[1] or as_text[2] if as_text else identifier.strip()


def _separator_of(header: str) -> str:
    """The separator by which the header line has most known columns."""
    return max(_SEPARATORS, key=lambda separator: len(_columns_of(_cells_of(header, separator))))


def _cells_of(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _columns_of(header: list[str]) -> dict[str, int]:
    """Known column → its position."""
    names = list(map(named, header))
    found = {column: next((name for name in known if name in names), None) for column, known in NAMES.items()}
    return {column: names.index(name) for column, name in found.items() if name}


def named(column: str) -> str:
    """The name of a column or field as `NAMES` and `RETWEETED` have it."""
    return re.sub(r"[\s-]+", "_", column.strip().lower())


def _no_text(header: list[str], where: str) -> TweetstyleError:
    near = closest(REQUIRED, header, 0.5)
    hint = _("the first line names the columns, for example {example}", example=EXAMPLE)
    if near:
        hint = _("rename the column {near} to {name}", near=near, name=REQUIRED)
    what = _("the column {name} is missing (columns found: {found})", name=REQUIRED, found=listed(header))
    return TweetstyleError(what, where=where, hint=hint)


def listed(names: Iterable[str]) -> str:
    """For messages: what cannot be printed, a terminal's commands and half characters among it, is written out."""
    return ", ".join((name if name.isprintable() else repr(name))[:40] for name in list(names)[:20] if name) or _("none")
