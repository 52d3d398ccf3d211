"""`navarch data`: import, use, list and remove, as a person does it; and one sentence for what is wrong."""

import fcntl
import json
import shutil
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
WIDGETS = EXAMPLES / "widgets.toml"


@pytest.fixture
def cli(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("NAVARCH_DATA", str(tmp_path / "store"))
    return cli


def imported(cli, *options):
    ended = cli("data", "import", EXAMPLES / "widgets.csv", "--space", WIDGETS, *options)
    assert (ended.code, ended.err) == (0, "")
    return ended.out


def test_an_imported_table_is_used_by_its_name_from_any_folder(cli, tmp_path):
    out = imported(cli)
    assert "imported widgets: 114 of 114 architectures of widgets, from widgets.csv" in out
    assert f"use it: navarch run --space {WIDGETS} --evaluator table --set table.path=widgets" in out
    table = ["--space", WIDGETS, "--evaluator", "table", "--set", "table.path=widgets"]
    ended = cli("run", *table, "--workflow", "random", "--budget", "2")
    assert "task table:widgets" in ended.out
    assert "r1 finished" in ended.out
    assert "r1 finished" in cli("resume").out
    assert "2 trials (0 reused), 36.6 s of simulated training, as the table has it" in cli("show").out


def test_the_list_tells_what_is_there_and_whether_it_is_intact(cli, tmp_path):
    assert "nothing was imported" in cli("data", "list").out
    imported(cli, "--name", "mine")
    (row,) = json.loads(cli("data", "list", "--json").out)
    assert (row["name"], row["kind"], row["rows"], row["state"]) == ("mine", "own", 114, "intact")
    Path(row["file"]).write_bytes(b"")
    assert "damaged" in cli("data", "list").out
    ended = cli("run", "--space", WIDGETS, "--evaluator", "table", "--set", "table.path=mine")
    assert ended.code == 2
    assert "'mine' are damaged" in ended.err
    assert "removed mine" in cli("data", "remove", "mine").out
    assert "nothing was imported" in cli("data", "list").out


def test_a_published_table_is_found_by_its_task_alone(cli, shared_file):
    assert cli("data", "import", shared_file("data/nasbench_macro.csv.gz")).code == 0
    run = ["run", "--evaluator", "table", "--space", "nas-bench-macro", "--task", "nas-bench-macro"]
    ended = cli(*run, "--workflow", "random", "--budget", "2")
    assert ended.code == 0
    assert "r1 finished" in ended.out


def test_the_advice_names_the_space_where_the_task_has_several(cli, shared_file):
    out = cli("data", "import", shared_file("data/ofa_acc_predictor.npz")).out
    assert "use it: navarch run --space ofa-mobilenetv3-w1.2 --task ofa-imagenet" in out
    run = ["run", "--space", "ofa-mobilenetv3-w1.2", "--task", "ofa-imagenet"]
    assert cli(*run, "--workflow", "random", "--budget", "1").code == 0


def test_without_a_task_what_was_imported_is_named(cli):
    imported(cli)
    ended = cli("run", "--space", WIDGETS, "--evaluator", "table", "--budget", "2")
    assert ended.code == 2
    assert "is not told which table of 'widgets' to read: use --set table.path=widgets" in ended.err
    other = cli("run", "--evaluator", "table", "--budget", "2").err
    assert "needs a table: use --set table.path=FILE, or import its file once" in other


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data", "import", "none.csv"], ["no file", "none.csv"]),
        (["data", "import", EXAMPLES / "widgets.csv"], ["--space"]),
        (
            ["data", "import", EXAMPLES / "widgets.csv", "--space", "nas-bench-201"],
            ["no column 'architecture'"],
        ),
        (["data", "import", EXAMPLES / "widgets.csv", "--space", WIDGETS, "--val", "vla"], ["'vla'"]),
        (["data", "import", EXAMPLES / "widgets.csv", "--space", WIDGETS, "--name", "../x"], ["no name"]),
        (["data", "import", EXAMPLES], ["000000.pickle.pbz2", "--side PIXELS"]),
        (
            ["data", "import", EXAMPLES, "--side", "8", "--name", "x", "--space", WIDGETS],
            ["these are images", "--space", "leave them out"],
        ),
        (["data", "remove", "mine"], ["'mine'"]),
        (["run", "--evaluator", "table", "--task", "nb201-cifar10"], ["table.path", "navarch data import"]),
        (["run", "--evaluator", "table", "--set", "table.path=mine"], ["'mine'", "nothing was imported"]),
        (["run", "--set", "limits.max_latency_ms=3"], ["table.latency", "navarch data import"]),
        (["run", "--set", "limits.device=pixel3"], ["table.latency"]),
        (["run", "--set", "table.latency=mine"], ["'mine'", "nothing was imported"]),
        (["run", "--set", "limits.max_latency_ms=0"], ["limits.max_latency_ms"]),
    ],
    ids=lambda value: " ".join(map(str, value[-2:])) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_one_sentence(cli, tmp_path, arguments, words):
    ended = cli(*arguments)
    assert ended.code == 2
    assert len(ended.err.strip().splitlines()) == 1
    for word in words:
        assert word in ended.err
    assert not (tmp_path / "navarch.db").exists()
    assert not (tmp_path / "store").exists()


