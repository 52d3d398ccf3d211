"""The test suite can reach no other machine, so that it can spend no money and leak nothing (G6)."""

import socket

import pytest

from navarch.agents.errors import ModelError
from navarch.agents.model import OPENAI_URL, Message, make_client
from navarch.agents.redaction import Secret
from navarch.prompts import Sampling


@pytest.mark.parametrize("address", [("198.51.100.7", 80), ("2001:db8::7", 80), ("0.0.0.0", 80)])
def test_a_socket_to_another_machine_is_refused_before_anything_is_sent(address):
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with (
        socket.socket(family, socket.SOCK_STREAM) as one,
        pytest.raises(OSError, match="tests stay on this machine"),
    ):
        one.connect(address)


def test_no_name_of_another_machine_is_looked_up():
    with pytest.raises(OSError, match="tests stay on this machine"):
        socket.getaddrinfo("api.openai.com", 443)


def test_a_datagram_to_another_machine_is_refused():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        pytest.raises(OSError, match="tests stay on this machine"),
    ):
        one.sendto(b"x", ("198.51.100.7", 53))


def test_this_machine_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, server.getsockname()[1])).close()


def test_a_real_client_of_a_real_service_raises():
    client = make_client("openai:any", base_url=OPENAI_URL, api_key=Secret("sk-not-a-key-0123456789"))
    with pytest.raises(ModelError, match="cannot be reached") as caught:
        client.complete((Message("user", "u"),), schema=None, sampling=Sampling())
    assert caught.value.kind == "unreachable"
