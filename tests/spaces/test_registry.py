"""The catalogue: every space by its name, and no torch until a network is built."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import navarch.spaces
from navarch import NavarchError
from navarch.spaces import get_space, space_names
from navarch.spaces.problems import shorten

CATALOGUE = Path(navarch.spaces.__file__).parent / "catalogue"


def test_every_declaration_is_listed_under_its_own_name():
    declared = {path.stem: tomllib.loads(path.read_text())["name"] for path in CATALOGUE.glob("*.toml")}
    assert all(stem == name for stem, name in declared.items())
    assert set(declared) | {"ofa-mobilenetv3-w1.2"} == set(space_names()), "both widths share a declaration"
    assert all(get_space(name).name == name for name in space_names())


def test_a_space_is_read_once():
    assert get_space("nas-bench-201") is get_space("nas-bench-201")


@pytest.mark.parametrize(
    "name", ["", "nas-bench-301", "../catalogue/nas-bench-201", "x" * 10_000, "a\0\ud800"], ids=shorten
)
def test_an_unknown_space_is_answered_with_the_known_ones(name):
    with pytest.raises(NavarchError, match=r"unknown search space .*: known are .*nas-bench-201") as caught:
        get_space(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_everything_but_building_works_without_torch():
    script = (
        "import sys\n"
        "sys.modules['torch'] = None\n"  # importing torch now raises
        "from navarch.spaces import get_space\n"
        "space = get_space('nas-bench-201')\n"
        "cell = space.parse('333132')\n"
        "space.cost(cell, classes=10), space.digest(cell), space.features(cell), space.describe()\n"
        "outside = {name.split('.')[0] for name, module in sys.modules.items() if module is not None}\n"
        "outside -= {'navarch', '__main__', *sys.stdlib_module_names}\n"
        "assert not {name for name in outside if not name.startswith('_')}, outside\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