def test_an_epoch_count_that_the_table_lacks_is_named(cli, shared_file):
    table = f"table.path={shared_file('data/nb201.csv.gz')}"
    run = ["run", "--evaluator", "table", "--task", "nb201-cifar10", "--set", table]
    ended = cli(*run, "--set", "table.epochs=90")
    assert (ended.code, "12 or 200" in ended.err) == (2, True)
    ended = cli(*run, "--set", "table.epochs=12", "--workflow", "random", "--budget", "2")
    assert "table, 12 epochs" in ended.out


def test_a_kill_between_file_and_description_leaves_the_list_usable(cli, tmp_path):
    imported(cli)
    store = tmp_path / "store"
    shutil.copy(next(store.glob("*.csv.gz")), store / "other-000000000000.csv.gz")
    (store / ".writing-x").write_bytes(b"half")
    assert [row["name"] for row in json.loads(cli("data", "list", "--json").out)] == ["widgets"]


def test_images_of_a_published_set_are_imported_from_a_file(cli, tmp_path, monkeypatch):
    import numpy as np

    monkeypatch.setenv("NAVARCH_DATA", str(tmp_path / "data"))
    labels = np.arange(240) % 120
    pixels = np.zeros((240, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "in16.npz", x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
    ended = cli("data", "import", tmp_path / "in16.npz", "--name", "imagenet16-120")
    assert (ended.code, ended.err) == (0, "")
    assert "kept ImageNet16-120: 240 train, 120 test, 120 val images" in ended.out
    ended = cli("run", "--dry-run", "--task", "imagenet16-120")
    assert ended.code == 0
    ended = cli("data", "import", tmp_path / "in16.npz", "--name", "cifar10")
    assert ended.code == 2
    assert "120 classes of images (3, 16, 16)" in ended.err
    np.savez(tmp_path / "untested.npz", x_train=pixels, y_train=labels)
    ended = cli("data", "import", tmp_path / "untested.npz", "--name", "imagenet16-120")
    assert ended.code == 2
    assert "has no test images" in ended.err


def test_kept_images_are_listed_checked_and_removed(cli, tmp_path):
    import numpy as np

    labels = np.arange(40) % 4
    np.savez(tmp_path / "own.npz", x_train=np.zeros((40, 8, 8), dtype=np.uint8), y_train=labels)
    imported(cli)
    assert cli("run", "--dry-run", "--task", tmp_path / "own.npz").code == 0
    table, images = json.loads(cli("data", "list", "--json").out)
    assert (table["name"], images["kind"], images["rows"], images["state"]) == (
        "widgets",
        "images",
        40,
        "intact",
    )
    assert images["source"] == "Images of own.npz"
    (labels,) = Path(images["file"]).rglob("train.labels")
    labels.write_bytes(bytes(40 * 8))
    assert "damaged" in cli("data", "list").out
    assert f"removed {images['name']}: 40 images" in cli("data", "remove", images["name"]).out
    assert not Path(images["file"]).exists()
    assert [row["name"] for row in json.loads(cli("data", "list", "--json").out)] == ["widgets"]


def test_what_a_killed_import_left_is_listed_and_removed_unless_it_is_still_written(cli):
    from navarch.evaluation.images.kept import LOCK
    from navarch.evaluation.tables.folder import DataFolder

    left = DataFolder().path / "images" / "photos"
    (left / "bytes-x").mkdir(parents=True)
    (left / "bytes-x" / "train.images").write_bytes(b"half")
    (left.parent / "foreign").mkdir()  # nothing of ours
    (left.parent / "foreign" / "notes.txt").write_text("mine")
    (row,) = json.loads(cli("data", "list", "--json").out)
    assert (row["name"], row["rows"], row["state"].partition(":")[0]) == ("photos", 0, "not whole")
    with (left / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = cli("data", "remove", "photos")
        assert ended.code == 2
        assert "Images are being written" in ended.err
    assert "removed photos: images that were not whole" in cli("data", "remove", "photos").out
    assert not left.exists()
    assert "nothing was imported" in cli("data", "list").out


def test_what_cannot_be_downloaded_is_refused_with_what_can(cli):
    ended = cli("data", "download", "imagenet16-120")
    assert ended.code == 2
    assert "use one of cifar10, cifar100, fashion-mnist" in ended.err
