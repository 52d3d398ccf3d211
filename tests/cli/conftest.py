"""The command line, called in this process as the installed command calls it."""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(tmp_path, tmp_path_factory, monkeypatch, capsys):
    """Run `navarch ARGUMENTS` in an empty folder and return its exit code and output."""
    from navarch.cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    for name in ("NAVARCH_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["navarch", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code or 0
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return call


SMALL_RUN = ("--budget", "2", "--set", "train.epochs=1", "--set", "search.trials_per_round=2")
SMALL_RUN += ("--set", "train.skeleton={width=4,cells=1}")


@pytest.fixture(scope="session")
def finished_run(made_once):
    """A folder with one finished run of two small trainings, made by the real command: to be read, or copied."""

    def make(folder):
        command = [Path(sys.executable).with_name("navarch"), "run", *SMALL_RUN]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    return made_once("finished", make)


@pytest.fixture(scope="session")
def small_run():
    """The flags of the run above."""
    return SMALL_RUN
