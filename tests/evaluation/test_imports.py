"""A worker runs on a bare machine: this folder needs the standard library and torch alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "evaluation"
ALLOWED = {"torch", "torchvision", "navarch"}
NO_WORKERS_NEED = {
    "ofa_predictor.py": {"numpy"},
    "parquet.py": {"pyarrow"},
    "npz.py": {"numpy"},
    "decoding.py": {"numpy", "PIL"},
}


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_file_imports_only_the_standard_library_torch_and_what_lies_below(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            own = NO_WORKERS_NEED.get(path.name, set())
            assert name.split(".")[0] in ALLOWED | own | sys.stdlib_module_names
            if name.startswith("navarch."):
                assert name.split(".")[1] in {"spaces", "evaluation"}


def test_importing_the_folder_imports_neither_torch_nor_numpy():
    script = (
        "import sys, navarch.evaluation; print(sorted({'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
