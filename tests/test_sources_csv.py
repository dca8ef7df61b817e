"""CSV in the shapes that tools and spreadsheets give it: what is read, and one clear message for what cannot be."""

import csv

import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.archives import MENDED, has_no_marks

from tweetstyle.errors import TweetstyleError
from tweetstyle.sources import open_archive

HEADER = "id_tweet,texte,date_creation\n"
GOOD = "1300000000000000001,un tweet,2020-08-30 09:18:47\n"


def archive_of(tmp_path, content, name="tweets.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_archive([path])


def read(tmp_path, content, name="tweets.csv"):
    """(id, text, date) of each tweet."""
    return [tweet[:3] for tweet in archive_of(tmp_path, content, name).tweets()]


def notices(tmp_path, content):
    archive = archive_of(tmp_path, content)
    list(archive.tweets())
    return [notice.removeprefix(str(tmp_path / "tweets.csv")) for notice in archive.notices]


def test_without_ids_the_file_and_the_line_stand_for_them_and_blank_rows_are_no_rows(tmp_path):
    content = 'text;date\n"a\nb";2021-03-05\n\n;\n   \nc;2021-03-06\n'
    assert [row[:2] for row in read(tmp_path, content)] == [("tweets.csv:0000002", "a\nb"), ("tweets.csv:0000007", "c")]
    assert any("no column of ids" in notice for notice in notices(tmp_path, content))


def test_excel_s_line_that_names_the_separator_is_no_header(tmp_path):
    assert [text for _, text, _ in read(tmp_path, "sep=;\nid;text\n1;oui, oui\n")] == ["oui, oui"]


def test_quotes_separators_and_line_breaks_within_quotes_are_the_texts_own(tmp_path):
    content = HEADER + '1,"oui, ""vraiment""\r\nou non;\tpeut-être",2021-03-05T18:04:11Z\r\n\r\n2, seul ,2021-03-06\r\n'
    assert read(tmp_path, content) == [
        ("1", 'oui, "vraiment"\nou non;\tpeut-être', "2021-03-05T18:04:11Z"),
        ("2", " seul ", "2021-03-06T00:00:00Z"),
    ]


def test_ids_written_as_text_are_their_digits_and_many_that_end_in_000_are_reported(tmp_path):
    content = HEADER + '"=""1300000000000000001""",un,2020-08-30\n' + "'1300000000000000002,deux,2020-08-30\n"
    assert [id for id, *_ in read(tmp_path, content)] == ["1300000000000000001", "1300000000000000002"]
    rounded = HEADER + "".join(f"13000000000{n:05d}000,un {n},2020-08-30\n" for n in range(12))
    assert any("12 of 12 ids end in zeros: a spreadsheet may have rounded them" in notice for notice in notices(tmp_path, rounded))


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "mixed"])
def test_any_line_end_ends_a_row_and_mixtures_do_too(tmp_path, ends):
    lines = ["id_tweet,texte,date_creation", '1,"a\rb",2021-03-05', "", "2,c,2021-03-06", "3,d,2021-03-07"]
    turns = ["\r\n", "\n", "\r", "\n", "\r\n"] if ends == "mixed" else [ends] * 5
    content = "".join(line + end for line, end in zip(lines, turns, strict=True))
    assert [row[:2] for row in read(tmp_path, content)] == [("1", "a\nb"), ("2", "c"), ("3", "d")]
    tweets = list(archive_of(tmp_path, content).tweets())
    assert [tweet.where.rpartition(":")[2] for tweet in tweets] == ["2", "5", "6"]


@pytest.mark.parametrize(
    "header", ["Tweet ID,Full Text,Date", "ID_STR,Tweet,Timestamp", "identifiant, contenu ,time", '"tweet-id","content","created"']
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_other_names_cases_and_separators_mean_the_same(tmp_path, header, separator):
    content = header.replace(",", separator) + "\n" + separator.join(["1300000000000000001", '"a,b;c\td"', "2020-08-30 09:18:47"]) + "\n"
    for name in ("tweets.csv", "without-ending"):
        assert read(tmp_path, content, name) == [("1300000000000000001", "a,b;c\td", "2020-08-30T09:18:47Z")]


def test_columns_may_be_in_any_order_and_of_two_for_one_thing_the_first_that_is_known_is_read(tmp_path):
    content = "\ufefflangue,text,full_text,date,id\nfr,coup…,l'été,,1300000000000000001\nfr,,b,,17\n"
    assert read(tmp_path, content) == [("1300000000000000001", "l'été", "2020-08-30T09:18:47Z"), ("17", "b", "")]
    assert notices(tmp_path, content) == []


@pytest.mark.parametrize(("encoding", "said"), [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", "UTF-16"), ("cp1252", "Windows-1252")])
def test_encodings_are_recognised_and_all_but_utf8_are_reported(tmp_path, encoding, said):
    texts = ["plain", "l’été à Noël… “oui”", "ÇA VA MAL ÉCŒURÉ… ™ €", "plain"] * 20
    content = (HEADER + "".join(f"{number},{text},2021-03-05\n" for number, text in enumerate(texts))).encode(encoding)
    assert [row[1] for row in read(tmp_path, content)] == texts
    found = notices(tmp_path, content)
    assert (len(found) == 1 and said in found[0]) if said else found == []


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=MENDED), max_size=60).filter(has_no_marks)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(TEXTS, min_size=1, max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["utf-8", "utf-16"]),
)
def test_any_text_that_pandas_writes_is_read_back(tmp_path, texts, separator, encoding):
    frame = pandas.DataFrame({"id_tweet": range(len(texts)), "texte": texts, "date_creation": "2021-03-05"})
    content = frame.to_csv(index=False, quoting=csv.QUOTE_ALL, lineterminator="\n", sep=separator).encode(encoding)
    assert [row[:2] for row in read(tmp_path, content)] == [(str(i), text) for i, text in enumerate(texts)]


