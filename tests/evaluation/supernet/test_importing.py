"""Published files are imported; one that is damaged, odd or hostile is a sentence, and nothing in it runs (F12)."""

import argparse
import pickle
import zipfile
from dataclasses import asdict

import pytest
import torch
from published_weights import autoformer_weights, ofa_weights, spos_weights

from navarch import NavarchError
from navarch.evaluation import Training, get_task, prepare_task
from navarch.evaluation.supernet.importing import import_supernet
from navarch.evaluation.supernet.official import write_published
from navarch.evaluation.supernet.weights import About, read_weights
from navarch.spaces import get_space

SMALL = {"width_percent": 25}
ABOUT = About("ofa-mobilenetv3", "digits", "", 5, 3, 32, SMALL, 0, 0, 0, "", 0, 0.0, "x.pth, sha256 0")


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return open, (str(self.sentinel), "w")


@pytest.fixture(scope="module")
def weights():
    return ofa_weights(25, classes=5)


@pytest.fixture
def colours():
    """A task with five classes of colour images; nothing of it is read."""
    from dataclasses import replace

    return replace(get_task("digits"), classes=5, in_channels=3, resolution=32)


def pickled(path, weights, sentinel):
    path.write_bytes(pickle.dumps({"state_dict": Payload(sentinel)}))


def beside(path, weights, sentinel):
    torch.save({"state_dict": weights, "optimizer": Payload(sentinel)}, path)


def in_the_old_format(path, weights, sentinel):
    torch.save({"state_dict": weights, "x": Payload(sentinel)}, path, _use_new_zipfile_serialization=False)


def as_the_index(path, weights, sentinel):
    torch.save({"state_dict": weights}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, pickle.dumps(Payload(sentinel)) if name.endswith("data.pkl") else data)


def cut(share, *, is_new=True):
    def spoil(path, weights, sentinel):
        torch.save({"state_dict": weights}, path, _use_new_zipfile_serialization=is_new)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])

    return spoil


def another(**changes):
    def spoil(path, weights, sentinel):
        torch.save({"state_dict": {**weights, **changes}}, path)

    return spoil


QUICK = {
    "pickle payload": beside,
    "truncated": cut(0.5),
    "wrong shape": another(**{"first_conv.conv.weight": torch.ones(24, 3, 3, 3)}),
}
FULL = QUICK | {
    "plain pickle payload": pickled,
    "payload in the old format": in_the_old_format,
    "payload as the index": as_the_index,
    "empty": cut(0.0),
    "first tenth of the old format": cut(0.1, is_new=False),
    "half of the old format": cut(0.5, is_new=False),
    "a text": lambda path, weights, sentinel: path.write_text("<html>404</html>"),
    "a zip of something else": lambda path, weights, sentinel: zipfile.ZipFile(path, "w").close(),
    "of another width": lambda path, weights, sentinel: torch.save({"state_dict": ofa_weights(120, 5)}, path),
    "of another space": lambda path, weights, sentinel: torch.save(
        {"state_dict": spos_weights((4, 8, 12, 16, 20, 24), 5)}, path
    ),
}
CASES = [
    pytest.param(spoil, id=name, marks=[] if name in QUICK else [pytest.mark.slow])
    for name, spoil in FULL.items()
]


@pytest.mark.parametrize("spoil", CASES)
def test_a_spoilt_file_is_refused_and_nothing_in_it_runs(tmp_path, weights, colours, spoil):
    sentinel, path = tmp_path / "ran", tmp_path / "spoilt.pth"
    spoil(path, weights, sentinel)
    with pytest.raises(
        NavarchError, match=r"spoilt\.pth' does not hold the published weights of .*\.$"
    ) as told:
        write_published(path, tmp_path / "kept.pt", ABOUT, colours)
    assert "\n" not in str(told.value)
    assert not sentinel.exists()
    assert not (tmp_path / "kept.pt").exists()


def test_the_full_column_has_twelve_cases_and_more():
    assert len(FULL) >= 12


@pytest.mark.slow
@pytest.mark.parametrize("is_new", [True, False], ids=["zip", "before torch 1.6"])
def test_both_formats_of_torch_are_read_with_what_authors_keep_beside_the_weights(
    tmp_path, weights, colours, is_new
):
    path, beside = tmp_path / "given.pth", argparse.Namespace(lr=5e-4, cfg="supernet.yaml", gp=True)
    torch.save(
        {"state_dict": weights, "epoch": 500, "args": beside, "optimizer": {"state": {0: {"step": 3}}}},
        path,
        _use_new_zipfile_serialization=is_new,
    )
    write_published(path, tmp_path / "kept.pt", ABOUT, colours)
    stored = read_weights(tmp_path / "kept.pt")
    assert asdict(stored.about) == asdict(ABOUT)
    assert stored.about.is_finished
    expected = weights["first_conv.conv.weight"]
    assert torch.equal(stored.weights["shared.stem/0/weight"], expected)


@pytest.mark.slow
def test_an_imported_file_that_changed_later_is_refused(tmp_path, weights, colours):
    path, kept = tmp_path / "given.pth", tmp_path / "kept.pt"
    torch.save({"state_dict": weights}, path)
    write_published(path, kept, ABOUT, colours)
    content = torch.load(kept, weights_only=True)
    content["weights"]["shared.stem/0/weight"] += 1
    torch.save(content, kept)
    with pytest.raises(NavarchError, match="its content has changed: the digest inside is another"):
        read_weights(kept)


