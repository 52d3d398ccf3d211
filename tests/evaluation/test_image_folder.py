"""A folder of images of any size, such as ImageNet's: squares of one size are cut, and kept under a name."""

import io
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from navarch import NavarchError
from navarch.evaluation import Training, get_task, prepare_task
from navarch.evaluation.images import decoding
from navarch.evaluation.images.finding import import_folder, own_digest
from navarch.evaluation.images.kept import load_split, read_set
from navarch.evaluation.recipe import find_recipe
from navarch.evaluation.task_data import load_search_data, training_recipe

SIZES = [(80, 60), (60, 90), (64, 64), (31, 200), (500, 375)]  # width, height
KINDS = ("n01440764", "n01443537", "n01484850")


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NAVARCH_DATA", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def photos(shared_file):
    """Real JPEG images."""
    with np.load(shared_file("data/tinyimagenet64_20_jpeg.npz")) as archive:
        stream, offsets = archive["train_jpeg"], archive["train_offsets"]
    return [
        Image.open(io.BytesIO(stream[offsets[i] : offsets[i + 1]].tobytes())).convert("RGB")
        for i in range(30)
    ]


@pytest.fixture
def folder(tmp_path, photos):
    """Return a folder as ImageNet's: train and val, JPEG files of all shapes, a grey one and one of four inks."""
    for number, photo in enumerate(photos):
        split = "val" if number >= 24 else "train"
        place = tmp_path / "photos" / split / KINDS[number % 3] / f"{number:02}.JPEG"
        place.parent.mkdir(parents=True, exist_ok=True)
        shaped = photo.resize(SIZES[number % len(SIZES)])
        shaped = shaped.convert("L") if number == 3 else shaped.convert("CMYK") if number == 4 else shaped
        shaped.save(place, quality=95)
    return tmp_path / "photos"