def test_the_tweet_that_is_answered_is_kept_as_an_id(tmp_path):
    content = "id,text,created_at,in_reply_to_status_id\n1,a,2021-03-05,1300000000000000001\n2,b,2021-03-05,\n3,c,2021-03-05,nan\n"
    tweets = list(archive_of(tmp_path, content).tweets())
    assert [(tweet.reply_to, tweet.is_reply) for tweet in tweets] == [("1300000000000000001", None), ("", None), ("", None)]


def refused(tmp_path, content) -> TweetstyleError:
    with pytest.raises(TweetstyleError) as caught:
        read(tmp_path, content)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("content", "place", "what", "hint"),
    [
        ("", "", "the file is empty", "CSV"),
        (HEADER, "", "a header and no row", "export"),
        (
            "id_tweet,texxte,date_creation\n" + GOOD,
            ":1",
            "the column texte is missing (columns found: id_tweet, texxte",
            "rename the column texxte",
        ),
        (GOOD, ":1", "the column texte is missing", "id_tweet,texte,date_creation"),
        (HEADER + GOOD + "2,il manque\n", ":3", "the row has 2 cells, the header 3", "quotes"),
        (HEADER + '1,"deux\nlignes",2021-03-05\n2,a,b,2021-03-05\n', ":4", "the row has 4 cells", "quotes"),
        (HEADER + GOOD + "2,texte,hier soir\n", ":3", "the date 'hier soir' cannot be read", "2021-03-05 18:04:11"),
        (HEADER + "12 34,texte,2021-03-05\n", ":2", "'12 34' is not an id", "without spaces"),
        (HEADER + GOOD + "1.23E+18,texte,2021-03-05\n", ":3", "the id 1.23E+18 is rounded: its last digits are lost", "as text"),
        (HEADER + GOOD + '2,"pas fermé,2021-03-05\n3,x,2021-03-05\n', ":3", "not valid CSV", "double a quote"),
        (HEADER + GOOD + "2,a\0b,2021-03-05\n", ":3", "a NUL character", "remove"),
        ((HEADER + "1,été,2021-03-05\n").encode() + b"2,\xc3\xa9 puis \xff,2021-03-05\n", ":3", "not valid UTF-8 (byte 0xFF: ", "export"),
        ((HEADER + "1,été à Noël,\n").encode("cp1252") + b"2,\x81,\n", ":3", "not valid Windows-1252 (cp1252) (byte 0x81: ", "export"),
        ((HEADER + "1,a,2021-03-05\n").encode("utf-16")[:-1], ":2", "not valid UTF-16", "export"),
        ((HEADER + "1,aX,2021-03-05\n").encode("utf-16").replace(b"X\0", b"\x3d\xd8"), ":2", "not valid UTF-16", "export"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path, content, place, what, hint):
    error = refused(tmp_path, content)
    assert error.where == f"{tmp_path / 'tweets.csv'}{place}"
    assert what in error.what and hint in error.hint


@pytest.mark.parametrize("column", ["retweeted_status_id", "isRetweet", "is_retweet"])
def test_a_column_may_say_which_tweets_share_another_s_words(tmp_path, column):
    cells = ["t", "TRUE", "1.0", "99887766", "oui", "f", "False", "0.0", "", "null", "{}", " - "]
    rows = "".join(f"{number},un tweet,{cell}\n" for number, cell in enumerate(cells))
    path = tmp_path / "a.csv"
    path.write_text(f"id,text,{column}\n{rows}", encoding="utf-8")
    assert [tweet.is_retweet for tweet in open_archive([path]).tweets()] == [True] * 5 + [False] * 7
