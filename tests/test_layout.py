"""The repository's shape: folders, who may import whom, and what no file may contain."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

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
EVERYTHING = sorted(
    path
    for path in ROOT.rglob("*")
    if path.is_file()
    and path.suffix in {".py", ".md", ".toml", ".txt", ".json"}
    and not {".venv", "build", "dist", ".git", "navarch.egg-info"} & set(path.relative_to(ROOT).parts)
    and "src" not in path.relative_to(ROOT).parts[:1]
)


def name_of(path):
    return str(path.relative_to(ROOT))


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            yield str(node.module)


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


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_a_file_imports_only_folders_to_its_left(path):
    folder = path.relative_to(ROOT).parts[0]
    allowed = MAY_IMPORT[folder] | {folder}
    for module in imported_modules(path):
        parts = module.split(".")
        if parts[0] == "navarch" and len(parts) > 1:
            assert parts[1] in allowed, f"{name_of(path)} imports {module}"
        assert parts[0] not in MAY_IMPORT, f"{name_of(path)} imports {module} by its bare name"


@pytest.mark.parametrize("path", [p for p in CODE if p.relative_to(ROOT).parts[0] in ALONE], ids=name_of)
def test_spaces_and_evaluation_need_the_standard_library_and_torch_alone(path):
    import sys

    allowed = set(sys.stdlib_module_names) | {"torch", "navarch"}
    allowed |= {
        "vision.py": {"torchvision"},
        "ofa_predictor.py": {"numpy"},
        "parquet.py": {"pyarrow"},
        "npz.py": {"numpy"},
        "decoding.py": {"numpy", "PIL"},
    }.get(path.name, set())
    foreign = {module for module in imported_modules(path) if module.split(".")[0] not in allowed}
    assert not foreign


def test_langgraph_is_imported_in_graph_only():
    for path in CODE:
        if path.relative_to(ROOT).parts[0] != "graph":
            assert not [m for m in imported_modules(path) if m.split(".")[0] == "langgraph"], name_of(path)


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_nothing_can_run_text_as_code_or_load_a_pickle(path):
    banned_modules = {"pickle", "dill", "cloudpickle", "marshal", "shelve"}
    banned_calls = {"eval", "exec", "compile", "__import__"}
    tree = ast.parse(path.read_text())
    assert not banned_modules & set(imported_modules(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name):
                assert called.id not in banned_calls
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                assert (called.value.id, called.attr) not in {
                    ("yaml", "load"),
                    ("os", "system"),
                    ("os", "popen"),
                }
            for keyword in node.keywords:
                is_true = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                assert not (keyword.arg == "shell" and is_true)
                is_false = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                assert not (keyword.arg == "weights_only" and is_false)


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_only_echo_writes_to_the_terminal(path):
    if name_of(path) == "cli/echo.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print"
        if isinstance(node, ast.Attribute) and node.attr in {"write", "writelines"}:
            owner = ast.unparse(node.value)
            assert owner not in {"sys.stdout", "sys.stderr"}, f"{name_of(path)} writes to {owner}"
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {
            "typer.echo",
            "typer.secho",
            "click.echo",
        }:
            pytest.fail(f"{name_of(path)} uses {ast.unparse(node)}")


def test_the_graph_always_runs_with_synchronous_checkpoints():
    calls = [
        node
        for path in (ROOT / "graph").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"invoke", "stream", "ainvoke", "astream"}
    ]
    assert calls
    for call in calls:
        durability = [k.value for k in call.keywords if k.arg == "durability"]
        assert [ast.literal_eval(value) for value in durability] == ["sync"]


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_a_file_opens_with_a_docstring_and_stays_below_300_lines(path):
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), f"{name_of(path)} has no docstring"
    assert len(text.splitlines()) <= 300


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_no_file_names_a_machine_path_or_a_registry_host(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    hosts = ["py" + "pi.org", "pythonhosted" + ".org", "download." + "pytorch.org", "registry." + "npmjs.org"]
    assert not [host for host in hosts if host in text]
    assert not re.search(r"(?<![\w.])/(?:" + "root|home|work" + r")/\w", text)


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
