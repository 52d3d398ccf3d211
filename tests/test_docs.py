"""README and docs are true: their commands run, and print lines of the shape that is shown; links and trees are right.

In a ```console block a line that starts with `$ ` is a command; the lines after it must occur in its output in this
order, figures aside; `...` stands for any lines.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
FIGURE = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
BIN = Path(sys.executable).parent
# What these print has no figure that depends on the machine.
EXACT = ("navarch tasks", "navarch workflows", "navarch spaces", "navarch graph", "python -c")


def examples(page):
    """Return the page's commands, each with the lines that are shown after it."""
    found = []
    for block in BLOCK.findall(page.read_text()):
        for line in block.rstrip("\n").splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def shape(line):
    return " ".join(FIGURE.sub("#", line).split())


def assert_shown_in_order(command, shown, output):
    seen = str.rstrip if command.startswith(EXACT) else shape
    left = iter([seen(line) for line in output.splitlines()])
    for line in shown:
        if line.strip() not in ("", "..."):
            assert seen(line) in left, (
                f"not in the output, or not in this order: {line}\n--- output\n{output}"
            )


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run_and_print_what_is_shown(page, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NAVARCH_")}
    environment["XDG_DATA_HOME"] = str(tmp_path / "data-home")
    environment["PATH"] = f"{BIN}{os.pathsep}{environment['PATH']}"
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    commands = [
        (command, shown) for command, shown in examples(page) if not command.startswith(("make", "git"))
    ]
    assert commands, f"{page.name} has no worked example"
    for command, shown in commands:
        ended = subprocess.run(
            shlex.split(command), cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240
        )
        assert ended.returncode == 0, f"$ {command}\n{ended.stdout}{ended.stderr}"
        assert_shown_in_order(command, shown, ended.stdout)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_file_tree_of_the_readme_names_every_folder():
    text = (ROOT / "README.md").read_text()
    tree = text.split("## File tree", 1)[1].split("```")[1]
    named = set(re.findall(r"^(\w+)/", tree, re.MULTILINE))
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = {line.split("/")[0] for line in listed.splitlines() if "/" in line and not line.startswith(".")}
    assert named == tracked


def test_the_commands_of_the_readme_exist_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"^\$? ?make (\w+)", page.read_text(), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"


def test_ci_runs_the_test_command_of_the_readme():
    assert "make test" in (ROOT / "README.md").read_text()
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_the_changelog_names_every_command():
    from navarch.cli.main import app

    text = (ROOT / "CHANGELOG.md").read_text()
    for command in app.registered_commands:
        assert command.callback is not None
        assert (command.name or command.callback.__name__) in text


def test_the_settings_page_has_every_setting_with_its_default_and_meaning():
    from pydantic import BaseModel

    from navarch.graph.settings import Settings

    page = (ROOT / "docs" / "settings.md").read_text()

    def walk(model, prefix):
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                walk(field.annotation, f"{prefix}{name}.")
                continue
            given = field.default is not None and not repr(field.default).startswith("Pydantic")
            default = f" {field.default} " if given else "  "
            assert f"| `{prefix}{name}` |{default}| {field.description} |" in page

    walk(Settings, "")
