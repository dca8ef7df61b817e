"""Dates in every form that archives have, and the ids' own time that checks them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.sources import open_archive
from tweetstyle.sources.dates import read_date, time_of_id

MOMENTS = st.datetimes(datetime(2006, 3, 21), datetime(2040, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
FRENCH_MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()
SHORT_FRENCH_MONTHS = "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.".split()


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2021-03-05T23:30:00-05:00", "2021-03-06T04:30:00"),
        ("2021-03-05 18:04:11.987", "2021-03-05T18:04:11.987000"),
        ("2021-03-05 18:04:11 UTC", "2021-03-05T18:04:11"),
        ("2016-08-01 12:00:00 +0000", "2016-08-01T12:00:00"),
        ("2021-03-01 08:11:20 EST", "2021-03-01T13:11:20"),
        ("5 mars 2021 18:04 HAE", "2021-03-05T22:04:00"),
        ("2021-07-01 08:11:20 CEST", "2021-07-01T06:11:20"),
        ("Fri Mar 05 18:04:11 PST 2021", "2021-03-06T02:04:11"),
        ("2021/03/05 18:04", "2021-03-05T18:04:00"),
        ("2021/3/5, 9:04:11", "2021-03-05T09:04:11"),
        ("2021.03.05", "2021-03-05T00:00:00"),
        ("05/03/21 18:04", "2021-03-05T18:04:00"),
        ("18.02.23", "2023-02-18T00:00:00"),
        ("2021-03-05", "2021-03-05T00:00:00"),
        ("Sat Feb 18 12:33:11 +0000 2023", "2023-02-18T12:33:11"),
        ("18/02/2023", "2023-02-18T00:00:00"),
        ("18.02.2023 12:33", "2023-02-18T12:33:00"),
        ("18-02-2023 à 12h33", "2023-02-18T12:33:00"),
        ("18 févr. 2023 à 12:33", "2023-02-18T12:33:00"),
        ("samedi 18 FÉVRIER 2023 à 12h33", "2023-02-18T12:33:00"),
        ("sam. 18 fevr. 2023, 12:33:11", "2023-02-18T12:33:11"),
        ("Feb 18, 2023 at 12:33 AM", "2023-02-18T00:33:00"),
        ("18 February 2023 1:33 pm", "2023-02-18T13:33:00"),
        ("Mar 5, 2021 · 6:04 PM UTC", "2021-03-05T18:04:00"),
        ("12:04 a.m. · Mar 5, 2021", "2021-03-05T00:04:00"),
        ("2021-03-05 6:04:11 PM", "2021-03-05T18:04:11"),
        ("le vendredi 5 mars 2021 à 18 h 04", "2021-03-05T18:04:00"),
        ("5 mars 2021 à 18h", "2021-03-05T18:00:00"),
        ("6:04 PM - 5 Mar 2021", "2021-03-05T18:04:00"),
        ("2021-03-05 18:04:11 GMT+01:00", "2021-03-05T17:04:11"),
        ("1676723591", "2023-02-18T12:33:11"),
        ("1676723591250", "2023-02-18T12:33:11.250000"),
    ],
)
def test_a_date_becomes_utc(written, utc):
    assert read_date(written).isoformat() == utc


@given(MOMENTS)
def test_what_datetime_writes_in_each_form_is_read_back(moment):
    minute = moment.replace(second=0)
    assert read_date(moment.strftime("%d/%m/%Y %H:%M:%S")) == moment
    assert read_date(moment.strftime("%d/%m/%Y %H:%M")) == minute
    assert read_date(moment.strftime("%a %b %d %H:%M:%S +0000 %Y")) == moment
    assert read_date(moment.strftime("%B %d, %Y %I:%M %p")) == minute
    assert read_date(str(int(moment.replace(tzinfo=UTC).timestamp()))) == moment
    assert read_date(f"{moment.day} {FRENCH_MONTHS[moment.month - 1]} {moment:%Y %H:%M}") == minute
    assert read_date(f"{moment.day} {SHORT_FRENCH_MONTHS[moment.month - 1]} {moment:%Y} à {moment:%H:%M}") == minute


@pytest.mark.parametrize(
    "written",
    "|hier|13/13/2021|31/02/2021|29 février 2021|5 brumaire 2021|12:33|2021-13-01|18/02/2023 25:00|31/02/23|18 mars 2021 13:00 PM|"
    "٠٥/٠٣/٢٠٢١|99999|2021-03-05 18:04:11 Montréal|mars 2021|5 mars 2021 18:04 XYT".split("|"),
)
def test_what_is_no_date_is_refused(written):
    with pytest.raises(ValueError, match="."):
        read_date(written)


def test_the_day_comes_first_unless_the_id_says_otherwise():
    assert read_date("05/03/2021 10:00") == datetime(2021, 3, 5, 10)
    assert read_date("05/03/2021 10:00", datetime(2021, 5, 3, 15)) == datetime(2021, 5, 3, 10)
    assert read_date("05/03/2021 10:00", datetime(2021, 3, 5, 15)) == datetime(2021, 3, 5, 10)
    assert read_date("03/25/2021 10:00", datetime(2021, 3, 25, 15)) == datetime(2021, 3, 25, 10)
    for expected in (None, datetime(2022, 1, 1)):
        with pytest.raises(ValueError, match="there is no month 25: the day comes first"):
            read_date("03/25/2021 10:00", expected)


def test_an_id_holds_the_time_that_x_documents_for_it():
    """X's own example of a tweet object: id 1050118621198921728, created Wed Oct 10 20:19:24 +0000 2018."""
    assert time_of_id("1050118621198921728") == datetime(2018, 10, 10, 20, 19, 24)


