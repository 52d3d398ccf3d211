"""Every help page is compared with a golden file, has an example, and comes up without the heavy libraries."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"
PAGES = [
    "",
    "run",
    "resume",
    "stop",
    "runs",
    "show",
    "best",
    "trace",
    "why",
    "noise",
    "report",
    "export",
    "import",
    "spaces",
    "spaces show",
    "spaces cost",
    "proxies",
    "tasks",
    "workflows",
    "graph",
    "doctor",
    "bench",
    "bench report",
    "data",
    "data import",
    "data download",
    "data list",
    "data remove",
    "supernet",
    "supernet train",
    "supernet import",
    "supernet show",
    "reproduce",
    "plan",
    "models",
    "models check",
]
PAGES += ["lessons", "lessons rm", "prompts"]
PAGES += [f"prompts {name}" for name in ("list", "show", "copy", "check", "render", "diff", "compare")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page or "navarch")
def test_a_help_page_reads_as_its_golden_file(cli, monkeypatch, page):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERMINAL_WIDTH", "100")
    ended = cli(*page.split(), "--help")
    assert ended.code == 0
    if page not in ("lessons", "prompts", "data", "models", "supernet"):
        assert "Example: navarch" in ended.out
    file = GOLDEN / f"{page.replace(' ', '-') or 'navarch'}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(ended.out)
    assert ended.out == file.read_text()


def test_help_imports_neither_torch_nor_langgraph_nor_langchain():
    code = (
        "import sys; sys.argv = ['navarch', '--help']\n"
        "from navarch.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'torchvision', 'langgraph', 'langchain_core', 'langchain_openai', 'pydantic', 'numpy'}\n"
        "sys.stderr.write(','.join(sorted(heavy & set(sys.modules))))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
