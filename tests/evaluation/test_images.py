"""Images of a user's own: what is read, how it is split, and one sentence for each thing that is wrong."""

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from navarch import NavarchError
from navarch.evaluation import Training, get_task, prepare_task
from navarch.evaluation.images import published
from navarch.evaluation.images.finding import find_images, is_intact, own_digest
from navarch.evaluation.images.kept import draw_out, load_split, read_set, remove_images, write_set
from navarch.evaluation.task_data import load_search_data, load_test_data

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NAVARCH_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def arrays(count=40, kinds=4, **changes):
    labels = np.arange(count, dtype=np.int64) % kinds
    pixels = (
        np.zeros((count, 8, 8, 3), dtype=np.uint8)
        + (10 * np.arange(count, dtype=np.uint8))[:, None, None, None]
    )
    return {"x_train": pixels, "y_train": labels, "x_test": pixels[:8], "y_test": labels[:8], **changes}


def write(path, **content):
    np.savez(path, **content)
    return str(path)


def test_arrays_become_a_task_whose_splits_share_no_image(tmp_path):
    task = prepare_task(write(tmp_path / "own.npz", **arrays()), Training(val_share=0.25))
    assert (task.classes, task.in_channels, task.resolution) == (4, 3, 8)
    assert (task.train_size, task.val_size, task.test_size) == (30, 10, 8)
    data = load_search_data(get_task(task.reference))
    train, val = (set(images[:, 0, 0, 0].tolist()) for images in (data.train_images, data.val_images))
    assert not train & val
    assert len(train | val) == 40
    assert data.val_labels.bincount().tolist() in ([3, 3, 2, 2], [2, 3, 3, 2], [3, 2, 2, 3])


def test_the_test_images_come_from_their_own_file_only(tmp_path):
    task = prepare_task(write(tmp_path / "own.npz", **arrays()), Training(val_share=0.25))
    for file in (tmp_path / "data").rglob("test.*"):
        file.unlink()
    with pytest.raises(NavarchError, match="missing or not whole"):
        load_search_data(get_task(task.reference))


def test_a_search_does_not_open_the_file_of_the_test_images(tmp_path, monkeypatch):
    task = prepare_task(write(tmp_path / "own.npz", **arrays()), Training(val_share=0.25))
    opened, original = [], torch.from_file
    monkeypatch.setattr(
        torch, "from_file", lambda name, **kinds: opened.append(name) or original(name, **kinds)
    )
    load_search_data(task)
    assert opened
    assert not [name for name in opened if Path(name).name.startswith("test")]
    load_test_data(task, split="test")
    assert [name for name in opened if Path(name).name.startswith("test")]


