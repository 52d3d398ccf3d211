"""`navarch supernet train`, `import` and `show`: weights that all architectures of a space share."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from navarch import NavarchError
from navarch.cli.echo import echo, echo_json
from navarch.cli.options import AsJson
from navarch.cli.wording import duration
from navarch.graph.counting import counted

if TYPE_CHECKING:
    from navarch.evaluation.supernet.train import OnEpoch

_OF_TRAINING = ("epochs", "done", "seed", "sampling", "batch_size", "peak_lr")
Output = Annotated[Path, typer.Option("-o", "--output", help="The file for the weights.", show_default=False)]
Sizes = Annotated[
    list[str] | None,
    typer.Option(
        "--skeleton",
        metavar="NAME=SIZE",
        help="A size of the networks, repeatable. Default: the task's, else the published ones.",
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(no_args_is_help=True, help="Train weights that a whole space shares, or import them.")
    group.command(epilog="Example: navarch supernet train -o cells.pt --epochs 60")(train)
    group.command(
        name="import",
        epilog="Example: navarch supernet import supernet-tiny.pth --space autoformer-tiny --task imagenet -o tiny.pt",
    )(import_file)
    group.command(epilog="Example: navarch supernet show cells.pt")(show)
    app.add_typer(group, name="supernet")


def train(
    output: Output,
    space: Annotated[str, typer.Option(help="A search space that has a supernet.")] = "nas-bench-201",
    task: Annotated[str, typer.Option(help="A task with images, see `navarch tasks`.")] = "digits",
    recipe: Annotated[
        str | None,
        typer.Option(help="A published recipe: autoformer, ... Default: the task's.", show_default=False),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=100_000, help="Of all phases together.")] = 60,
    sampling: Annotated[
        Literal["uniform", "flops"], typer.Option(help="Paths: all alike, or all sizes (MACs) alike.")
    ] = "uniform",
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of weights, order and paths.")] = 0,
    skeleton: Sizes = None,
    resolution: Annotated[
        int | None,
        typer.Option(
            min=1, max=4096, help="Bring images to this side. Default: the task's.", show_default=False
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=2, max=65_536, help="Images per step. Default: the recipe's.", show_default=False),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=1e-8,
            max=100,
            help="Peak learning rate. Default: the published one for this batch, else the recipe's.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="auto takes CUDA when present.")
    ] = "auto",
    timeout: Annotated[float, typer.Option(min=1, help="Hard deadline in seconds.")] = 86_400,
) -> None:
    """Train a supernet. The file is written after every epoch; the same command goes on where it stands."""
    from navarch.evaluation import Training, prepare_task
    from navarch.evaluation.placement import refuse_missing_cuda
    from navarch.evaluation.supernet.train import plan_training, train_supernet
    from navarch.spaces import get_space

    refuse_missing_cuda((device,))
    trained_on = prepare_task(task, Training(recipe))
    about = plan_training(
        output,
        get_space(space),
        trained_on,
        epochs=epochs,
        sampling=sampling,
        seed=seed,
        skeleton=_read_sizes(skeleton or []),
        resolution=resolution,
        batch_size=batch,
        peak_lr=rate,
    )
    start = f" from epoch {about.done + 1}" if about.done else ""
    echo(f"supernet of {space} on {task}, {counted(epochs, 'epoch')}{start}, {sampling} paths, seed {seed}")
    try:
        train_supernet(
            output, about, trained_on, device=device, timeout_s=timeout, on_epoch=_tell(epochs, about.done)
        )
    except KeyboardInterrupt:
        echo(f"left; {output} keeps the finished epochs, and the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    echo(f"trained {output}")
    _tell_use(space, output)


def import_file(
    file: Annotated[
        Path, typer.Argument(help="The published file of a supernet's weights.", show_default=False)
    ],
    output: Output,
    space: Annotated[str, typer.Option(help="The search space of the weights.", show_default=False)],
    task: Annotated[
        str, typer.Option(help="The images to measure on, of the file's classes.", show_default=False)
    ],
) -> None:
    """Import the weights that the authors of OFA, SPOS or AutoFormer publish.

    Every name and shape is checked; nothing in the file is run. Statistics of normalisations are not taken: they are
    estimated anew for every architecture.
    """
    from navarch.evaluation import Training, prepare_task
    from navarch.evaluation.supernet.importing import import_supernet
    from navarch.evaluation.supernet.weights import read_weights
    from navarch.spaces import get_space

    import_supernet(file, output, get_space(space), prepare_task(task, Training()))
    stored = read_weights(output)
    count = sum(value.numel() for value in stored.weights.values())
    echo(f"imported {output}: {count:,} parameters of {stored.about.origin}, digest {stored.digest[:16]}")
    _tell_use(space, output)


def _tell_use(space: str, output: Path) -> None:
    options = "" if space == "nas-bench-201" else f" --space {space}"
    echo(f"use it: navarch run{options} --evaluator supernet --set supernet.path={output}")


def show(
    file: Annotated[Path, typer.Argument(help="Weights that `train` or `import` left.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Check a supernet's weights against their digest, and say what they are of."""
    from navarch.evaluation.supernet.weights import read_weights

    stored = read_weights(file)
    count = sum(value.numel() for value in stored.weights.values())
    facts = {**asdict(stored.about), "parameters": count, "digest": stored.digest}
    if as_json:
        echo_json(facts)
        return
    for name in _OF_TRAINING if stored.about.origin else ("origin",):
        del facts[name]
    facts["skeleton"] = (
        ", ".join(f"{name}={size}" for name, size in facts["skeleton"].items()) or "as published"
    )
    facts["parameters"] = f"{count:,}"
    for name, value in facts.items():
        echo(f"{name:<12} {value}")


def _tell(epochs: int, done: int) -> "OnEpoch":
    def tell(end: Mapping[str, Any]) -> None:
        each = end["seconds"] / (end["epoch"] - done)
        rest = (epochs - end["epoch"]) * each
        left = f", about {duration(rest)} left" if end["epoch"] < epochs else ""
        echo(
            f"epoch {end['epoch']}/{epochs}  loss {end['loss']:.3f}  "
            f"paths label {end['train_accuracy']:.2f} % of the training images; {each:.1f} s an epoch{left}"
        )

    return tell


def _read_sizes(texts: list[str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for text in texts:
        name, separator, size = text.partition("=")
        if not separator or not size.strip().isdecimal():
            raise NavarchError(f"--skeleton {text!r}: write NAME=SIZE with a whole number, such as width=8")
        sizes[name.strip()] = int(size)
    return sizes
