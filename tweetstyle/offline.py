"""Keeps libraries off the network; tells this machine's addresses from others."""

import ipaddress
import os
from urllib.parse import urlsplit

from tweetstyle.locale import _

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "UNSLOTH_DISABLE_STATISTICS": "1",
    "UNSLOTH_USE_MODELSCOPE": "0",
}
"""Set in every process that tweetstyle starts, whatever the user's environment: a run needs only what is on the disk."""
OLLAMA_PORT = 11434
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""The address on which a server listens everywhere → that of this machine."""


def keep_offline() -> None:
    """Sets OFFLINE, before anything can import a library that reads it once and for all."""
    os.environ.update(OFFLINE)


def without_triton_in_torch() -> None:
    """torch 2.14 computes some products by Triton, which needs a C compiler (github.com/pytorch/pytorch/issues/196977)."""
    os.environ["TORCH_DISABLE_NATIVE_JIT"] = "1"


class NoAddress(ValueError):
    """A text that is no http address."""


def parse_address(value: str) -> tuple[str, int]:
    """Host and port of an address in the forms that Ollama takes: host, host:port, http://host:port.

    Raises NoAddress; also for an address with a path, which would be ignored (Ollama's API has none before /api).
    """
    scheme, separator, rest = value.strip().strip("\"'").rpartition("://")
    if rest.count(":") > 1 and not rest.startswith("["):
        rest = f"[{rest}]"
    try:
        parts = urlsplit(f"http://{rest}")
        host, port = parts.hostname or "127.0.0.1", parts.port or (80 if separator else OLLAMA_PORT)
    except ValueError as error:
        raise NoAddress(str(error)) from error
    if scheme not in ("", "http"):
        raise NoAddress(_("{scheme} is not http", scheme=scheme))
    if (path := parts._replace(scheme="", netloc="").geturl()) not in ("", "/"):
        raise NoAddress(_("{path} behind host and port is not read", path=path))
    return EVERYWHERE.get(host, host), port


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its own digits, or is called localhost; no other name is resolved: DNS leaves the machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
