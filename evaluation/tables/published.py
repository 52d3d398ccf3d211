"""The published tables that Navarch knows, as data: what was measured, and where the file holds it.

Only metrics that are an accuracy in percent are here: an outcome knows no other. Of TransNAS-Bench-101's seven tasks
that leaves out room layout (negative loss), segmentation (mIoU), normals and autoencoding (SSIM).
"""

from dataclasses import dataclass, replace

from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.tables.reading import Columns


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A task whose results stand in a benchmark's file, one row for every architecture of the space.

    sizes: images for training, validation and test. fidelity: the highest, that of `columns`; `columns.lower` holds
    what the file may have of fewer epochs. seconds_scale: what makes a number of the seconds column the training time
    of one epoch.
    """

    task: str
    title: str
    space: str
    file: str
    classes: int
    resolution: int
    sizes: tuple[int, int, int]
    fidelity: Fidelity
    columns: Columns
    seconds_scale: float = 1.0

    @property
    def fidelities(self) -> tuple[Fidelity, ...]:
        """Return every fidelity that the benchmark measured, fewest epochs first."""
        lower = (replace(self.fidelity, epochs=epochs) for epochs, _ in self.columns.lower)
        return (*lower, self.fidelity)


def _nas_bench_201(
    data: str, title: str, prefix: str, classes: int, side: int, sizes: tuple[int, int, int], slowdown: float
) -> PublishedTable:
    """Describe a data set of NAS-Bench-201; slowdown: seconds of its epoch over those of the column."""
    return PublishedTable(
        task=f"nb201-{data}",
        title=f"{title} (NAS-Bench-201 table)",
        space="nas-bench-201",
        file="nb201.csv.gz",
        classes=classes,
        resolution=side,
        sizes=sizes,
        fidelity=Fidelity(200, {"width": 16, "cells": 5}),
        columns=Columns(
            "arch",
            f"{prefix}_val_200",
            f"{prefix}_test_200",
            "c10_sec_per_epoch_est",
            ((12, f"{prefix}_val_12"),),
        ),
        seconds_scale=slowdown,
    )


def _transnas(
    level: str, data: str, title: str, column: str, classes: int, side: int, epochs: int
) -> PublishedTable:
    """Describe a task of TransNAS-Bench-101; the file holds the validation metric alone."""
    return PublishedTable(
        task=f"tnb101-{level}-{data}",
        title=f"{title} (TransNAS-Bench-101 table, validation only)",
        space=f"transnas-{level}",
        file=f"tnb101_{level}.csv.gz",
        classes=classes,
        resolution=side,
        sizes=(80_000, 20_000, 20_000),
        fidelity=Fidelity(epochs),
        columns=Columns("arch", column),
    )


def _transnas_level(level: str) -> tuple[PublishedTable, ...]:
    return (
        _transnas(level, "object", "Object classes", "class_object_valid", 75, 224, 25),
        _transnas(level, "scene", "Scene classes", "class_scene_valid", 47, 224, 25),
        # One tile of 64 pixels: nine of them share the encoder.
        _transnas(level, "jigsaw", "Jigsaw permutations", "jigsaw_valid", 1000, 64, 10),
    )


PUBLISHED: dict[str, PublishedTable] = {
    table.task: table
    for table in (
        # The published validation results of CIFAR-10 come from training on 25,000 images: half an epoch's time.
        _nas_bench_201("cifar10", "CIFAR-10", "c10", 10, 32, (25_000, 25_000, 10_000), 0.5),
        _nas_bench_201("cifar100", "CIFAR-100", "c100", 100, 32, (50_000, 5_000, 5_000), 1.0),
        _nas_bench_201("imagenet16-120", "ImageNet16-120", "in16", 120, 16, (151_700, 3_000, 3_000), 3.034),
        *_transnas_level("micro"),
        *_transnas_level("macro"),
        # Networks were trained on all training images and measured on the test images: there is no other split, so
        # the mean of the three runs is what the search sees, and no sealed score is left.
        PublishedTable(
            task="nas-bench-macro",
            title="CIFAR-10 (NAS-Bench-Macro table, mean test accuracy)",
            space="nas-bench-macro",
            file="nasbench_macro.csv.gz",
            classes=10,
            resolution=32,
            sizes=(50_000, 10_000, 0),
            fidelity=Fidelity(50),
            columns=Columns("arch", "mean_acc"),
        ),
    )
}
