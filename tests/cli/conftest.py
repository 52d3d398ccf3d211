"""The command line, called in this process as the installed command calls it."""

import sys
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


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    """A folder with one finished run of two small trainings, made by the real command."""
    import subprocess
    from pathlib import Path

    folder = tmp_path_factory.mktemp("finished")
    command = [Path(sys.executable).with_name("navarch"), "run", "--budget", "2", "--set", "train.epochs=1"]
    subprocess.run(
        [*command, "--set", "search.trials_per_round=2"], cwd=folder, check=True, capture_output=True
    )
    return folder
