"""How well do zero-cost proxies rank the cells of NAS-Bench-201, and what does one cost, beside parameters and MACs?

Random cells in the published skeleton, batch 64, seed 42, torch's default initialisation (zen: Gaussian), one thread.
The images are CIFAR-10's, where a file with them is given, else Gaussian noise. A proxy without a finite figure ranks
its cell last. Rows "published" run the network as the proxies' reference code does (`proxies/published.py`).

Run: .venv/bin/python benchmarks/proxies.py nb201.csv.gz --images cifar10_jpeg.npz [--cells 100]
"""

import argparse
import io
import json
import random
import statistics
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from classical import Table
from task_ranking import kendall, percentile, spearman

from navarch.evaluation.proxies.measure import score_architecture, score_network
from navarch.evaluation.proxies.names import FIGURES, PROXIES
from navarch.evaluation.proxies.published import run_as_published
from navarch.evaluation.proxies.ranking import az_nas_scores
from navarch.evaluation.proxies.sample import Sample, image_sample, random_sample
from navarch.evaluation.proxies.scores import Scores
from navarch.evaluation.proxies.synflow import synflow
from navarch.spaces import Architecture

CLASSES = 10
DECODED = 1_000  # training images: the batches are drawn from them, mean and deviation measured
RESAMPLES = 1_000
FEWEST = 10
AS_PUBLISHED = ("naswot", "zen", "meco")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description="Rank correlation of zero-cost proxies on NAS-Bench-201.")
    parser.add_argument("table", type=Path, help="the published table")
    parser.add_argument(
        "--images", type=Path, help="CIFAR-10 as JPEG streams (.npz); default: Gaussian noise"
    )
    parser.add_argument("--cells", type=int, default=100, help="random cells (default: 100)")
    parser.add_argument("--draw", type=int, default=7, help="seed of the random cells (default: 7)")
    parser.add_argument("--batch", type=int, default=64, help="images in a batch (default: 64)")
    parser.add_argument("--json", action="store_true", help="write all numbers as JSON")
    arguments = parser.parse_args()
    if arguments.cells < FEWEST:
        parser.error(f"--cells is {arguments.cells}: a correlation of fewer than {FEWEST} says nothing")
    torch.set_num_threads(1)
    sample = read_sample(arguments.images, arguments.batch)
    report = measure(Table(arguments.table, "cifar10"), sample, arguments.cells, arguments.draw)
    sys.stdout.write(json.dumps(report, indent=1) + "\n" if arguments.json else describe(report))


def read_sample(path: Path | None, batch: int) -> Sample:
    """Return the batches: of the first training images in the file, or noise without one."""
    if path is None:
        return random_sample((3, 32, 32), CLASSES, batch=batch)
    from PIL import Image

    with np.load(path) as file:
        stream, ends, labels = file["train_jpeg"].tobytes(), file["train_offsets"], file["y_train"]
    streams = (stream[start:end] for start, end in pairwise(ends[: DECODED + 1]))
    images = [np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in streams]
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return image_sample(pixels, torch.from_numpy(labels[:DECODED].astype(np.int64)), CLASSES, batch=batch)


def measure(table: Table, sample: Sample, cells: int, draw: int) -> dict[str, Any]:
    """Measure the proxies of the cells and correlate them with the table's accuracies after 200 epochs."""
    stream = random.Random(draw)
    drawn = list(dict.fromkeys(table.space.sample(stream) for _ in range(cells)))
    found: list[Scores] = []
    for number, cell in enumerate(drawn, start=1):
        found.append(_score(table, cell, sample))
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number} of {len(drawn)} cells" + "\n" * (number == len(drawn)))
    joined = az_nas_scores([scores.figures for scores in found])
    for scores, score in zip(found, joined, strict=True):
        scores.figures["az_nas"] = score
    val, test = ([table.scores(cell.values)[column] for cell in drawn] for column in (0, 1))
    return {
        "cells": len(drawn),
        "draw": draw,
        "batch": len(sample.first[1]),
        "rows": [_row(figure, proxy, found, val, test) for figure, proxy in _figures(found)],
        "scores": {table.space.code(cell): s.figures for cell, s in zip(drawn, found, strict=True)},
    }


def _score(table: Table, cell: Architecture, sample: Sample) -> Scores:
    scores = score_architecture(table.space, cell, sample, PROXIES)
    torch.manual_seed(sample.seed)
    network = table.space.build(cell, classes=CLASSES)
    kept = run_as_published(network)
    published = Scores({}, {}, {})
    score_network(network, sample, AS_PUBLISHED, into=published)
    started = time.process_time()
    published.figures["synflow"] = synflow(network, sample.shape, keep_norm=kept)
    published.seconds["synflow"] = time.process_time() - started
    scores.figures.update({f"{name}, published": value for name, value in published.figures.items()})
    scores.seconds.update({f"{name}, published": value for name, value in published.seconds.items()})
    return scores


def _figures(found: Sequence[Scores]) -> list[tuple[str, str]]:
    """Return every figure with the proxy whose time it took, in a fixed order."""
    rows = []
    for proxy in PROXIES:
        rows += [(figure, proxy) for figure in FIGURES[proxy]]
        if f"{proxy}, published" in found[0].seconds:
            rows.append((f"{proxy}, published", f"{proxy}, published"))
        if proxy == "az_nas":
            rows.append(("az_nas", proxy))
    return rows


def _row(
    figure: str, proxy: str, found: Sequence[Scores], val: Sequence[float], test: Sequence[float]
) -> dict[str, Any]:
    known = [scores.figures.get(figure) for scores in found]
    values = [float("-inf") if value is None else value for value in known]
    low, high = _interval(values, test)
    return {
        "figure": figure,
        "spearman_val": spearman(values, val),
        "spearman_test": spearman(values, test),
        "low": low,
        "high": high,
        "kendall_val": kendall(values, val),
        "kendall_test": kendall(values, test),
        "without": known.count(None),
        "ms": 1000 * statistics.median(scores.seconds[proxy] for scores in found),
    }


def _interval(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of Spearman's correlation over the cells."""
    stream = random.Random(0)
    resampled = []
    for _ in range(RESAMPLES):
        drawn = stream.choices(range(len(first)), k=len(first))
        resampled.append(spearman([first[place] for place in drawn], [second[place] for place in drawn]))
    resampled.sort()
    return percentile(resampled, 0.025), percentile(resampled, 0.975)


def describe(report: dict[str, Any]) -> str:
    """Return the report as text."""
    lines = [
        f"{report['cells']} cells, batch {report['batch']}; accuracies of CIFAR-10 after 200 epochs",
        "figure              rho val  rho test  [95 % interval]  tau val  tau test  without  ms median",
    ]
    lines += [
        "{figure:18s}  {spearman_val:7.3f}  {spearman_test:8.3f}  [{low:5.2f}, {high:5.2f}]   "
        "{kendall_val:7.3f}  {kendall_test:8.3f}  {without:7d}  {ms:9.1f}".format(**row)
        for row in report["rows"]
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
