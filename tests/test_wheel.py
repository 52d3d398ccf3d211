"""The wheel is whole: it runs from another folder without the checkout, and carries nothing that it should not."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    # A clone, so that nothing untracked can slip in and no build folder is left behind.
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True, capture_output=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
    ]
    built = subprocess.run([*command, str(folder), str(source)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("navarch-*.whl")
    return path


def test_the_wheel_carries_code_prompts_declarations_and_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "navarch/py.typed",
        "navarch/agents/offline/critic.py",
        "navarch/prompts/navigator.md",
        "navarch/prompts/parts/space.md",
        "navarch/prompts/offline/lesson.md",
        "navarch/spaces/catalogue/nas-bench-201.toml",
        "navarch/evaluation/data/digits.csv.gz",
        "navarch/evaluation/data/NOTICE",
        "navarch/viewer/recipes/collm-nas-table4.toml",
    ):
        assert needed in names
    for name in names:
        assert name.startswith(("navarch/", "navarch-")), name
        assert not name.endswith((".db", ".env", ".whl", ".pyc"))
        assert "/tests/" not in name


def test_the_installed_wheel_runs_from_another_folder(wheel, tmp_path):
    target = tmp_path / "installed"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(target),
        str(wheel),
    ]
    subprocess.run(command, check=True, capture_output=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def python(code):
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=elsewhere, env=environment, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert python("import navarch; print(navarch.__file__)").startswith(str(target))
    start = "import sys; sys.argv = ['navarch', {}]; from navarch.cli.main import main; main()"
    assert "Usage: navarch" in python(start.format("'--help'"))
    assert str(target) in python(start.format("'prompts', 'list'"))
    assert "finished: budget" in python(start.format("'run', '--budget', '1', '--set', 'train.epochs=1'"))
