"""Model names, base URLs and keys: refused before anything is sent."""

import pytest

from navarch import NavarchError
from navarch.agents.model import is_loopback, make_client, parse_model_name
from navarch.agents.redaction import Secret


def test_model_names_have_two_forms():
    assert parse_model_name("offline") == ("offline", "")
    assert parse_model_name("openai:org/model:7b") == ("openai", "org/model:7b")


@pytest.mark.parametrize(
    "name",
    ["", "gpt-4", "openai:", "openai: ", "offline:x", "anthropic:x", "openai:a\nb", "openai:" + "x" * 300],
)
def test_other_names_are_refused(name):
    with pytest.raises(NavarchError, match="use 'offline' or 'openai:NAME'"):
        parse_model_name(name)


def test_offline_needs_no_client():
    assert make_client("offline") is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://x/v1",
        "http://",
        "http://[::1",
        "http://x:99999/",
        "http://x/\n",
        "file:///etc",
        "http://x/v1?key=1",
    ],
)
def test_what_is_no_base_url_is_refused(url):
    with pytest.raises(NavarchError, match="base URL"):
        make_client("openai:m", base_url=url or "x", api_key=Secret("k"))


def test_a_password_in_the_url_is_refused_and_not_shown():
    with pytest.raises(NavarchError, match="holds a password") as caught:
        make_client("openai:m", base_url="http://me:hunter2@host/v1", api_key=Secret("k"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/v1",
        "HTTP://api.example.com/v1",
        "http://192.168.0.1:8000/v1",
        "http://10.0.0.7/v1",
        "http://[fd00::1]/v1",
        "http://0.0.0.0:8000/v1",
        "http://gpu-box:8000/v1",
        "http://localhost.evil.com/v1",
    ],
)
@pytest.mark.parametrize("key", [Secret("sk-canary-1234567890abcdefghijkl"), Secret("EMPTY"), None])
def test_a_key_never_goes_over_plain_http_to_another_machine(url, key):
    with pytest.raises(NavarchError, match=r"base URL .* unencrypted .*: use https, or a tunnel") as caught:
        make_client("openai:m", base_url=url, api_key=key)
    assert "canary" not in str(caught.value)


def test_a_key_goes_over_https_to_any_machine_and_over_http_to_this_one():
    for url in ("https://192.168.0.1/v1", "http://127.0.0.1:1/v1", "http://[::1]:1/v1"):
        assert make_client("openai:m", base_url=url, api_key=Secret("sk-canary-1234567890abcdef")) is not None


def test_a_server_elsewhere_needs_a_key():
    with pytest.raises(NavarchError, match=r"No API key for api\.openai\.com: .*NAVARCH_API_KEY_FILE"):
        make_client("openai:m")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/v1", "http://localhost:1/v1", "http://[::1]:1/v1", "http://127.9.9.9/v1"]
)
def test_a_server_on_this_machine_needs_no_key(url):
    assert is_loopback(url)
    assert make_client("openai:m", base_url=url).name == "openai:m"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1.evil.com/", "http://localhost.evil.com/", "http://192.168.0.1/"]
)
def test_other_hosts_are_not_this_machine(url):
    assert not is_loopback(url)
