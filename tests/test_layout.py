"""The repository's shape: folders, who may import whom, and what no file may contain."""

import ast
import os
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
# Each folder may import itself and those named here.
MAY_IMPORT = {
    "prompts": set(),
    "spaces": set(),
    "evaluation": {"spaces"},
    "memory": {"evaluation", "spaces", "prompts"},
    "agents": {"memory", "evaluation", "spaces", "prompts"},
    "graph": {"agents", "memory", "evaluation", "spaces", "prompts"},
    "viewer": {"graph", "agents", "memory", "evaluation", "spaces", "prompts"},
    "cli": {"viewer", "graph", "agents", "memory", "evaluation", "spaces", "prompts"},
}
# Folders that must work with the standard library and torch alone, for workers on bare machines.
ALONE = ("spaces", "evaluation")
CODE = sorted(path for folder in MAY_IMPORT for path in (ROOT / folder).rglob("*.py"))
OURS = {".py", ".md", ".toml", ".txt", ".json"}
CACHES = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
NOT_OURS = {".venv", "build", "dist", ".git", "navarch.egg-info"} | CACHES


def everything():
    """Yield the text files of the repository, and nothing of what is installed or built in it."""
    for folder, below, files in os.walk(ROOT):
        below[:] = [name for name in below if name not in NOT_OURS and Path(folder, name) != ROOT / "src"]
        yield from (Path(folder, name) for name in files if Path(name).suffix in OURS)


def name_of(path):
    return str(path.relative_to(ROOT))


@cache
def nodes_of(path):
    """Return all nodes of a file's syntax tree; every test here reads them, so each file is parsed once."""
    return tuple(ast.walk(ast.parse(path.read_text())))


@cache
def imported_modules(path):
    found = []
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            found.append(str(node.module))
    return found


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_packages_are_the_folders_on_disk():
    found = {"navarch"}
    for path in CODE:
        found.add("navarch." + ".".join(path.parent.relative_to(ROOT).parts))
    assert set(project()["tool"]["setuptools"]["packages"]) == found


def test_every_folder_has_its_symlink_and_its_mapping():
    mapping = project()["tool"]["setuptools"]["package-dir"]
    for folder in MAY_IMPORT:
        assert (ROOT / "src" / "navarch" / folder).resolve() == ROOT / folder
        assert mapping[f"navarch.{folder}"] == folder


def test_a_file_imports_only_folders_to_its_left():
    for path in CODE:
        folder = path.relative_to(ROOT).parts[0]
        allowed = MAY_IMPORT[folder] | {folder}
        for module in imported_modules(path):
            parts = module.split(".")
            if parts[0] == "navarch" and len(parts) > 1:
                assert parts[1] in allowed, f"{name_of(path)} imports {module}"
            assert parts[0] not in MAY_IMPORT, f"{name_of(path)} imports {module} by its bare name"


def test_spaces_and_evaluation_need_the_standard_library_and_torch_alone():
    import sys

    for path in CODE:
        if path.relative_to(ROOT).parts[0] not in ALONE:
            continue
        allowed = set(sys.stdlib_module_names) | {"torch", "navarch"}
        allowed |= {
            "vision.py": {"torchvision"},
            "ofa_predictor.py": {"numpy"},
            "parquet.py": {"pyarrow"},
            "npz.py": {"numpy"},
            "decoding.py": {"numpy", "PIL"},
        }.get(path.name, set())
        foreign = {module for module in imported_modules(path) if module.split(".")[0] not in allowed}
        assert not foreign, name_of(path)


def test_langgraph_is_imported_in_graph_only():
    for path in CODE:
        if path.relative_to(ROOT).parts[0] != "graph":
            assert not [m for m in imported_modules(path) if m.split(".")[0] == "langgraph"], name_of(path)


def test_nothing_can_run_text_as_code_or_load_a_pickle():
    banned_modules = {"pickle", "dill", "cloudpickle", "marshal", "shelve"}
    for path in CODE:
        assert not banned_modules & set(imported_modules(path)), name_of(path)
        for node in nodes_of(path):
            if isinstance(node, ast.Call):
                assert not banned_call(node), f"{name_of(path)}:{node.lineno}"


