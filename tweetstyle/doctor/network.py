"""Whether anything would leave the machine: the libraries are kept off the network; Ollama is spoken to where OLLAMA_HOST says."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from tweetstyle.doctor.check import Check, ok, warn
from tweetstyle.offline import OFFLINE


def check_network(environment: Mapping[str, str]) -> list[Check]:
    """environment: that of this process, in which the commands have set OFFLINE before anything else."""
    if missing := [name for name, value in OFFLINE.items() if environment.get(name) != value]:
        what = f"the libraries are not kept off the network: {', '.join(missing)}"
        return [warn("offline", what, "run it by its commands, tweetstyle and tweetstyle-fit, which set these"), *_ollama(environment)]
    return [ok("offline", "the libraries are kept off the network, and send no statistics (docs/privacy.md)"), *_ollama(environment)]


def _ollama(environment: Mapping[str, str]) -> list[Check]:
    """OLLAMA_HOST on another machine: with --ollama the model, which knows the tweets, goes there."""
    value = environment.get("OLLAMA_HOST", "").strip()
    host = value.split("://")[-1].split("/")[0]
    host = host[1 : host.find("]")] if host.startswith("[") else host.rsplit(":", 1)[0] if host.count(":") == 1 else host
    if host in ("", "localhost") or _here(host):
        return []
    what = f"OLLAMA_HOST is {value}: with --ollama the model that learned your tweets is sent there"
    return [warn("ollama", what, "unset OLLAMA_HOST, or leave out --ollama, unless that machine is yours")]


def _here(host: str) -> bool:
    """Loopback, or 0.0.0.0 and ::, which a server listens on and a client takes for its own machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
