"""Ollama on a machine with a card: a driver that its version does not take, a model on the CPU, a template that is off."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from support.fake_ollama import FakeOllama
from test_bad_input import CARD, nvidia_smi, project  # noqa: F401 (fixtures)
from test_doctor import HERE, RTX

from tweetstyle import pipeline
from tweetstyle.cli import tweetstyle
from tweetstyle.doctor.ollama import OllamaState, check_ollama, check_placement, least_driver, observe_ollama
from tweetstyle.hardware.gpu import CardState
from tweetstyle.inference.ollama import LoadedModel

GIB = 2**30


def fake(version="0.33.0-rc2", on_card=None, name="mine:latest"):
    loaded = [] if on_card is None else [{"name": name, "size": 5 * GIB} | ({"size_vram": on_card} if on_card else {})]
    return FakeOllama(say=lambda body, number: "un tweet", version=version, loaded=loaded)


@pytest.mark.parametrize(
    ("version", "capability", "least"),
    [
        ("0.29.9", (8, 6), None),
        ("0.30.0", (8, 6), 550),
        ("0.30.0", (6, 1), 570),
        ("0.30.0", (7, 0), 550),
        ("0.30.0", None, 550),
        ("a build of my own", (8, 6), None),
    ],
)
def test_the_driver_that_a_version_needs(version, capability, least):
    """docs.ollama.com/gpu: 550; 570 for compute capability 5.0 to 6.2. Before 0.30: 531 and older."""
    assert least_driver(version, capability) == least


@pytest.mark.parametrize(
    ("driver", "capability", "state"),
    [("549.9", (8, 6), "warn"), ("550.54.14", (8, 6), "ok"), (None, (8, 6), "ok")],
)
def test_a_driver_too_old_for_the_running_ollama_is_warned_of(driver, capability, state):
    with fake() as ollama:
        seen = observe_ollama({"OLLAMA_HOST": ollama.url}, has_card=True)
    (check,) = check_ollama(seen, CardState(driver, (replace(RTX, capability=capability),)))
    assert (check.name, check.state) == ("ollama", state) and "0.33.0-rc2" in check.seen
    assert ("runs on the CPU" in check.seen and "update the driver" in check.do) == (state == "warn")


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("ollama version is 0.11.4", "0.11.4"),
        ("Warning: could not connect to a running Ollama instance\nWarning: client version is 0.31.2", "0.31.2"),
        ("no such option", None),
    ],
)
def test_the_version_of_an_ollama_that_does_not_run_is_its_programs(tmp_path, said, version):
    (tmp_path / "ollama").write_text(f"#!/bin/sh\necho $OLLAMA_HOST >> {tmp_path}/asked\n/bin/cat <<'END'\n{said}\nEND\n")
    (tmp_path / "ollama").chmod(0o755)
    assert observe_ollama({"OLLAMA_HOST": "127.0.0.1:1", "PATH": str(tmp_path)}, has_card=True) == OllamaState(version)
    assert observe_ollama({"OLLAMA_HOST": "192.0.2.1:11434", "PATH": str(tmp_path)}, has_card=True) == OllamaState(version)
    assert (tmp_path / "asked").read_text() == "127.0.0.1:1\n" * 2, "no other machine is asked"
    assert observe_ollama({"OLLAMA_HOST": "127.0.0.1:1", "PATH": ""}, has_card=True) == OllamaState()


@pytest.mark.parametrize(("on_card", "told"), [(0, "0%"), (2 * GIB, "40%"), (int(4.6 * GIB), None), (5 * GIB, None)])
def test_a_model_that_runs_on_the_cpu_beside_a_card_is_warned_of(on_card, told):
    checks = list(check_placement(LoadedModel("mine:latest", 5 * GIB, on_card), RTX))
    assert [check.state for check in checks] == ["warn"] * bool(told)
    assert all(f"{told} of mine:latest on the NVIDIA GeForce RTX 3060" in check.seen and "ollama ps" in check.do for check in checks)


@pytest.mark.parametrize(
    ("value", "warns"),
    [("", False), ("1", False), ("0", True), ("FALSE", True)],
)
def test_a_template_that_is_off_is_warned_of(value, warns):
    """The values that Go's strconv.ParseBool takes for false."""
    checks = check_ollama(observe_ollama({"OLLAMA_GO_TEMPLATE": value}, has_card=False), CardState())
    assert [check.state for check in checks] == ["warn"] * warns and all("OLLAMA_GO_TEMPLATE" in check.seen for check in checks)


def test_doctor_tells_it_and_asks_nothing_without_a_card(project, nvidia_smi, monkeypatch):  # noqa: F811
    nvidia_smi(CARD.format(driver="545.29.06", capability="8.6"))
    with fake(on_card=GIB) as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.url)
        said = [
            check
            for check in json.loads(CliRunner().invoke(tweetstyle, ["doctor", "--json"]).stdout)["checks"]
            if check["name"] == "ollama"
        ]
        assert [check["state"] for check in said] == ["warn", "warn"] and "20% of mine:latest" in said[1]["seen"]
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        assert '"ollama"' not in CliRunner().invoke(tweetstyle, ["doctor", "--json"]).stdout


@pytest.mark.parametrize(
    ("name", "on_card", "has_card", "warns"),
    [
        ("mine:latest", 0, True, True),
        ("mine:latest", 5 * GIB, True, False),
        ("other:latest", 0, True, False),
        ("mine:latest", 0, False, False),
    ],
)
def test_after_ollama_create_a_model_on_the_cpu_is_warned_of(monkeypatch, capsys, name, on_card, has_card, warns):
    monkeypatch.setattr(pipeline, "observe_card", lambda environment: HERE if has_card else CardState())
    from tweetstyle.inference.ollama import OllamaClient

    with fake(on_card=on_card, name=name) as ollama:
        pipeline._warn_where_ollama_runs_it_on_the_cpu(OllamaClient(ollama.url), "mine")
    assert ("Ollama has 0% of mine:latest" in capsys.readouterr().err) == warns