def banned_call(call):
    """Tell whether a call runs text as code, or might load a pickle."""
    called = call.func
    if isinstance(called, ast.Name) and called.id in {"eval", "exec", "compile", "__import__"}:
        return True
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        name = (called.value.id, called.attr)
        if name in {("yaml", "load"), ("os", "system"), ("os", "popen")}:
            return True
    given = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
    return given.get("shell") is True or given.get("weights_only") is False


@pytest.mark.parametrize(
    ("text", "is_banned"),
    [
        ("eval(text)", True),
        ("__import__(name)", True),
        ("yaml.load(text)", True),
        ("os.popen(text)", True),
        ("run(text, shell=True)", True),
        ("torch.load(path, weights_only=False)", True),
        ("torch.load(path, weights_only=True)", False),
        ("network.eval()", False),
        ("re.compile(text)", False),
        ("run(words, shell=False)", False),
    ],
)
def test_what_runs_text_as_code_is_recognised(text, is_banned):
    assert banned_call(ast.parse(text, mode="eval").body) == is_banned


def test_only_echo_writes_to_the_terminal():
    for path in CODE:
        if name_of(path) == "cli/echo.py":
            continue
        for node in nodes_of(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"{name_of(path)} prints"
            if isinstance(node, ast.Attribute) and node.attr in {"write", "writelines"}:
                owner = ast.unparse(node.value)
                assert owner not in {"sys.stdout", "sys.stderr"}, f"{name_of(path)} writes to {owner}"
            if isinstance(node, ast.Attribute) and node.attr in {"echo", "secho"}:
                used = ast.unparse(node)
                assert used not in {"typer.echo", "typer.secho", "click.echo"}, f"{name_of(path)} uses {used}"


def test_the_graph_runs_with_synchronous_checkpoints_or_where_a_round_takes_no_time_with_the_last_alone():
    calls = [
        node
        for path in (ROOT / "graph").glob("*.py")
        for node in nodes_of(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"invoke", "stream", "ainvoke", "astream"}
    ]
    assert calls
    for call in calls:
        durability = [k.value for k in call.keywords if k.arg == "durability"]
        assert [ast.unparse(value) for value in durability] == ["durability"]
    chosen = "'exit' if ctx.evaluator.instant else 'sync'"
    assert f": Durability = {chosen}" in ast.unparse(nodes_of(ROOT / "graph" / "run.py")[0])


def test_a_file_opens_with_a_docstring_and_stays_below_300_lines():
    for path in CODE:
        assert ast.get_docstring(nodes_of(path)[0]), f"{name_of(path)} has no docstring"
        assert len(path.read_text().splitlines()) <= 300, name_of(path)


def test_no_file_names_a_machine_path_or_a_registry_host():
    hosts = ["py" + "pi.org", "pythonhosted" + ".org", "download." + "pytorch.org", "registry." + "npmjs.org"]
    machine_path = re.compile(r"(?<![\w.])/(?:" + "root|home|work" + r")/\w")
    found = list(everything())
    assert {ROOT / "README.md", Path(__file__)} <= set(found)
    for path in found:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not [host for host in hosts if host in text], name_of(path)
        assert not machine_path.search(text), name_of(path)


def test_the_quick_suite_is_the_one_that_is_described():
    told = (ROOT / "CONTRIBUTING.md").read_text().split("## Quick and slow tests", 1)[1]
    assert f"with {settings.get_profile('quick').max_examples} examples in `make check`" in told
    assert f"with {settings.get_profile('navarch').max_examples} and more in\n`make test`" in told
    recipe = (ROOT / "Makefile").read_text().split("\ncheck:", 1)[1].split("\n\n", 1)[0]
    assert '-m "not slow"' in recipe
    assert "--hypothesis-profile=quick" in recipe


def test_every_dependency_says_what_it_is_for():
    text = (ROOT / "pyproject.toml").read_text()
    block = text.split("dependencies = [", 1)[1].split("\n]", 1)[0]
    for line in block.strip().splitlines():
        assert re.search(r"#\s+\w+", line), f"no reason given: {line}"


def test_every_public_name_can_be_imported():
    import navarch

    for name in navarch.__all__:
        assert getattr(navarch, name) is not None
    with pytest.raises(AttributeError):
        navarch.nothing_of_this_name  # noqa: B018
