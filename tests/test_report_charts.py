"""The axes of both reports and their curves: round numbers, calculated by hand, and every label at what it names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.html_page import VOID, Page

from tweetstyle.pages.charts import BOTTOM, HEIGHT, TOP, Column, column_chart, curve, tick_label, ticks
from tweetstyle.wording.words import Say

VOID |= {"circle", "polyline", "line", "rect"}


@pytest.mark.parametrize(
    ("low", "high", "most", "marks", "labels"),
    [
        (2.9, 5.481, 6, [2, 3, 4, 5, 6], ["2", "3", "4", "5", "6"]),
        (1.804, 2.723, 6, [1.8, 2.0, 2.2, 2.4, 2.6, 2.8], ["1.8", "2.0", "2.2", "2.4", "2.6", "2.8"]),
        (0.0, 0.0002, 6, [0, 5e-5, 1e-4, 1.5e-4, 2e-4], ["0.00000", "0.00005", "0.00010", "0.00015", "0.00020"]),
        (0, 1500, 5, [0, 500, 1000, 1500], ["0", "500", "1,000", "1,500"]),
        (3.2, 3.2, 6, [0, 1, 2, 3, 4], ["0", "1", "2", "3", "4"]),  # a constant stands where it is above 0, not at half height
        (0.0, 0.0, 6, [0, 0.2, 0.4, 0.6, 0.8, 1], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.1, 0.3, 3, [0.1, 0.2, 0.3], ["0.1", "0.2", "0.3"]),  # 0.1 + 2 × 0.1 is a hair above 0.3
    ],
)
def test_ticks_are_the_round_numbers_that_one_would_write(low, high, most, marks, labels):
    assert ticks(0, 2, 6, least=1) == [0, 1, 2] and ticks(0, 0, 6, least=1) == [0, 1], "of what is counted there are no halves"
    found = ticks(low, high, most)
    assert found == marks
    assert [tick_label(mark, found) for mark in found] == labels


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.integers(3, 10))
def test_any_values_lie_between_the_first_tick_and_the_last(low, width, most):
    found = ticks(low, low + width, most)
    near = max(1e-6 * max(abs(low), abs(low + width)), 1e-100)
    assert 2 <= len(found) <= most and found == sorted(set(found))
    assert found[0] <= low + near and found[-1] >= low + width - near


def drawn(points, **options) -> Page:
    page = Page(curve("Loss", points, 82, Say("en"), **options))
    assert not page.errors
    return page


def labels(page: Page) -> dict[str, dict[str, str]]:
    """Text → attributes of its element."""
    texts = [data for path, data in page.texts if path[-1:] == ("text",)]
    return dict(zip(texts, page.all("text"), strict=True))


def test_the_last_value_stands_at_the_last_point_and_no_other_is_named():
    """It was taken from 5.481, the highest, that its label stood at the right edge. By hand: 2.9 is 0.9 of 4 above the lowest tick."""
    found = labels(drawn([(1, 5.481), (41, 4.0), (82, 2.9)]))
    assert set(found) == {"2", "3", "4", "5", "6", "2.9", "step", "0", "20", "40", "60", "80"}
    assert float(found["2.9"]["y"]) - 4 == pytest.approx(TOP + HEIGHT * (6 - 2.9) / 4, abs=0.1)
    assert found["2.9"]["x"] == "100.00%"
    assert float(found["4"]["y"]) - 4 == pytest.approx(TOP + HEIGHT / 2, abs=0.1)
    assert found["20"]["x"] == f"{100 * 20 / 82:.2f}%"


def test_the_checkpoint_that_was_kept_is_marked_with_its_value_in_the_curve_that_decides():
    points = [(0, 2.723), (41, 1.818), (82, 1.835)]
    page = drawn(points, kept=41, decides=True)
    found = labels(page)
    assert [line["x1"] for line in page.all("line") if line["class"] == "chosen"] == ["50.00%"]
    assert found["kept: 1.818"]["x"] == "50.00%" and "1.835" in found
    assert [circle["r"] for circle in page.all("circle")] == ["2.5", "2.5", "2.5", "5"]
    assert "kept: 1.818" not in labels(drawn(points, kept=41))
    alt = next(svg["aria-label"] for svg in page.all("svg") if svg.get("role") == "img")
    assert alt == "Loss: from 2.723 at step 0 to 1.835 at step 82; lowest 1.818 at step 41, highest 2.723 at step 0."


@pytest.mark.parametrize("points", [[(82, 1.8)], [(0, 2.7)], [(0, 2.7), (82, 1.8)]], ids=["one", "step 0 alone", "both"])
def test_few_points_and_step_0_are_drawn_within_the_plot(points):
    page = drawn(points, kept=82, decides=True)
    assert not Page(curve("Loss", points[:1], 0, Say("fr"))).errors, "a run without a step"
    assert all(TOP <= float(circle["cy"]) <= BOTTOM for circle in page.all("circle"))
    assert all(0 <= float(circle["cx"].rstrip("%")) <= 100 for circle in page.all("circle"))


def test_a_tiny_value_is_written_without_an_exponent():
    assert Say("en").number(1.778e-05) == "1.8e−5" and Say("fr").number(-2e-7) == "−2,0e−7"
    assert Say("en").number(0.0002) == "0.0002" and Say("en").number(0) == "0"


def test_columns_stand_on_an_axis_of_round_numbers():
    page = Page(column_chart([Column("2021-03", 1234, 900, ""), Column("2021-04", 10, 0, "")], "months"))
    found = labels(page)
    assert [text for text in found if re.fullmatch(r"[\d,]+", text)] == ["0", "500", "1,000", "1,500"]
    heights = {rect["class"]: float(rect["height"]) for rect in page.all("rect")[:2]}
    assert heights == {"lost": pytest.approx(140 * 1234 / 1500, abs=0.1), "front": pytest.approx(140 * 900 / 1500, abs=0.1)}