@pytest.mark.slow
def test_single_path_weights_read_red_first_once_they_are_imported(tmp_path, colours):
    from dataclasses import replace

    widths = (4, 8, 12, 16, 20, 24)
    sizes = dict(zip(("stem", "stage_1", "stage_2", "stage_3", "stage_4", "head"), widths, strict=True))
    given, path = spos_weights(widths, 5), tmp_path / "checkpoint-150000.pth.tar"
    torch.save({"state_dict": given}, path, _use_new_zipfile_serialization=False)
    about = replace(ABOUT, space="spos-shufflenetv2", skeleton=sizes)
    write_published(path, tmp_path / "kept.pt", about, colours)
    kept = read_weights(tmp_path / "kept.pt").weights["shared.stem/0/weight"]
    assert torch.equal(kept[:, [2, 1, 0]], given["module.first_conv.0.weight"])


@pytest.fixture(scope="module")
def photos(shared_file):
    """Real images of twenty classes."""
    path = shared_file("data/tinyimagenet64_20_jpeg.npz")
    return prepare_task(str(path), Training(images=60))


def test_images_that_published_weights_cannot_label_are_refused_before_anything_is_read(tmp_path, colours):
    space, missing = get_space("ofa-mobilenetv3"), tmp_path / "no.pth"
    with pytest.raises(
        NavarchError, match=r"read colour images of 3 channels, and those of task 'digits' have 1"
    ):
        import_supernet(missing, tmp_path / "a.pt", space, get_task("digits"))
    with pytest.raises(NavarchError, match=r"'.*no\.pth' cannot be read: No such file"):
        import_supernet(missing, tmp_path / "a.pt", space, colours)
    with pytest.raises(NavarchError, match="is no file of weights"):
        import_supernet(tmp_path, tmp_path / "a.pt", space, colours)
    with pytest.raises(NavarchError, match="no published checkpoint of a supernet of 'nas-bench-201'"):
        import_supernet(missing, tmp_path / "a.pt", get_space("nas-bench-201"), colours)
    with pytest.raises(NavarchError, match="is there already"):
        import_supernet(missing, tmp_path, space, colours)
    with pytest.raises(NavarchError, match="There is no folder"):
        import_supernet(missing, tmp_path / "gone" / "a.pt", space, colours)
    with pytest.raises(NavarchError, match="has no images to train on"):
        import_supernet(missing, tmp_path / "a.pt", space, get_task("ofa-imagenet"))


@pytest.mark.slow
@pytest.mark.parametrize("space", ["ofa-mobilenetv3", "spos-shufflenetv2", "autoformer-tiny"])
def test_an_imported_supernet_measures_sub_networks_on_real_images(tmp_path, photos, space):
    from navarch.evaluation import SupernetEvaluator, find_supernet

    small = (16, 24, 32, 48, 64, 96)
    made = {
        "ofa-mobilenetv3": (lambda: ofa_weights(25, 20), SMALL, 64),
        "spos-shufflenetv2": (
            lambda: spos_weights(small, 20),
            dict(zip(("stem", "stage_1", "stage_2", "stage_3", "stage_4", "head"), small, strict=True)),
            64,
        ),
        "autoformer-tiny": (
            lambda: autoformer_weights(head_dim=16, side=64, classes=20),
            {"head_dim": 16},
            64,
        ),
    }
    weights, sizes, side = made[space]
    torch.save({"model": weights()}, tmp_path / "given.pth")
    kept = tmp_path / "kept.pt"
    import_supernet(tmp_path / "given.pth", kept, get_space(space), photos, skeleton=sizes, resolution=side)
    assert read_weights(kept).about.origin.startswith("given.pth, sha256 ")
    file = find_supernet(kept, get_space(space))
    with SupernetEvaluator(file, get_space(space), images=60, device="cpu", timeout_s=240) as evaluator:
        import random

        architecture = get_space(space).sample(random.Random(0))
        fidelity = evaluator.task.fidelity(space)
        outcome = evaluator.evaluate(architecture, fidelity, 0)
    assert outcome.state == "complete", outcome.detail
    assert 0 <= outcome.objectives["val_accuracy"] <= 100


@pytest.mark.slow
def test_a_spoilt_file_is_one_sentence_from_the_process_that_reads_it(tmp_path, photos, weights):
    sentinel, path = tmp_path / "ran", tmp_path / "spoilt.pth"
    beside(path, weights, sentinel)
    with pytest.raises(NavarchError, match=r"it names code \(\S*open\), and only numbers are read\.$"):
        import_supernet(path, tmp_path / "kept.pt", get_space("ofa-mobilenetv3"), photos)
    assert not sentinel.exists()
    assert not (tmp_path / "kept.pt").exists()


@pytest.mark.parametrize(
    ("name", "first", "sentence"),
    [
        ("n{:08}", 0, "no.pth' cannot be read"),
        ("{}", 0, "no.pth' cannot be read"),
        ("kind {}", 0, "has a class 'kind 0': name the folders"),
        ("n{:08}", 500, "begin with 'n00000500', 'n00000501': sort them"),
        ("{}", 500, "has a class '500': name the folders"),
    ],
)
def test_a_thousand_classes_must_stand_in_imagenet_s_order(tmp_path, monkeypatch, name, first, sentence):
    import numpy as np

    monkeypatch.setenv("NAVARCH_DATA", str(tmp_path / "data"))
    labels, pixels = np.arange(1000), np.zeros((1000, 4, 4, 3), dtype=np.uint8)
    names = np.array([name.format((first + number) % 1000) for number in range(1000)])
    arrays = {"x_train": pixels, "y_train": labels, "x_val": pixels, "y_val": labels, "classes": names}
    np.savez(tmp_path / "thousand.npz", **arrays)
    task = prepare_task(str(tmp_path / "thousand.npz"), Training())
    with pytest.raises(NavarchError, match=sentence):
        import_supernet(tmp_path / "no.pth", tmp_path / "a.pt", get_space("ofa-mobilenetv3"), task)
