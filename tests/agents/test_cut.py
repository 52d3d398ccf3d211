"""A connection is broken off when the time is over: also one made only then, and one through a proxy."""

import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import pytest
from openai_server import OpenAIServer

from navarch.agents.endpoint_http import open_client
from navarch.agents.openai_wire import Exchange


@pytest.fixture
def exchange():
    return Exchange(time.monotonic() + 60, time.monotonic)


def without_certificate(side):
    """Return TLS settings under which neither side needs a certificate."""
    context = ssl.SSLContext(side)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers("AECDH:@SECLEVEL=0")
    except ssl.SSLError:
        pytest.skip("this build of OpenSSL knows no TLS without certificates")
    return context


@pytest.fixture
def proxy(exchange):
    """A proxy that plays the server behind it too; it lets the time be over before it answers."""
    own = without_certificate(ssl.PROTOCOL_TLS_SERVER)

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self):
            self.send_response(200)
            self.end_headers()
            self.connection = own.wrap_socket(self.connection, server_side=True)
            self.connection.recv(65536)
            exchange._cut()
            self.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            self.connection.close()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(20)


def test_a_connection_that_is_made_after_the_time_is_broken_off(exchange):
    def begin(request):
        exchange.begin(request)
        exchange._cut()  # as the timer does while a name is still looked up

    with OpenAIServer(["x"], {"/v1/models": {}}) as server:
        url = f"{server.base_url}/models"
        with open_client(url, 20, (), begin) as client, pytest.raises(httpx2.HTTPError):
            client.get(url)


def test_a_connection_through_a_proxy_is_broken_off(exchange, proxy, monkeypatch):
    trusting = without_certificate(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr("navarch.agents.endpoint_http.tls_context", lambda: trusting)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    url = "https://models.invalid/v1"
    with open_client(url, 20, (), exchange.begin) as client, pytest.raises(httpx2.HTTPError):
        client.get(url)
    assert exchange.is_late  # and not anything before
