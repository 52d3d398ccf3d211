"""How fast NAS-Bench-201 candidates are trained at 32x32, against a plain loop, in one run.

The reference trains the same candidates, one after the other, in one process with all threads: DataLoader, a random
crop and flip of each image, float32, contiguous, torch's SGD. Ours is the `train` evaluator as a search uses it, one
process a core, one thread each; --graphs, on CUDA, replays its steps as graphs. Both rounds are timed in turn, so that
other work on the machine meets both; without the start of Python and the imports, which a search pays once. Speed does
not depend on what the images show: they are noise, unless a task of real ones is named.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from navarch.evaluation import Fidelity, Job, Outcome, Task, TrainEvaluator, Training, prepare_task
from navarch.spaces import Architecture, get_space

SPACE = "nas-bench-201"
SIDE, CLASSES = 32, 10
SEARCH = 50  # candidates of the forecast
CIFAR_IMAGES, CIFAR_EPOCHS = 25_000, 12


@dataclass(frozen=True)
class Round:
    """Seconds of the clock, and of one core, that all candidates took together."""

    wall: float
    cpu: float
    accuracy: float  # mean over the candidates, validation, percent
    training: float = 1.0  # share of a candidate's seconds that grows with its images


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--candidates", type=int, default=4, help="cells drawn at random")
    parser.add_argument(
        "--images", type=int, default=1024, help="training images of each candidate, one epoch"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each kind, in turn")
    parser.add_argument("--task", help="a task of real images, 32x32 in colour; default: noise")
    parser.add_argument("--device", default="cpu", help="cpu, cuda")
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 1, help="candidates at once")
    parser.add_argument("--graphs", action="store_true", help="train.graphs, on CUDA")
    parser.add_argument("--threads", type=int, default=0, help="of the plain loop; 0: all")
    parser.add_argument(
        "--short", action="store_true", help="two candidates, 256 images, one round: whether it runs"
    )
    parser.add_argument(
        "--reference", help=argparse.SUPPRESS
    )  # the plain loop's own process: its job, as JSON
    options = parser.parse_args()
    if options.short:
        options.candidates, options.images, options.rounds = 2, 256, 1
    if options.reference is not None:
        tell(json.dumps(run_reference(json.loads(options.reference))))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("NAVARCH_DATA", folder)
        name = options.task or write_noise(Path(folder), options.images)
        task = prepare_task(name, Training(images=options.images, graphs=options.graphs))
        measure(options, task)


def measure(options: argparse.Namespace, task: Task) -> None:
    """Print both speeds, their ratio, and what they are of the machine's rate."""
    space, stream = get_space(SPACE), random.Random(0)
    chosen = [space.sample(stream) for _ in range(options.candidates)]
    macs = [  # of what is computed: without the edges that reach no output
        space.cost(space.canonical(arch), classes=task.classes, resolution=task.resolution).macs
        for arch in chosen
    ]
    tell(
        f"{options.candidates} cells of {min(macs) / 1e6:.0f} to {max(macs) / 1e6:.0f} M multiply-accumulates, "
        f"{task.train_size} images of {task.resolution} pixels, one epoch, {options.slots} at once, {options.device}"
        f"{', the step as a CUDA graph' if options.graphs else ''}"
    )
    tell(f"load average at the start {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    plain: list[Round] = []
    ours: list[Round] = []
    with TrainEvaluator(task, slots=options.slots, device=options.device, timeout_s=3600) as evaluator:
        train_ours(evaluator, chosen[:1])  # starts the server
        for number in range(1, options.rounds + 1):
            plain.append(train_plain(task, chosen, options.device, options.threads))
            ours.append(train_ours(evaluator, chosen))
            tell(f"round {number}: plain {plain[-1].wall:.1f} s, ours {ours[-1].wall:.1f} s")
    tell(f"load average at the end {os.getloadavg()[0]:.1f}")
    report(options, plain, ours, sum(macs) * (6 * task.train_size + 2 * task.val_size))


def report(options: argparse.Namespace, plain: list[Round], ours: list[Round], flops: float) -> None:
    """Print the table. flops: of all candidates, forward and backward."""
    ratios = [before.wall / after.wall for before, after in zip(plain, ours, strict=True)]
    tell("\n                            plain    ours   ratio (median, smallest, largest)")
    per_minute = [[60 * options.candidates / each.wall for each in rounds] for rounds in (plain, ours)]
    tell(
        f"candidates a minute        {statistics.median(per_minute[0]):6.2f}  {statistics.median(per_minute[1]):6.2f}"
        f"   {statistics.median(ratios):.2f}  {min(ratios):.2f}  {max(ratios):.2f}"
    )
    cores = [[each.cpu / options.candidates for each in rounds] for rounds in (plain, ours)]
    spent = [before / after for before, after in zip(*cores, strict=True)]
    tell(
        f"core seconds a candidate   {statistics.median(cores[0]):6.2f}  {statistics.median(cores[1]):6.2f}"
        f"   {statistics.median(spent):.2f}  {min(spent):.2f}  {max(spent):.2f}"
    )
    accuracy = [statistics.mean(each.accuracy for each in rounds) for rounds in (plain, ours)]
    tell(f"validation accuracy        {accuracy[0]:6.2f}  {accuracy[1]:6.2f}")
    rates = matrix_rates(options.device)
    is_cpu = options.device == "cpu"
    taken = [
        statistics.median([each.cpu if is_cpu else each.wall for each in rounds]) for rounds in (plain, ours)
    ]
    used = [flops / seconds / 1e9 for seconds in taken]
    unit = "a core" if is_cpu else "a device"
    for kind, rate in rates.items():
        tell(
            f"of the {kind} matrix rate   {used[0] / rate:6.1%}  {used[1] / rate:6.1%}   "
            f"({used[0]:.0f} and {used[1]:.0f} of {rate:.0f} GFLOP/s {unit})"
        )
    tell("seconds of compiling            0       0   (candidates 1 to n: nothing is compiled)")
    forecast(options, plain, ours)


def forecast(options: argparse.Namespace, plain: list[Round], ours: list[Round]) -> None:
    """Print what a search of 50 candidates would take on this machine: days of all that these rounds used of it."""
    more = CIFAR_IMAGES * CIFAR_EPOCHS / options.images
    days = [
        statistics.median(each.wall * (1 - each.training + each.training * more) for each in rounds)
        * SEARCH
        / options.candidates
        / 86_400
        for rounds in (plain, ours)
    ]
    unit = f"{options.device.upper().replace('CUDA', 'GPU')}-days"
    tell(
        f"{SEARCH} CIFAR-10 candidates    {days[0]:7.4f} {days[1]:7.4f}   {unit}, by proportion: "
        f"{CIFAR_EPOCHS} epochs of {CIFAR_IMAGES:,} images"
    )


def train_ours(evaluator: TrainEvaluator, chosen: list[Architecture]) -> Round:
    """Train all candidates as a search does."""
    outcomes: list[Outcome] = []
    jobs = [Job(str(number), arch, Fidelity(1), number) for number, arch in enumerate(chosen)]
    started = time.monotonic()
    evaluator.evaluate_many(
        jobs,
        on_start=lambda job: None,
        on_outcome=lambda job, outcome: outcomes.append(outcome),
        should_stop=lambda: False,
    )
    wall = time.monotonic() - started
    # A cell through which nothing flows is trained to its end like any other, and fails as diverged.
    failures = [outcome.detail for outcome in outcomes if outcome.state != "complete" and not outcome.curve]
    if failures:
        sys.exit(f"a candidate failed: {failures[0]}")
    return Round(
        wall,
        sum(outcome.cost.cpu_seconds for outcome in outcomes),
        statistics.mean(outcome.curve[-1].val_accuracy for outcome in outcomes),
        statistics.mean(outcome.cost.train_seconds / outcome.cost.seconds for outcome in outcomes),
    )


def train_plain(task: Task, chosen: list[Architecture], device: str, threads: int) -> Round:
    """Train all candidates in the plain loop, in a process of its own."""
    codes = [get_space(SPACE).code(arch) for arch in chosen]
    job = {"task": task.reference, "codes": codes, "device": device, "threads": threads}
    ended = subprocess.run(
        [sys.executable, __file__, "--reference", json.dumps(job)], capture_output=True, text=True, check=True
    )
    return Round(**json.loads(ended.stdout))


def run_reference(job: dict[str, Any]) -> dict[str, float]:
    """Train with what most people would write first."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    from navarch.evaluation import get_task
    from navarch.evaluation.task_data import load_search_data
    from navarch.evaluation.vision import import_torchvision

    if job["threads"]:
        torch.set_num_threads(job["threads"])
    transforms = import_torchvision("transforms.v2")
    data, device = load_search_data(get_task(job["task"])), torch.device(job["device"])
    to_float = [transforms.ToDtype(torch.float32, scale=True), transforms.Normalize([0.5] * 3, [0.25] * 3)]
    change = transforms.Compose(
        [transforms.RandomCrop(SIDE, padding=4), transforms.RandomHorizontalFlip(), *to_float]
    )

    class Images(Dataset[Any]):
        def __init__(self, images: torch.Tensor, labels: torch.Tensor, transform: Any) -> None:
            self.images, self.labels, self.transform = images, labels, transform

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, index: int) -> Any:
            return self.transform(self.images[index]), self.labels[index]

    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)  # imports what a long run imports once
    train_set = Images(data.train_images, data.train_labels, change)
    val_set = Images(data.val_images, data.val_labels, transforms.Compose(to_float))
    space, hits = get_space(SPACE), 0
    wall, cpu = time.monotonic(), time.process_time()
    for seed, code in enumerate(job["codes"]):
        torch.manual_seed(seed)
        network = space.build(space.parse(code), classes=CLASSES).to(device)
        optimizer = torch.optim.SGD(
            network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True
        )
        loader = DataLoader(train_set, batch_size=256, shuffle=True, drop_last=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, len(loader))
        network.train()
        for images, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images.to(device)), labels.to(device)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        network.eval()
        with torch.no_grad():
            for images, labels in DataLoader(val_set, batch_size=256):
                hits += int((network(images.to(device)).argmax(1).cpu() == labels).sum())
    accuracy = 100 * hits / (len(val_set) * len(job["codes"]))
    return {"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu, "accuracy": accuracy}


def matrix_rates(device: str) -> dict[str, float]:
    """Return the GFLOP/s of large products of matrices, by type: on a CPU of one core."""
    import torch

    torch.set_num_threads(1)
    size = 1024 if device == "cpu" else 8192
    clock = time.process_time if device == "cpu" else time.monotonic
    rates: dict[str, float] = {}
    for kind in (torch.float32, torch.bfloat16):
        a, b = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
        seconds = []
        for _ in range(8):
            started = clock()
            (a @ b).sum().item()
            seconds.append(clock() - started)
        rates[str(kind).removeprefix("torch.")] = 2 * size**3 / min(seconds) / 1e9
    return rates


def write_noise(folder: Path, images: int) -> str:
    """Write an `.npz` file of noise, enough for so many training images and as many to validate a tenth of."""
    import numpy as np

    stream = np.random.default_rng(0)
    count = images + images // 4 + CLASSES
    path = folder / "noise.npz"
    pixels = stream.integers(0, 256, (count, 3, SIDE, SIDE), dtype=np.uint8)
    np.savez(path, x_train=pixels, y_train=np.arange(count) % CLASSES)
    return str(path)


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