def test_encoded_images_and_a_folder_give_the_same_pixels(tmp_path):
    chance = np.random.default_rng(0)
    pictures = [chance.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(40)]
    streams = []
    for number, picture in enumerate(pictures):
        file = tmp_path / "folder" / "train" / f"c{number % 4}" / f"{number // 4:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(file)
        streams.append(file.read_bytes())
    order = sorted(range(40), key=lambda number: (number % 4, number // 4))
    joined = b"".join(streams[number] for number in order)
    offsets = np.cumsum([0, *(len(streams[number]) for number in order)])
    content = {
        "train_jpeg": np.frombuffer(joined, np.uint8),
        "train_offsets": offsets,
        "y_train": np.repeat(np.arange(4), 10),
    }
    training = Training(val_share=0.25)
    first = load_search_data(prepare_task(write(tmp_path / "own.npz", **content), training))
    second = load_search_data(prepare_task(str(tmp_path / "folder"), training))
    assert torch.equal(first.train_images, second.train_images)
    assert torch.equal(first.val_labels, second.val_labels)


def test_rows_of_numbers_fill_a_square_line_by_line(tmp_path):
    rows = np.linspace(-1, 1, 40 * 5).reshape(40, 5)
    task = prepare_task(write(tmp_path / "rows.npz", x=rows, y=np.arange(40) % 2), Training(val_share=0.5))
    data = load_search_data(task)
    assert (task.in_channels, task.resolution, task.has_test) == (1, 3, False)
    assert int(data.train_images.max()) in range(250, 256)
    assert not data.train_images[:, 0].flatten(1)[:, 5:].any()


def test_fewer_images_are_the_same_share_of_every_class(tmp_path):
    task = prepare_task(write(tmp_path / "own.npz", **arrays()), Training(val_share=0.25, images=8))
    data = load_search_data(task)
    assert data.train_labels.bincount().tolist() == [2, 2, 2, 2]
    assert (task.train_size, task.val_size) == (8, 8)


def test_other_images_or_training_are_another_task(tmp_path):
    name = write(tmp_path / "own.npz", **arrays())
    trainings = [
        Training(),
        Training(recipe="nb201-200"),
        Training(recipe="darts-cifar"),
        Training(images=20),
        Training(val_share=0.5),
    ]
    digests = {prepare_task(name, training).digest for training in trainings}
    write(tmp_path / "own.npz", **arrays(kinds=2))
    assert len(digests | {prepare_task(name, Training()).digest}) == 6
    assert prepare_task(name, Training()).digest == prepare_task(name, Training(recipe="nb201-12")).digest


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (arrays(y_train=np.arange(39)), "40 train images and 39 labels"),
        (arrays(y_train=np.zeros(40, dtype=np.float32)), "no labels 'y_train'"),
        (arrays(y_train=np.zeros(40, dtype=np.int64)), "1 classes among its training labels"),
        (arrays(y_train=np.arange(40) % 4 - 1), "has the label -1: labels must be 0 to 2"),
        (arrays(y_test=np.arange(8)), "the test image 7 has the label 7"),
        (arrays(classes=np.array(["a", "b", "c"])), "names 3 classes, and the train image 3 has the label 3"),
        (arrays(classes=np.array(list("abcde"))), "5 classes, and no training image is of class 4 (e)"),
        (arrays(x_train=np.zeros((40, 8, 8), dtype=np.float32)), "is float32 of shape (40, 8, 8)"),
        (arrays(x_train=np.zeros((40, 8, 6), dtype=np.uint8)), "no square images"),
        (arrays(x_test=np.zeros((8, 6, 6, 3), dtype=np.uint8)), "all must be of one size"),
        (arrays(x_train=np.full((40, 9), np.nan)), "finite numbers"),
        ({"weights": np.zeros(3)}, "no training images"),
        (arrays(x_train=np.zeros((40, 0, 0, 3), dtype=np.uint8)), "1 to 1024 pixels a side"),
        (arrays(y_train=np.array([10**9] * 40)), "2 to 100,000 are possible"),
        ({**arrays(), "x_train": np.array([{}] * 40)}, "Object arrays cannot be loaded"),
        (
            {
                "train_jpeg": np.zeros(9, np.uint8),
                "train_offsets": np.array([0, 4, 8]),
                "y_train": np.arange(2),
            },
            "do not fit",
        ),
        (
            {
                "train_jpeg": np.zeros(8, np.uint8),
                "train_offsets": np.array([0, 4, 8]),
                "y_train": np.arange(2),
            },
            "image 0 of",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(tmp_path, content, words):
    name = write(tmp_path / "own.npz", **content)
    with pytest.raises(NavarchError) as raised:
        prepare_task(name, Training())
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not list((tmp_path / "data").rglob("images.json"))


def test_a_single_array_and_a_member_that_is_none_are_refused(tmp_path):
    np.save(single := tmp_path / "own.npy", np.zeros(3))
    single = single.rename(tmp_path / "single.npz")
    with pytest.raises(NavarchError, match=r"cannot be read as \.npz"):
        prepare_task(str(single), Training())
    name = write(tmp_path / "own.npz", **arrays())
    with zipfile.ZipFile(name, "a") as archive:
        archive.writestr("notes.txt", "mine")
    with pytest.raises(NavarchError, match=r"has a member 'notes\.txt' that is no array"):
        prepare_task(name, Training())


@pytest.mark.parametrize(("place", "mark"), [(8, 1), (10, 99)])  # flag: encrypted; a compression nobody knows
def test_what_the_archive_does_not_give_out_is_one_sentence(tmp_path, place, mark):
    name = write(tmp_path / "own.npz", **arrays())
    raw = bytearray(Path(name).read_bytes())
    raw[raw.index(b"PK\x01\x02") + place] = mark
    Path(name).write_bytes(raw)
    with pytest.raises(NavarchError, match=r"cannot be read as \.npz"):
        prepare_task(name, Training())


def test_a_second_writing_that_fails_leaves_the_first_as_it_was(tmp_path, monkeypatch):
    images = find_images(write(tmp_path / "own.npz", **arrays()))
    splits = {s: tuple(255 - kept for kept in load_split(images, s)) for s in images.counts}
    before = sorted(Path(images.folder).rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", None)  # dies before the description has its name
        with pytest.raises(TypeError):
            write_set(images, splits)
    assert read_set(Path(images.folder)) == images
    assert own_digest(images) == images.digest
    assert sorted(Path(images.folder).rglob("*")) == before
    other = write_set(images, splits)
    assert read_set(Path(images.folder)) == other != images
    assert len(list(Path(images.folder).rglob("train.images"))) == 1


def test_images_that_are_replaced_while_they_are_checked_are_not_called_damaged(tmp_path):
    images = find_images(write(tmp_path / "own.npz", **arrays()))
    splits = {s: tuple(255 - kept for kept in load_split(images, s)) for s in images.counts}
    assert is_intact(images)
    newer = write_set(images, splits)
    assert is_intact(images)
    newer.file("train", "labels").unlink()
    assert not is_intact(newer)


def test_images_that_are_gone_cannot_be_removed(tmp_path):
    with pytest.raises(NavarchError, match="cannot be removed: No such file or directory"):
        remove_images(tmp_path / "gone")


def test_a_set_that_another_process_kept_meanwhile_stays(tmp_path):
    images = find_images(write(tmp_path / "own.npz", **arrays()))
    assert write_set(replace(images, title="late"), {}, keeps=True) == images


def test_images_that_an_earlier_version_kept_are_read_and_replaced(tmp_path):
    images = find_images(write(tmp_path / "own.npz", **arrays()))
    folder = Path(images.folder)
    for file in list((folder / images.files).iterdir()):
        file.rename(folder / file.name)
    (folder / images.files).rmdir()
    (folder / "images.json").write_text(json.dumps({**asdict(images), "files": ""}))
    older = read_set(folder)
    assert own_digest(older) == images.digest
    splits = {s: tuple(kept.clone() for kept in load_split(older, s)) for s in older.counts}
    newer = write_set(older, splits)
    assert (newer.digest, newer.files != "") == (images.digest, True)
    assert sorted(entry.name for entry in folder.iterdir()) == [".lock", newer.files, "images.json"]


@pytest.mark.parametrize("keep", [0, 10, 2000])
def test_a_file_that_breaks_off_is_one_sentence(tmp_path, keep):
    name = write(tmp_path / "own.npz", **arrays())
    Path(name).write_bytes(Path(name).read_bytes()[:keep])
    with pytest.raises(NavarchError, match="damaged"):
        prepare_task(name, Training())


@pytest.mark.parametrize(
    ("name", "training", "words"),
    [
        ("nothing.npz", Training(), "There are no images at"),
        ("cifar100", Training(), "navarch data download cifar100"),
        ("imagenet16-120", Training(), "navarch data import"),
        ("digits", Training(recipe="nb201"), "the recipes are: nb201-12"),
        ("digits", Training(images=10), "fixed"),
    ],
)
def test_what_is_not_there_is_named_with_what_to_do(name, training, words):
    with pytest.raises(NavarchError, match=words):
        prepare_task(name, training)


@pytest.mark.parametrize("images", [41, 3])
def test_too_many_or_too_few_images_are_refused(tmp_path, images):
    name = write(tmp_path / "own.npz", **arrays())
    with pytest.raises(NavarchError, match=r"train\.images"):
        prepare_task(name, Training(images=images))


def test_a_published_set_is_read_by_torchvision_and_its_test_half_is_for_validation(tmp_path, monkeypatch):
    """The set itself is not here: a stand-in of its class, with what torchvision's has."""

    class Stand:
        def __init__(self, root, train, download):
            assert not download
            count = 300 if train else 200
            self.data = np.zeros((count, 32, 32, 3), dtype=np.uint8)
            self.targets = [number % 100 for number in range(count)]
            self.classes = [f"c{number}" for number in range(100)]

    monkeypatch.setattr(published, "import_torchvision", lambda name: type("M", (), {"CIFAR100": Stand}))
    task = prepare_task("cifar100", Training())
    assert (task.name, task.train_size, task.val_size, task.test_size) == ("cifar100", 300, 100, 100)
    assert load_search_data(task).val_labels.bincount().tolist() == [1] * 100
    assert load_test_data(task, split="test").labels.bincount().tolist() == [1] * 100


def test_drawing_takes_the_same_share_of_every_class_each_time():
    labels = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    stay, drawn = draw_out(labels, 20)
    assert labels[drawn].bincount().tolist() == [12, 6, 2]
    assert sorted([*stay.tolist(), *drawn.tolist()]) == list(range(100))
    assert torch.equal(drawn, draw_out(labels, 20)[1])


@pytest.mark.slow
def test_kept_images_are_read_without_numpy_and_pil(tmp_path):
    task = prepare_task(write(tmp_path / "own.npz", **arrays()), Training(val_share=0.25))
    script = (
        "import sys\nfrom navarch.evaluation import get_task\n"
        "from navarch.evaluation.task_data import load_search_data\n"
        "data = load_search_data(get_task(sys.argv[1]))\n"
        "print(len(data.train_labels), sorted({'PIL', 'torchvision', 'pydantic'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, task.reference],
        capture_output=True,
        text=True,
        env={**os.environ},
        check=False,
    )
    assert ended.stdout.strip() == "30 []", ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "shape", "sizes"),
    [
        ("cifar10_jpeg", (3, 32), (45_000, 5_000, 10_000)),
        ("fashion_mnist", (1, 28), (54_000, 6_000, 10_000)),
        ("mnist1d", (1, 7), (3_600, 400, 1_000)),
        ("tinyimagenet64_20_jpeg", (3, 64), (10_000, 1_000, 0)),
    ],
)
def test_real_image_files_are_read(file, shape, sizes):
    path = SHARED / f"{file}.npz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    task = prepare_task(str(path), Training())
    assert (task.in_channels, task.resolution) == shape
    assert (task.train_size, task.val_size, task.test_size) == sizes
    data = load_search_data(task)
    assert data.val_labels.bincount().min() == data.val_labels.bincount().max() or file == "mnist1d"
    assert 20 < data.train_images.float().mean() < 235