@pytest.mark.parametrize("side", [pytest.param(224, marks=pytest.mark.slow), 48])
def test_squares_are_cut_as_torchvision_cuts_them(folder, side):
    try:
        from torchvision.transforms import CenterCrop, Compose, Resize
    except (ImportError, RuntimeError) as error:  # built for another torch than this one
        pytest.skip(f"torchvision cannot be imported: {error}")
    kept = import_folder(folder, "mine", side=side)
    assert (kept.side, kept.channels, kept.counts, kept.classes) == (side, 3, {"train": 24, "val": 6}, KINDS)
    pixels, labels = load_split(kept, "train")
    cut = Compose([Resize(-(-side * 8 // 7)), CenterCrop(side)])
    files = sorted(folder.glob("train/*/*"))
    for file, label, found in zip(files, labels.tolist(), pixels, strict=True):
        assert file.parent.name == KINDS[label]
        expected = torch.from_numpy(np.array(cut(Image.open(file).convert("RGB")))).permute(2, 0, 1)
        assert torch.equal(found, expected), file


@pytest.mark.parametrize("size", [(400, 200), (200, 400)], ids=["wide", "high"])
def test_seven_eighths_of_the_middle_are_cut_out(tmp_path, size):
    white = Image.new("RGB", size)
    middle = round(200 * 0.875)
    white.paste(
        (255, 255, 255),
        tuple((length - middle) // 2 for length in size) + tuple((length + middle) // 2 for length in size),
    )
    for split, kind in ((split, kind) for split in ("train", "val") for kind in KINDS):
        place = tmp_path / "white" / split / kind / "1.png"
        place.parent.mkdir(parents=True)
        white.save(place)
    pixels, _ = load_split(import_folder(tmp_path / "white", "mine", side=56), "train")
    assert (pixels[..., 1:-1, 1:-1] == 255).all()
    assert (pixels[..., [0, -1], :] > 100).all()  # the edge of white is the edge of the cut


def test_the_name_is_a_task_from_then_on_and_images_bound_what_is_read(folder):
    kept = import_folder(folder, "mine", side=32, images=6)
    assert kept.counts == {"train": 6, "val": 6}
    task = prepare_task("mine", Training())
    assert (task.name, task.classes, task.resolution, task.has_test) == ("mine", 3, 32, False)
    assert load_search_data(get_task(task.reference)).train_labels.bincount().tolist() == [2, 2, 2]
    again = import_folder(folder, "mine", side=32, images=6, replace=True)
    assert again.digest == kept.digest


def test_a_middle_that_was_cut_out_is_not_cut_again_by_a_recipe(folder, tmp_path, photos):
    training = Training("darts-imagenet")
    import_folder(folder, "mine", side=32)
    cut = prepare_task("mine", training)
    for known in (cut, get_task(cut.reference)):
        assert training_recipe(known).val_centre == 1.0
    assert training_recipe(cut).jitter == find_recipe("darts-imagenet").jitter
    pixels, labels = np.stack([np.asarray(photo) for photo in photos]), np.arange(30) % 3
    np.savez(tmp_path / "whole.npz", x=pixels, y=labels)
    whole = prepare_task(str(tmp_path / "whole.npz"), training)
    assert training_recipe(get_task(whole.reference)).val_centre == 0.875


def test_images_that_were_replaced_meanwhile_are_not_taken_for_those_of_the_task(folder):
    import_folder(folder, "mine", side=16)
    task = prepare_task("mine", Training())
    load_search_data(task)
    import_folder(folder, "mine", side=16, images=12, replace=True)
    with pytest.raises(NavarchError, match="were replaced by others meanwhile: start anew"):
        load_search_data(task)
    assert prepare_task("mine", Training()).digest != task.digest


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("mine", "are kept under the name 'mine' already"),
        ("digits", "cannot be kept under the name 'digits'"),
        ("cifar10", "cannot be kept under the name 'cifar10'"),
        ("torchvision", "cannot be kept under the name 'torchvision'"),
        ("../mine", "cannot be kept under the name"),
        ("", "cannot be kept under the name"),
    ],
)
def test_a_name_that_is_not_free_is_refused(folder, name, sentence):
    import_folder(folder, "mine", side=16)
    with pytest.raises(NavarchError, match=sentence):
        import_folder(folder, name, side=16)


def test_images_of_many_sizes_without_a_side_say_what_to_do(folder):
    with pytest.raises(NavarchError, match=r"navarch data import FOLDER --side PIXELS --name NAME"):
        prepare_task(f"{folder}/", Training())


def test_a_damaged_image_is_named_and_nothing_is_kept(folder, tmp_path):
    file = sorted(folder.glob("train/*/*"))[5]
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(NavarchError, match=rf"{file.name}' cannot be decoded"):
        import_folder(folder, "mine", side=32)
    assert not list((tmp_path / "data").rglob("images.json"))


def test_a_replacement_that_cannot_be_read_leaves_what_was_kept(folder):
    kept = import_folder(folder, "mine", side=32)
    file = sorted(folder.glob("val/*/*"))[2]
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(NavarchError, match=rf"{file.name}' cannot be decoded"):
        import_folder(folder, "mine", side=16, replace=True)
    assert (read_set(Path(kept.folder)), own_digest(kept)) == (kept, kept.digest)
    assert [entry.name for entry in Path(kept.folder).glob("bytes-*")] == [kept.files]


def test_a_few_images_are_decoded_at_a_time(folder, monkeypatch):
    whole = import_folder(folder, "mine", side=32)
    monkeypatch.setattr(decoding, "PIECE_BYTES", 5 * 3 * 32 * 32)
    made, original = [], np.empty
    monkeypatch.setattr(
        decoding.np, "empty", lambda shape, kind: made.append(shape[0]) or original(shape, kind)
    )
    pieces = import_folder(folder, "pieces", side=32)
    assert made == [5, 5, 5, 5, 4, 5, 1]  # 24 images to train, 6 to validate
    assert pieces.digest == whole.digest


KILLED = """
import os, signal, sys
from pathlib import Path
from navarch.evaluation.images import decoding, finding

decoding.EVERY, decoding.PIECE_BYTES = 12, 4 * 3 * 64 * 64
finding.import_folder(
    Path(sys.argv[1]), "mine", side=64, replace=True, tell=lambda count: os.kill(os.getpid(), signal.SIGKILL)
)
"""


@pytest.mark.slow
def test_an_import_that_is_killed_leaves_what_was_kept_and_the_next_one_clears_up(folder):
    kept = import_folder(folder, "mine", side=32)
    ended = subprocess.run([sys.executable, "-c", KILLED, folder], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    half = [file for file in Path(kept.folder).rglob("train.images") if file.parent.name != kept.files]
    assert [0 < file.stat().st_size < 24 * 3 * 64 * 64 for file in half] == [True]
    assert (read_set(Path(kept.folder)), own_digest(kept)) == (kept, kept.digest)
    assert prepare_task("mine", Training()).resolution == 32
    again = import_folder(folder, "mine", side=64, replace=True)
    assert (read_set(Path(kept.folder)), again.side, own_digest(again)) == (again, 64, again.digest)
    assert [entry.name for entry in Path(kept.folder).glob("bytes-*")] == [again.files]


MEASURED = """
import resource, sys
from pathlib import Path
import torch
from navarch.evaluation.images.finding import import_folder

import_folder(Path(sys.argv[1]), "few", side=224, images=300)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
kept = import_folder(Path(sys.argv[1]), "all", side=224)
print(kept.counts["train"] * 3 * 224**2 // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_a_large_folder_needs_no_more_memory_than_a_small_one(tmp_path):
    for number in range(1500):
        place = tmp_path / "many" / f"class{number % 2}" / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (number % 256, 0, 0)).save(place)
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path / "many"], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    bytes_kib, grown_kib = map(int, ended.stdout.split())
    assert bytes_kib > 200_000
    assert grown_kib < bytes_kib / 10


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(NavarchError, match="There is no folder"):
        import_folder(tmp_path / "gone", "mine", side=32)


@pytest.mark.slow
def test_the_command_keeps_a_folder_and_says_how_to_use_it(folder, tmp_path):
    command = [Path(sys.executable).with_name("navarch"), "data", "import", folder]
    short = subprocess.run([*command, "--side", "32"], capture_output=True, text=True)
    assert (short.returncode, short.stdout) == (2, "")
    assert "needs a --side in pixels, and a --name" in short.stderr
    ended = subprocess.run([*command, "--side", "32", "--name", "mine"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "kept Images of photos: 24 train, 6 val images of 32 x 32 pixels" in ended.stdout
    assert "use it: navarch run --task mine" in ended.stdout
