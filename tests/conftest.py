"""Fixtures that every folder's tests share."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared_file(name: str) -> Path:
    """Return a file of the shared data folder, or skip the test with a reason."""
    path = ROOT.parent / "shared" / name
    if not path.exists():
        pytest.skip(f"needs shared/{name}, which is not beside this checkout")
    return path


@pytest.fixture(name="shared_file")
def shared_file_fixture():
    return shared_file
