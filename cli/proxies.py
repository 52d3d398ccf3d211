"""`navarch proxies`: what untrained networks of a few architectures say of how well they would train."""

from typing import TYPE_CHECKING, Annotated

import typer

from navarch import NavarchError
from navarch.cli.architectures import Reading, read_architecture
from navarch.cli.costs import Setting
from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.options import AsJson
from navarch.cli.spaces import Channels, Classes, Name, Side, Skeleton

if TYPE_CHECKING:
    from navarch.evaluation.proxies.sample import Sample
    from navarch.evaluation.proxies.scores import Scores
    from navarch.evaluation.task import Task

_DEFAULT_TASK = "digits"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: navarch proxies nas-bench-201 333132 333133 --proxy synflow --proxy naswot")(
        proxies
    )


def proxies(
    name: Name,
    architectures: Annotated[
        list[str],
        typer.Argument(metavar="ARCH", help="Codes, published encodings or JSON.", show_default=False),
    ],
    wanted: Annotated[
        list[str] | None,
        typer.Option("--proxy", help="A proxy to measure; repeat it. Default: all.", show_default=False),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="Take images and sizes of this task. Default: digits, where it knows the space, else noise.",
            show_default=False,
        ),
    ] = None,
    noise: Annotated[
        bool, typer.Option("--noise", help="Take Gaussian noise of the published size for images.")
    ] = False,
    batch: Annotated[int, typer.Option("--batch", help="Images in a batch; two are drawn.", max=1024)] = 64,
    seed: Annotated[
        int, typer.Option("--seed", help="Seed of images and weights.", min=0, max=2**63 - 1)
    ] = 42,
    double: Annotated[bool, typer.Option("--float64", help="Compute in double precision.")] = False,
    classes: Classes = None,
    side: Side = None,
    channels: Channels = None,
    skeleton: Skeleton = None,
    as_json: AsJson = False,
) -> None:
    """Measure zero-cost proxies of architectures, and the processor time of each; nothing is trained.

    The sizes of the input are for --noise. More is better in every proxy; az_nas joins ranks among the architectures.
    """
    from navarch.evaluation import Training, prepare_task
    from navarch.evaluation.proxies.names import PROXIES, check_names
    from navarch.spaces import get_space

    space, setting = get_space(name), Setting.checked(classes, side, channels, skeleton or ())
    names = check_names(wanted or PROXIES)
    readings = [read_architecture(space, text.strip()) for text in architectures]
    if noise and task is not None:
        raise NavarchError("--noise and --task exclude each other: take the images of a task, or noise")
    known = prepare_task(task or _DEFAULT_TASK, Training())
    source = None if noise or (task is None and space.name not in known.default_fidelity) else known
    if source is None:
        setting.probe(space)
    elif (classes, side, channels) != (None, None, None):
        raise NavarchError(
            f"--classes, --input and --channels are for noise; task {source.name!r} has its own: add --noise"
        )
    measure = _Measure(source, setting, batch, seed, double)
    found = [measure.score(reading, names) for reading in readings]
    codes = [reading.space.code(reading.architecture) for reading in readings]
    if as_json:
        echo_json([{"code": code, **scores.to_dict()} for code, scores in zip(codes, found, strict=True)])
    else:
        _show(codes, found, names)


class _Measure:
    """Score architectures on one sample; of noise there is one for each size of image. One thread, as a trial has."""

    def __init__(self, task: "Task | None", setting: Setting, batch: int, seed: int, double: bool) -> None:
        import torch

        from navarch.evaluation.proxies.sample import task_sample

        torch.set_num_threads(1)
        self._task, self._setting, self._batch, self._seed = task, setting, batch, seed
        self._dtype = torch.float64 if double else torch.float32
        self._images = None if task is None else task_sample(task, batch=batch, seed=seed, dtype=self._dtype)
        self._noise: dict[tuple[int, int], Sample] = {}

    def score(self, reading: Reading, names: tuple[str, ...]) -> "Scores":
        """Return the scores of one architecture."""
        from navarch.evaluation.proxies.measure import score_architecture

        space, architecture, _ = reading
        own = {} if self._task is None else self._task.fidelity(space.name).skeleton
        skeleton = {**own, **dict(self._setting.skeleton)} or None
        sample = self._images or self._draw(reading)
        return score_architecture(space, architecture, sample, names, skeleton=skeleton)

    def _draw(self, reading: Reading) -> "Sample":
        """Return noise of the size that an architecture reads."""
        from navarch.evaluation.proxies.sample import random_sample

        space, architecture, own_side = reading
        sizes = self._setting.sizes(space, own_side)
        side = space.input_side(architecture, sizes["resolution"] or space.input.resolution)
        key = (sizes["in_channels"], side)
        if key not in self._noise:
            shape = (sizes["in_channels"], side, side)
            self._noise[key] = random_sample(
                shape, sizes["classes"], batch=self._batch, seed=self._seed, dtype=self._dtype
            )
        return self._noise[key]


def _show(codes: list[str], found: "list[Scores]", names: tuple[str, ...]) -> None:
    """Print one line a figure, one column an architecture, and why figures are missing."""
    from navarch.evaluation.proxies.names import FIGURES
    from navarch.evaluation.proxies.ranking import AZ_NAS, az_nas_scores

    def mean_ms(name: str) -> str:
        return f"{1000 * sum(scores.seconds.get(name, 0.0) for scores in found) / len(found):.1f}"

    rows = []
    for name in names:
        for figure in FIGURES[name]:
            values = [scores.figures.get(figure) for scores in found]
            shown = ["-" if value is None else f"{value:.7g}" for value in values]
            rows.append([figure, *shown, mean_ms(name)])
    if len(found) > 1 and all(any(figure in FIGURES[name] for name in names) for figure in AZ_NAS):
        joined = az_nas_scores([scores.figures for scores in found])
        rows.append(["az_nas", *(f"{score:.7g}" for score in joined), "-"])
    total = [f"{sum(scores.seconds.values()):.2f}" for scores in found]
    echo_columns(("proxy", *codes, "ms, mean"), rows)
    echo(f"seconds for each architecture: {', '.join(total)}")
    for code, scores in zip(codes, found, strict=True):
        for name, reason in scores.reasons.items():
            echo(f"{code}: no {name}: {reason}")
