"""Ollama on a machine with a card: a driver that its version does not take, a model on the CPU, a template that is off."""

from dataclasses import replace

import pytest
from support.fake_ollama import FakeOllama
from test_doctor import HERE, RTX

from tweetstyle import pipeline
from tweetstyle.doctor.ollama import check_driver, check_ollama, check_placement
from tweetstyle.hardware.gpu import CardState
from tweetstyle.inference.ollama import LoadedModel, OllamaClient

GIB = 2**30


def fake(on_card=0):
    loaded = [{"name": "mine:latest", "size": 5 * GIB} | ({"size_vram": on_card} if on_card else {})]
    return FakeOllama(say=lambda body, number: "un tweet", version="0.33.0-rc2", loaded=loaded)


@pytest.mark.parametrize(
    ("version", "driver", "capability", "state"),
    [
        ("0.29.9", "531.1", (8, 6), "ok"),
        ("0.30.0", "549.9", (8, 6), "warn"),
        ("0.30.0", "550.54.14", (8, 6), "ok"),
        ("0.30.0", "550.54.14", (6, 1), "warn"),
        ("0.30.0", "570.1", (6, 1), "ok"),
        ("0.30.0", "550.1", (7, 0), "ok"),
        ("a build of my own", "531.1", (8, 6), "ok"),
        ("0.30.0", "[Unknown Error]", (8, 6), "warn"),
    ],
)
def test_the_driver_that_a_version_needs(version, driver, capability, state):
    """docs.ollama.com/gpu: 550; 570 for compute capability 5.0 to 6.2. Before 0.30: 531 and older."""
    assert check_driver(version, driver, capability).state == state


@pytest.mark.parametrize(("on_card", "share"), [(0, "0%"), (2 * GIB, "40%"), (int(4.6 * GIB), None), (5 * GIB, None)])
def test_a_model_that_runs_on_the_cpu_beside_a_card_is_warned_of(on_card, share):
    checks = list(check_placement(LoadedModel("mine:latest", 5 * GIB, on_card), RTX))
    assert [check.state for check in checks] == ["warn"] * bool(share)
    assert all(f"{share} of mine:latest on the NVIDIA GeForce RTX 3060" in check.seen and "ollama ps" in check.do for check in checks)


@pytest.mark.parametrize(("value", "warns"), [("", False), ("1", False), ("0", True), ("FALSE", True)])
def test_a_template_that_is_off_is_warned_of(value, warns):
    """The values that Go's strconv.ParseBool takes for false."""
    checks = list(check_ollama({"OLLAMA_GO_TEMPLATE": value}, CardState()))
    assert [check.state for check in checks] == ["warn"] * warns and all("OLLAMA_GO_TEMPLATE" in check.seen for check in checks)


def test_a_running_ollama_is_checked_where_there_is_a_card():
    with fake(on_card=GIB) as ollama:
        driver, placed = check_ollama({"OLLAMA_HOST": ollama.url}, replace(HERE, driver="545.29.06"))
        assert "Ollama 0.33.0-rc2 needs driver 550" in driver.seen and "20% of mine:latest" in placed.seen
        assert not list(check_ollama({"OLLAMA_HOST": ollama.url}, CardState()))
    assert not list(check_ollama({"OLLAMA_HOST": ollama.url}, HERE)), "it does not run any more"


@pytest.mark.parametrize(("on_card", "has_card", "warns"), [(0, True, True), (5 * GIB, True, False), (0, False, False)])
def test_after_ollama_create_a_model_on_the_cpu_is_warned_of(monkeypatch, capsys, on_card, has_card, warns):
    monkeypatch.setattr(pipeline, "observe_card", lambda environment: HERE if has_card else CardState())
    with fake(on_card) as ollama:
        pipeline._warn_where_ollama_runs_it_on_the_cpu(OllamaClient(ollama.url), "mine")
    assert ("Ollama has 0% of mine:latest" in capsys.readouterr().err) == warns
