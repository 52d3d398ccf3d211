"""The embedded task: its images are real, its splits disjoint, its bytes the same everywhere."""

import hashlib

import pytest
import torch

from navarch.evaluation.digits import CLASSES, DATA_DIGEST, RECIPE, load_sources, make_split, split_sources

DIGESTS = {
    "train": "4be6c46a0a36d3d4089492e88423dc2796a55bb780ab0056c88bb61cd4f1561a",
    "val": "ad51f90b6b51aaef056579a1b18b9b0da43db0ba63b155c7ade4e933eef5c6fe",
    "test": "72fe0d059273cdba953a709fbda666e5cc3a776c3a389e860f4560812ffc9a2c",
}


def test_the_packaged_images_are_those_of_scikit_learn():
    reference = pytest.importorskip("sklearn.datasets").load_digits()
    sources = load_sources()
    assert [label for _, label in sources] == reference.target.tolist()
    assert [list(pixels) for pixels, _ in sources] == reference.data.astype(int).tolist()


def test_no_source_image_is_in_two_splits_and_each_is_in_one():
    parts = split_sources()
    assert sorted(index for part in parts.values() for index in part) == list(range(1797))


def test_train_and_validation_hold_equally_many_images_of_every_class():
    sources = load_sources()
    for split, wanted in (("train", RECIPE.train_sources), ("val", RECIPE.val_sources)):
        labels = [sources[index][1] for index in split_sources()[split]]
        assert [labels.count(digit) for digit in range(CLASSES)] == [wanted] * CLASSES


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_derived_images_are_the_same_bytes_everywhere(split):
    images, labels = make_split(split)
    digest = hashlib.sha256(bytes(images.flatten().tolist()) + bytes(labels.tolist())).hexdigest()
    assert digest == DIGESTS[split]


def test_the_digest_of_the_data_is_of_all_three_splits():
    whole = hashlib.sha256()
    for split in ("train", "val", "test"):
        images, labels = make_split(split)
        whole.update(bytes(images.flatten().tolist()) + bytes(labels.tolist()))
    assert whole.hexdigest()[:16] == DATA_DIGEST


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_derived_images_have_the_shape_and_size_that_the_task_says(digits, split):
    images, labels = make_split(split)
    size = {"train": digits.train_size, "val": digits.val_size, "test": digits.test_size}[split]
    assert images.shape == (size, digits.in_channels, digits.resolution, digits.resolution)
    assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
    assert sorted(set(labels.tolist())) == list(range(digits.classes))


def test_the_validation_split_is_large_enough_to_keep_its_noise_small(digits):
    assert digits.val_size >= 1_000
