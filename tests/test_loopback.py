"""This machine is known by its own digits, and by no name but localhost."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from tweetstyle.offline import OLLAMA_PORT, NoAddress, is_loopback, parse_address


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
