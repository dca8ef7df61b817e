"""Whether anything would leave the machine: the libraries are kept off the network; Ollama is spoken to where OLLAMA_HOST says."""

from __future__ import annotations

from collections.abc import Mapping

from tweetstyle.doctor.check import Check, ok, warn
from tweetstyle.loopback import NoAddress, is_loopback, parse_address
from tweetstyle.offline import OFFLINE


def check_network(environment: Mapping[str, str]) -> list[Check]:
    """environment: that of this process, in which the commands have set OFFLINE before anything else."""
    if missing := [name for name, value in OFFLINE.items() if environment.get(name) != value]:
        what = f"the libraries are not kept off the network: {', '.join(missing)}"
        return [warn("offline", what, "run it by its commands, tweetstyle and tweetstyle-fit, which set these"), *_ollama(environment)]
    return [ok("offline", "the libraries are kept off the network, and send no statistics (docs/privacy.md)"), *_ollama(environment)]


def _ollama(environment: Mapping[str, str]) -> list[Check]:
    """OLLAMA_HOST on another machine: this program refuses to speak to it, but `ollama create`, typed in the same shell, does not."""
    value = environment.get("OLLAMA_HOST", "")
    try:
        host = parse_address(value)[0] if value.strip() else "localhost"
    except NoAddress as error:
        what = f"OLLAMA_HOST is {value}, not an address that is understood here ({error}): --ollama refuses it"
        return [warn("ollama", what, "set OLLAMA_HOST to host and port alone, as in 127.0.0.1:11434")]
    if is_loopback(host):
        return []
    what = f"OLLAMA_HOST is {value}: ollama create would send the model that learned your tweets there; --ollama refuses to"
    return [warn("ollama", what, "unset OLLAMA_HOST before ollama create, unless that machine is yours")]
