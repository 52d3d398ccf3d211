"""Wheel and sdist are whole: the wheel runs from another folder, and neither carries what it should not."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


CANARY = b"sk-canary-R7vQ2mZx8KpL4tWn"
# What lies about in the checkout of somebody who works with it.
STRAY = (
    ".env", "prompts/.env", "evaluation/data/.env", "agents/.env", "navarch.db", "prompts/navarch.db", "cli/run.db",
    "bench/digits/navarch/seed-0.db", "navarch.toml", "graph/key.pem", "spaces/notes.txt", "tests/.env",
)  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    source = tmp_path_factory.mktemp("source") / "navarch"
    # A clone, so that nothing untracked but what is put there can slip in, and no build folder is left behind.
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True, capture_output=True)
    for name in STRAY:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"NAVARCH_API_KEY=" + CANARY)
    return source


@pytest.fixture(scope="module")
def sdist(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    build = "import sys, setuptools.build_meta as backend; backend.build_sdist(sys.argv[1])"
    command = [sys.executable, "-c", build, str(folder)]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("navarch-*.tar.gz")
    return path


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
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


def test_neither_carries_keys_memories_or_tests_of_the_checkout(wheel, sdist):
    files = {}
    with zipfile.ZipFile(wheel) as archive:
        files |= {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            files[member.name] = b"" if file is None else file.read()
    assert len([name for name in files if name.endswith("prompts/navigator.md")]) == 2
    for name, content in files.items():
        assert CANARY not in content, name
        assert not name.endswith((".env", ".db", ".toml.bak", ".pem", ".pyc")), name
        assert "tests" not in name.split("/"), name


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
