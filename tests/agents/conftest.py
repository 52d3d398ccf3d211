"""Fixtures of the agents' tests; helpers that several folders share lie in `tests/`."""

import pytest

from navarch.memory import Memory
from navarch.prompts import PromptLibrary


@pytest.fixture(scope="session")
def library() -> PromptLibrary:
    """The installed default prompts."""
    return PromptLibrary(project=None)


@pytest.fixture
def memory(tmp_path):
    """A memory with one run, `r1`."""
    with Memory.open(tmp_path / "navarch.db") as store:
        store.create_run(
            run_id="r1",
            workflow="navarch",
            space="nas-bench-201",
            task="digits",
            task_digest="d" * 16,
            evaluator="train",
            seed=0,
            settings={},
            version="0.1.0",
        )
        yield store
