"""The folder of imported data: found by name, checked at each use, replaced only when asked, whole after a break."""

import os
from pathlib import Path

import pytest

from navarch.evaluation import find_source
from navarch.evaluation.tables.folder import DataFolder, Stored
from navarch.evaluation.tables.importing import import_data
from navarch.evaluation.tables.opening import TableError
from navarch.spaces import get_space

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
WIDGETS = str(EXAMPLES / "widgets.toml")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NAVARCH_DATA", str(tmp_path / "store"))
    return DataFolder()


@pytest.fixture
def stored(folder):
    return import_data(EXAMPLES / "widgets.csv", folder, space=get_space(WIDGETS))


def test_damage_is_noticed_and_importing_again_heals(folder, stored):
    path = folder.path / stored.file
    path.write_bytes(path.read_bytes()[:-9])
    assert not folder.is_intact(stored)
    with pytest.raises(TableError, match=r"'widgets' are damaged .*import 'widgets\.csv' again"):
        find_source(Path("widgets"), get_space(WIDGETS))
    assert import_data(EXAMPLES / "widgets.csv", folder, space=get_space(WIDGETS)) == stored
    assert folder.is_intact(stored)


def test_other_data_are_replaced_only_when_asked(folder, stored, tmp_path):
    path = tmp_path / "widgets.csv"
    path.write_text("architecture,val_accuracy\nm1c2--,50\n")
    space = get_space(WIDGETS)
    with pytest.raises(TableError, match=r"other data under the name 'widgets'.*--replace"):
        import_data(path, folder, space=space)
    assert folder.get("widgets") == stored
    new = import_data(path, folder, space=space, replace=True)
    assert folder.stored() == [new]
    assert sorted(file.name for file in folder.path.iterdir()) == sorted([new.file, "widgets.json"])


def test_a_break_leaves_the_old_data(folder, stored, tmp_path, monkeypatch):
    path = tmp_path / "widgets.csv"
    path.write_text("architecture,val_accuracy\nm1c2--,50\n")
    replaced = os.replace

    def broken(source, target):
        if str(target).endswith(".json"):
            raise OSError(28, "No space left on device")
        replaced(source, target)

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(TableError, match="cannot be written: No space left"):
        import_data(path, folder, space=get_space(WIDGETS), replace=True)
    assert folder.get("widgets") == stored
    assert folder.is_intact(stored)


def test_removing_forgets_file_and_description(folder, stored):
    folder.remove("widgets")
    assert list(folder.path.iterdir()) == []
    with pytest.raises(TableError, match="'widgets'"):
        folder.remove("widgets")


def test_an_unknown_name_gets_close_ones(folder, stored):
    with pytest.raises(TableError, match="did you mean 'widgets'"):
        folder.get("widget")


@pytest.mark.parametrize("name", ["../up", "", ".hidden", "a b", "x" * 65, "a/b"])
def test_a_name_that_is_none_is_refused(folder, name):
    with pytest.raises(TableError, match="is no name"):
        folder.put(Stored(name, "own", "widgets", (), 1, 1, (), "x.csv", "", ""), b"x", ".csv.gz")
    assert folder.find(name) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "widgets"}', '{"file": "../../etc/passwd"}'])
def test_a_damaged_description_is_named(folder, stored, text):
    (folder.path / "widgets.json").write_text(text)
    with pytest.raises(TableError, match=r"widgets\.json' of imported data is damaged"):
        folder.stored()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"NAVARCH_DATA": "/a/b", "XDG_DATA_HOME": "/c"}, "/a/b"),
        ({"XDG_DATA_HOME": "/c"}, "/c/navarch"),
        ({"HOME": "/somebody"}, "/somebody/.local/share/navarch"),
    ],
)
def test_the_folder_is_the_users_own(monkeypatch, variables, expected):
    for name in ("NAVARCH_DATA", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert DataFolder().path == Path(expected)
