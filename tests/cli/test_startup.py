"""What lists, shows or forecasts starts without the libraries that train, run graphs or call models."""

import shutil
import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "torchvision",
    "langgraph",
    "langchain_core",
    "langchain_openai",
    "openai",
    "matplotlib",
    "sklearn",
}
COMMANDS = (
    ["--help"],
    ["runs"],
    ["show"],
    ["best"],
    ["trace", "--full"],
    ["why", "latest", "1"],
    ["lessons", "--help"],
    ["report"],
    ["spaces"],
    ["spaces", "show", "nas-bench-201"],
    ["tasks"],
    ["workflows"],
    ["data", "list"],
    ["prompts", "list"],
    ["prompts", "show", "critic"],
    ["prompts", "check"],
    ["prompts", "diff", "generator"],
    ["run", "--dry-run"],
    ["run", "--dry-run", "--workflow", "random", "--set", "collm.rounds=3"],
    ["stop", "latest"],
)
CODE = f"""
import sys
from navarch.cli.main import main
for command in {COMMANDS!r}:
    sys.argv = ["navarch", *command]
    try:
        main()
    except SystemExit:
        pass
    loaded = sorted({HEAVY!r} & set(sys.modules))
    assert not loaded, f"{{' '.join(command)}} imports {{', '.join(loaded)}}"
"""


@pytest.mark.slow
def test_commands_that_only_look_import_nothing_heavy(finished_run, tmp_path):
    shutil.copy(finished_run / "navarch.db", tmp_path)  # `report` writes beside it
    ended = subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
