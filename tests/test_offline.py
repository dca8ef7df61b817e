"""Nothing leaves the machine: what keeps the libraries quiet works, and the guard that proves it would see them speak.

A run of the command line is watched as a user has it: without the settings by which tests keep libraries quiet.
"""

import ipaddress
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_ollama import FakeOllama
from support.network_guard import NetworkGuard
from support.playing_back import RECIPE, asks_back

from tweetstyle.offline import OFFLINE, OLLAMA_PORT, NoAddress, is_loopback, parse_address

PROJECT = Path(__file__).parents[1]


@given(st.ip_addresses())
def test_an_address_is_this_machines_exactly_where_the_standard_says_so(address):
    assert is_loopback(str(address)) == (address in ipaddress.ip_network("127.0.0.0/8" if address.version == 4 else "::1/128"))


@given(st.text())
def test_no_name_but_localhost_is_this_machine_and_nothing_else_is_raised(text):
    try:
        host, port = parse_address(text)
    except NoAddress:
        return
    assert 0 < port <= 65535
    if is_loopback(host) and host != "localhost":
        ipaddress.ip_address(host)


@given(st.integers(1, 65535))
def test_host_and_port_come_back(port):
    assert parse_address(f"127.0.0.1:{port}") == parse_address(f"http://127.0.0.1:{port}/") == ("127.0.0.1", port)
    assert parse_address("") == ("127.0.0.1", OLLAMA_PORT)


@pytest.fixture
def guard(tmp_path):
    return NetworkGuard(tmp_path)


def run(guard, program):
    return subprocess.run([sys.executable, "-c", program], env=guard.environment, cwd=PROJECT, capture_output=True, text=True, timeout=60)


SPEAKS = """
from huggingface_hub.utils import _telemetry, send_telemetry
send_telemetry("trl/SFTTrainer", library_name="trl", library_version="1.15.0")
_telemetry._TELEMETRY_QUEUE.join()
"""


def test_the_hubs_telemetry_speaks_where_nothing_is_set_and_not_behind_our_door(guard):
    """What TRL calls whenever a trainer is built. Without the first half the second would prove nothing."""
    done = run(guard, SPEAKS)
    assert "huggingface.co" in str(guard.left_the_machine()), done.stderr
    guard.log.unlink()
    done = run(guard, "from tweetstyle.offline import keep_offline; keep_offline()\n" + SPEAKS)
    assert done.returncode == 0 and guard.seen() == [], done.stderr


def test_every_command_sets_it_before_anything_else(guard):
    program = """
from click.testing import CliRunner
from tweetstyle.cli import tweetstyle
CliRunner().invoke(tweetstyle, ["schema"])
import huggingface_hub.constants as hub, os
from torch._native.common_utils import check_native_jit_disabled
print(hub.is_offline_mode(), hub.HF_HUB_DISABLE_TELEMETRY, os.environ["UNSLOTH_USE_MODELSCOPE"], check_native_jit_disabled())
"""
    assert run(guard, program).stdout.split() == ["True", "True", "0", "True"]


def test_the_privacy_page_names_what_is_set_and_nothing_else():
    page = (PROJECT / "docs" / "privacy.md").read_text(encoding="utf-8")
    named = dict(re.findall(r"`([A-Z_]+)=(\w+)`", page))
    assert named == OFFLINE


def test_playback_speaks_to_the_one_ollama_of_its_recipe(guard, tmp_path, project, base_model_dir):
    """Which is this machine's: nothing is sent past it, no name is asked for; a model that runs elsewhere is sent nothing at all."""
    lines = (project / "data" / "sample" / "tweets.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "archive.csv").write_text("\n".join(lines[:201]) + "\n", encoding="utf-8")
    cloud = {"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"}
    with FakeOllama(asks_back, {"small:latest": "abc123", "mine:latest": "def456"}, remote={"mine:latest": cloud}) as fake:
        said = {}
        for name in ("mine", "small"):
            (tmp_path / f"{name}.yaml").write_text(
                RECIPE.format(url=fake.url, base=base_model_dir).replace("ollama: small", f"ollama: {name}")
            )
            command = [Path(sys.executable).parent / "tweetstyle", "playback", f"{name}.yaml"]
            done = subprocess.run(command, env=guard.environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
            said[name] = (done.returncode, len(fake.requests), done.stderr)
    assert said["mine"][:2] == (1, 0) and "does not run on this machine" in said["mine"][2]
    assert said["small"][0] == 0 and said["small"][1] > 30, said["small"][2]
    assert guard.left_the_machine() == [], guard.seen()


def test_preparing_planning_and_the_doctor_speak_to_nobody(guard, tmp_path, base_model_dir):
    from tests.test_bad_input import HEADER, rows
    from tests.test_bad_input import RECIPE as PLAIN

    (tmp_path / "mine.yaml").write_text(PLAIN)
    (tmp_path / "tweets.csv").write_text(HEADER + rows(60), encoding="utf-8")
    (tmp_path / "base").symlink_to(base_model_dir)
    for command in (["doctor"], ["plan"], ["prepare"], ["doctor", "--json"]):
        arguments = [Path(sys.executable).parent / "tweetstyle", *command, "mine.yaml"]
        done = subprocess.run(arguments, env=guard.environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert (tmp_path / "data" / "processed" / "manifest.json").is_file() and guard.seen() == []
