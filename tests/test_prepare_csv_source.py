"""The archive's CSV: what is read, and one clear message for what cannot be."""

from __future__ import annotations

import csv
import io

import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tweetstyle.errors import TweetstyleError
from tweetstyle.prepare.csv_source import Row, read_rows

HEADER = "id_tweet,texte,date_creation\n"
GOOD = "1300000000000000001,un tweet,2021-03-05 18:04:11\n"


def read(tmp_path, content):
    path = tmp_path / "tweets.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path))


def refused(tmp_path, content) -> TweetstyleError:
    with pytest.raises(TweetstyleError) as caught:
        read(tmp_path, content)
    assert caught.value.hint
    return caught.value


def test_quotes_commas_and_line_breaks_are_the_texts_own(tmp_path):
    content = HEADER + '1,"oui, ""vraiment""\r\nou non",2021-03-05T18:04:11Z\r\n\r\n2, seul ,2021-03-06\r\n'
    assert read(tmp_path, content) == [
        Row("1", 'oui, "vraiment"\nou non', "2021-03-05T18:04:11Z"),
        Row("2", " seul ", "2021-03-06T00:00:00Z"),
    ]


def test_columns_may_stand_in_any_order_among_others_behind_a_utf8_mark(tmp_path):
    content = "\ufefflangue,texte,date_creation,id_tweet\nfr,été,2021-03-05,007\n"
    assert read(tmp_path, content) == [Row("007", "été", "2021-03-05T00:00:00Z")]


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2021-03-05T23:30:00-05:00", "2021-03-06T04:30:00Z"),
        ("2021-03-05 18:04:11.987", "2021-03-05T18:04:11Z"),
        ("2021-03-05 18:04:11+00:00", "2021-03-05T18:04:11Z"),
        (" 2021-03-05T18:04 ", "2021-03-05T18:04:00Z"),
    ],
)
def test_dates_become_utc(tmp_path, written, utc):
    assert read(tmp_path, f"{HEADER}1,x,{written}\n")[0].created_at == utc


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=60), min_size=1, max_size=8))
def test_any_text_that_pandas_writes_is_read_back(tmp_path, texts):
    frame = pandas.DataFrame({"id_tweet": range(len(texts)), "texte": texts, "date_creation": "2021-03-05"})
    rows = read(tmp_path, frame.to_csv(index=False, quoting=csv.QUOTE_ALL, lineterminator="\n"))
    assert [(row.id, row.text) for row in rows] == [(str(i), text) for i, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("content", "place", "what", "hint"),
    [
        ("", "", "the file is empty", "id_tweet,texte,date_creation"),
        ("\ufeff\n", "", "the file is empty", "id_tweet,texte,date_creation"),
        (HEADER, "", "a header and no row", "export"),
        ("id_tweet,text,date_creation\n" + GOOD, ":1", "the column texte is missing", "rename the column text to texte"),
        (
            "identifiant,texte,créé\n" + GOOD,
            ":1",
            "the columns id_tweet, date_creation are missing",
            "rename the column identifiant to id_tweet",
        ),
        (
            "id,text,created_at\n" + GOOD,
            ":1",
            "the columns id_tweet, texte, date_creation are missing",
            "rename the column id to id_tweet, the column text to texte, the column created_at to date_creation",
        ),
        ("id_tweet,texte\n", ":1", "the column date_creation is missing", "id_tweet,texte,date_creation"),
        ("id_tweet;texte;date_creation\n1;a;2021-03-05\n", ":1", "separated by ';'", "with commas"),
        ("id_tweet\ttexte\tdate_creation\n", ":1", "separated by a tab", "with commas"),
        ("id_tweet,texte,texte,date_creation\n", ":1", "the column texte is there twice", "rename"),
        (HEADER + GOOD + "2,il manque\n", ":3", "too few cells: 2 where the header has 3", "quote"),
        (HEADER + '1,"deux\nlignes",2021-03-05\n2,a,b,2021-03-05\n', ":4", "too many cells: 4", "quotes"),
        (HEADER + "\n\n2,il manque\n", ":4", "too few cells", "quote"),
        (HEADER + GOOD + "2,texte,hier soir\n", ":3", "the date 'hier soir' cannot be read", "2021-03-05 18:04:11"),
        (HEADER + "2,texte,0001-01-01T00:00:00+05:00\n", ":2", "cannot be read", "2021-03-05 18:04:11"),
        (HEADER + ",texte,2021-03-05\n", ":2", "the id is ''", "without spaces"),
        (HEADER + "12 34,texte,2021-03-05\n", ":2", "the id is '12 34'", "without spaces"),
        (HEADER + GOOD + '2,"pas fermé,2021-03-05\n3,x,2021-03-05\n', ":3", "not valid CSV", "doubled"),
        (HEADER + '2,"fermé" trop tôt,2021-03-05\n', ":2", "not valid CSV", "doubled"),
        (HEADER + GOOD + "2,a\0b,2021-03-05\n", ":3", "a NUL character", "remove"),
        (HEADER + "2," + "a" * 2**20 + ",2021-03-05\n", ":2", "longer than 1 MiB", "line break"),
        (HEADER + "2," + "a" * 200_000 + ",2021-03-05\n", ":2", "field larger than field limit", "doubled"),
        (b"id_tweet,texte,date_creation\n1,a\xed\xa0\xbdb,2021-03-05\n", ":2", "half of a surrogate pair", "export"),
        ((HEADER + "1,été,2021-03-05\n").encode("cp1252"), ":2", "Windows-1252", "iconv -f WINDOWS-1252 -t UTF-8"),
        ((HEADER + "1,été,2021-03-05\n").encode() + b"2,\xc3\xa9 puis \xff,2021-03-05\n", ":3", "not valid UTF-8 (byte 0xFF", "export"),
        ((HEADER + GOOD).encode("utf-16"), "", "in UTF-16, not in UTF-8", "iconv -f UTF-16 -t UTF-8"),
        ((HEADER + GOOD).encode("utf-16-be"), "", "in UTF-16", "iconv"),
        (b"PK\x03\x04 an archive", "", "compressed archive", "unpack"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path, content, place, what, hint):
    error = refused(tmp_path, content)
    assert error.where == f"{tmp_path / 'tweets.csv'}{place}"
    assert what in error.what and hint in error.hint


def test_no_such_file_names_the_nearest_and_a_directory_is_no_file(tmp_path):
    (tmp_path / "tweets.csv").write_text(HEADER)
    with pytest.raises(TweetstyleError, match=r"there is no such file\n.*did you mean .*tweets\.csv\?"):
        list(read_rows(tmp_path / "twets.csv"))
    with pytest.raises(TweetstyleError, match="is a directory"):
        list(read_rows(tmp_path))


def test_ids_that_a_spreadsheet_rounded_are_counted(tmp_path):
    rounded = '1.23E+18,a,2021-03-05\n1.3e18,b,2021-03-05\n1300000000000000000.0,c,2021-03-05\n"1,23E+18",d,2021-03-05\n'
    error = refused(tmp_path, HEADER + GOOD + rounded)
    assert "4 of 5 ids are rounded numbers" in error.what and "tweets.csv:3: 1.23E+18" in error.what
    assert "as text" in error.hint


def mutated(data: st.DataObject, content: bytes) -> bytes:
    noise = [b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b";", b"1E+18", b""]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content = content[:at] + data.draw(st.sampled_from(noise)) + content[at + data.draw(st.integers(0, 30)) :]
    return content


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_damaged_file_gives_rows_or_one_clear_error(tmp_path, data):
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([(str(i), f'été "{i}", oui\nnon', "2021-03-05T10:00:00Z") for i in range(5)])
    try:
        rows = read(tmp_path, mutated(data, (HEADER + stream.getvalue()).encode()))
    except TweetstyleError as error:
        assert str(tmp_path) in error.where and error.hint
    else:
        assert rows and all(row.id and row.created_at.endswith("Z") and "\r" not in row.text for row in rows)