@pytest.mark.parametrize(
    "identifier", ["20", "29700859246", "", "1.05E+18", "tweets.txt:0000001", "9223372036854775808", "²" * 18, "1" * 40]
)
def test_an_id_of_before_november_2010_or_of_another_make_holds_none(identifier):
    assert time_of_id(identifier) is None


def id_at(moment: datetime) -> str:
    """The id that X would give, with arbitrary lower bits."""
    milliseconds = round(moment.replace(tzinfo=UTC).timestamp() * 1000) + 417
    return str(((milliseconds - 1288834974657) << 22) | 1234567)


def moments(count, start=datetime(2021, 1, 4, 1, 2, 3), step=timedelta(hours=13, minutes=7, seconds=11)):
    return [start + step * number for number in range(count)]


def dates_read(tmp_path, rows):
    """The dates of a CSV with (id, written date), and the notices."""
    (tmp_path / "t.csv").write_text(
        "id,text,date\n" + "".join(f'{identifier},x,"{written}"\n' for identifier, written in rows), encoding="utf-8"
    )
    archive = open_archive([tmp_path / "t.csv"])
    dates = [tweet.created_at for tweet in archive.tweets()]
    return dates, [notice.removeprefix(f"{tmp_path / 't.csv'}: ") for notice in archive.notices]


def utc(moment):
    return f"{moment.isoformat()}Z"


@pytest.mark.parametrize(
    ("zone", "form"),
    [
        ("America/Montreal", "%Y-%m-%d %H:%M:%S"),
        ("Europe/Paris", "%d/%m/%Y %H:%M"),
        ("Asia/Kolkata", "%m/%d/%Y %I:%M %p"),
        ("America/Caracas", "%a %b %d %H:%M:%S +0000 %Y"),
        ("UTC", "%d/%m/%Y"),
    ],
)
def test_local_dates_and_days_become_the_ids_own_time(tmp_path, zone, form):
    there = moments(300)
    rows = [(id_at(moment), moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).strftime(form)) for moment in there]
    dates, notices = dates_read(tmp_path, rows)
    assert dates == [utc(moment) for moment in there]
    assert len(notices) == 1 and "the times in the ids (UTC) are used" in notices[0]


@pytest.mark.parametrize(("written", "said"), [("05/03/21 18:04", True), ("5/3/2021", True), ("25/03/21", False), ("5 mars 2021", False)])
def test_where_nothing_says_which_number_is_the_day_a_notice_says_how_it_was_read(tmp_path, written, said):
    dates, notices = dates_read(tmp_path, [("1", written), ("2", written)])
    assert dates[0].startswith("2021-03-")
    assert notices == [f"in dates such as {written} the first number is read as the day"] * said


def test_dates_that_contradict_their_ids_stay(tmp_path):
    there = moments(300)
    rows = [(id_at(moment), utc(moment + timedelta(days=40 * (number % 3)))) for number, moment in enumerate(there)]
    dates, notices = dates_read(tmp_path, rows)
    assert dates == [written for _, written in rows]
    assert notices == []
