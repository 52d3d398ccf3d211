"""Fixtures that every folder's tests share, and the guard that keeps them on this machine."""

import fcntl
import ipaddress
import os
import shutil
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
settings.register_profile("quick", settings.get_profile("navarch"), max_examples=20)  # for `make check`
settings.load_profile("navarch")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What CI leaves out is no quick test either: whatever is exhaustive is slow."""
    for item in items:
        if item.get_closest_marker("exhaustive"):
            item.add_marker(pytest.mark.slow)


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


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Return `made_once(name, make)`: a folder that `make(folder)` filled, once for all workers of pytest-xdist."""

    def get(name, make):
        base = tmp_path_factory.getbasetemp()
        folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"made-{name}"
        with (folder.with_suffix(".lock")).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                unfinished = folder.with_suffix(".unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(folder)
        return folder

    return get


@pytest.fixture(scope="session")
def trained(made_once):
    """The weights of a small supernet of NAS-Bench-201 on the digits after one epoch: to be read, or copied."""
    from navarch.evaluation import get_task
    from navarch.evaluation.supernet.train import plan_training, train_supernet
    from navarch.spaces import get_space

    def make(folder):
        path, task = folder / "cells.pt", get_task("digits")
        how = {"epochs": 1, "sampling": "uniform", "seed": 0, "skeleton": {"width": 4, "cells": 1}}
        about = plan_training(path, get_space("nas-bench-201"), task, **how)
        train_supernet(path, about, task, device="cpu", timeout_s=240.0)

    return made_once("supernet", make) / "cells.pt"


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
