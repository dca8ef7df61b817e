"""blind.html clicked through in a real browser, to the end."""

import json

import pytest
from scipy.stats import binomtest
from support.browser import running_browser

from tweetstyle.report.blind import Text, write_blind

pytestmark = pytest.mark.integration

HOSTILE = (
    "<script>window.harmed=1</script></script><img src=x onerror=window.harmed=1> \" ' & \u2028 \u202eback \u2066in "
    "https://evil.example/x.png {hits} \\u003c {number}"
)
REAL, TUNED, SHOWN = "own", "made", "shown"


def tweets(name: str, count: int) -> list[Text]:
    return [Text(f"{name} {i} " + "la " * (i % 7), f"subject {i % 40}") for i in range(count)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with running_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "blind.html"
    return write_blind(path, {"real": tweets(REAL, 80), "tuned": tweets(TUNED, 80), "examples": tweets(SHOWN, 12)}, "en", 5)


def begin(browser, path, opponent="tuned"):
    browser.open(path)
    browser.click(f"#opponent-{opponent}")
    browser.click("#begin")


def play(browser, count, right, aim=REAL, press=False) -> list[list[str]]:
    """Answers to the end, the first `right` of them rightly; gives the texts as shown."""
    shown = []
    for place in range(count):
        assert browser.text("#place") == f"{place + 1} of {count}"
        texts = [browser.text(f"#choices button:nth-child({i}) .text") for i in (1, 2)]
        answer = [text.startswith(aim) for text in texts].index(True)
        answer = answer if place < right else 1 - answer
        if press:
            browser.press((("1", "2"), ("ArrowLeft", "ArrowRight"))[place % 2][answer])
        else:
            browser.click(f"#choices button:nth-child({answer + 1})")
        shown.append(texts)
    return shown


def result(browser) -> dict:
    return json.loads(browser.downloaded("#download").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("opponent", "count", "right", "press", "aim"),
    [("tuned", 20, 14, False, REAL), ("examples", 12, 0, False, REAL), ("tuned-examples", 12, 11, True, TUNED)],
)
def test_the_score_is_the_count_of_right_clicks_and_the_file_says_what_was_clicked(browser, page, opponent, count, right, press, aim):
    begin(browser, page, opponent)
    shown = play(browser, count, right, aim, press)
    interval = binomtest(right, count).proportion_ci(0.95, "exact")
    verdict = browser.text("#verdict")
    if aim == REAL:
        assert f"You recognised {right} of {count}: chance would be {count // 2}." in verdict
    else:
        assert f"You chose the tuned model {right} times in {count}" in verdict
    assert f"{interval.low:.0%} to {interval.high:.0%}" in verdict
    assert ("more than chance" in verdict) == (interval.low > 0.5) and ("less than chance" in verdict) == (interval.high < 0.5)
    assert ("only 12 questions" in verdict) == (count == 12)
    file = result(browser)
    assert (file["opponent"], file["count"], file["hits"]) == (opponent, count, right)
    assert file["share"]["low"] == pytest.approx(interval.low, abs=1e-12) and file["share"]["high"] == pytest.approx(
        interval.high, abs=1e-12
    )
    assert [[text.strip() for text in item["texts"]] for item in file["items"]] == [[text.strip() for text in texts] for texts in shown]
    likely = [score for score in range(count + 1) if binomtest(score, count).pvalue > 0.05]
    assert file["luck"] == [likely[0], likely[-1]]
    assert [item["hit"] for item in file["items"]] == [True] * right + [False] * (count - right)
    assert browser.evaluate("document.querySelectorAll('#items > li').length") == count
    assert browser.complaints == []


def test_a_hostile_tweet_is_shown_and_inert(browser, tmp_path):
    real = [Text(f"own {i} {HOSTILE}", HOSTILE) for i in range(6)]
    path = write_blind(tmp_path / "b.html", {"real": real, "tuned": [Text(f"made {i} {HOSTILE}", HOSTILE) for i in range(6)]}, "fr", 1)
    begin(browser, path)
    for _ in range(6):
        shown = browser.text("#trial")
        assert "<script>window.harmed=1</script></script><img src=x onerror=window.harmed=1>" in shown and "{hits}" in shown
        browser.press("2")
    assert "onerror" in browser.text("#items") and "{hits}" in browser.text("#items")
    assert browser.evaluate("[window.harmed === undefined, document.images.length, document.scripts.length]") == [True, 0, 2]
    assert browser.requests == [path.as_uri()] and browser.complaints == []


def test_texts_seen_before_are_counted_and_nothing_is_requested(browser, page):
    begin(browser, page)
    outer = browser.evaluate("document.getElementById('choices').outerHTML")
    assert not any(word in outer for word in ("real", "tuned", "data-")), "what is on the page does not say who wrote what"
    browser.click("#choices button:nth-child(1)", times=2)
    assert browser.text("#place") == "2 of 20", "a double click answers once"
    browser.click("#back")
    play(browser, 20, 10, press=True)
    browser.click("#again")
    browser.click("#begin")
    play(browser, 20, 10, press=True)
    assert "seen in an earlier test on this page: 20." in browser.text("#verdict")
    result(browser)
    assert browser.requests[0] == page.as_uri()
    assert all(address.startswith(("file:///", "blob:")) for address in browser.requests)
