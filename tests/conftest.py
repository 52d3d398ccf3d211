"""Fixtures that every folder's tests share, and the guard that keeps them on this machine."""

import ipaddress
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# A busy machine is no failure: no example has a deadline. CI draws the same examples each time, a developer new ones.
settings.register_profile(
    "navarch",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("navarch")


class NetworkBlocked(OSError):
    """A test reached for another machine: nothing was sent, and nothing can be spent."""


def _stay_here(event, arguments):
    """Refuse every connection and every name but those of this machine. Not covered: the processes that tests start."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    try:
        is_here = host in (None, "", "localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = False
    if not is_here:
        raise NetworkBlocked(f"tests stay on this machine: {host!r} was asked for")


sys.addaudithook(_stay_here)  # for as long as the process lives


def shared_file(name: str) -> Path:
    """Return a file of the shared data folder, or skip the test with a reason."""
    path = ROOT.parent / "shared" / name
    if not path.exists():
        pytest.skip(f"needs shared/{name}, which is not beside this checkout")
    return path


@pytest.fixture(scope="session", autouse=True)
def _own_data_folder(tmp_path_factory):
    """Keep the tests away from what a developer has imported and checked; the commands that they start inherit this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAVARCH_DATA", str(tmp_path_factory.mktemp("data")))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(name="shared_file", scope="session")
def shared_file_fixture():
    return shared_file


@pytest.fixture(scope="session")
def peer(tmp_path_factory):
    """A real llama.cpp server on loopback with a tiny random model."""
    try:
        import xllamacpp  # noqa: F401
    except ModuleNotFoundError:
        pytest.skip("needs xllamacpp, which has no wheel for this platform")
    from tiny_model import TinyModelServer

    return TinyModelServer(tmp_path_factory.mktemp("peer"))
