"""`navarch data import`, `download`, `list`, `remove`: tables of results and images, kept for later runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from navarch.cli.echo import echo, echo_columns, echo_json
from navarch.cli.options import AsJson

if TYPE_CHECKING:
    from navarch.evaluation.images.kept import ImageSet
    from navarch.evaluation.tables.folder import DataFolder, Stored

Column = Annotated[str | None, typer.Option(help="Its column in a table of your own.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(no_args_is_help=True, help="Import tables of results and images; Navarch ships none.")
    group.command(name="import", epilog="Example: navarch data import nb201.csv.gz")(import_file)
    group.command(name="download", epilog="Example: navarch data download cifar10")(download)
    group.command(name="list", epilog="Example: navarch data list --json")(list_data)
    group.command(name="remove", epilog="Example: navarch data remove nas-bench-201")(remove)
    app.add_typer(group, name="data")


def import_file(
    file: Annotated[
        Path, typer.Argument(help="A file, or the folder of official records.", show_default=False)
    ],
    space: Annotated[
        str | None,
        typer.Option(help="Whose architectures it holds: a name, or a .toml file.", show_default=False),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The name to keep it under.", show_default=False)] = None,
    task: Annotated[
        str | None, typer.Option(help="The one published task that a CSV is to serve.", show_default=False)
    ] = None,
    architecture: Column = None,
    val: Column = None,
    test: Column = None,
    seconds: Column = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="It holds latencies in ms, one column a device.")
    ] = False,
    side: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1024,
            help="It is a folder of images of any size: cut squares of so many pixels.",
            show_default=False,
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="With --side: keep so many images to train and to validate, at most.",
            show_default=False,
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Other data of this name may go.")] = False,
) -> None:
    """Import a file: recognise it, check every row, keep it with a checksum.

    Read are the CSVs of published benchmarks, the official files of NAS-Bench-201 and NATS-Bench, latencies,
    Once-for-All's predictor, and a table of your own (CSV or Parquet) with its --space; an .npz file of the
    images of a published set, with its --name; and a folder of images of any size, with --side and a --name.
    """
    from navarch.evaluation.images.published import PUBLISHED_IMAGES
    from navarch.evaluation.tables.folder import DataFolder
    from navarch.evaluation.tables.importing import import_data
    from navarch.evaluation.tables.own import ColumnNames
    from navarch.spaces import get_space

    of_tables = [space, task, architecture, val, test, seconds, latency or None]
    if side is not None or images is not None:
        _refuse_for_images(of_tables)
        _import_folder(file, name, side, images, replace=replace)
        return
    if name in PUBLISHED_IMAGES:
        from navarch.evaluation.images.finding import import_images

        _refuse_for_images(of_tables)
        _tell_images(import_images(file, name))
        return
    stored = import_data(
        file,
        DataFolder(),
        space=None if space is None else get_space(space),
        name=name,
        task=task,
        names=ColumnNames(architecture, val, test, seconds),
        is_latency=latency,
        replace=replace,
        tell=lambda count: echo(f"{count:,} records read"),
    )
    echo(f"imported {stored.name}: {_what(stored)}, from {stored.source}")
    if stored.kind == "benchmark" and stored.is_partial:
        echo(
            "the records are not the whole benchmark: a trial of an architecture without one fails as invalid"
        )
    if stored.kind == "latency":
        echo(f"devices: {', '.join(stored.columns[1:])}")
    echo(f"use it: {_how(stored, space)}")


def _refuse_for_images(of_tables: Sequence[object]) -> None:
    from navarch import NavarchError

    if any(value is not None for value in of_tables):
        raise NavarchError(
            "these are images: --space, --task, --latency and the columns are those of tables; leave them out"
        )


def _import_folder(
    folder: Path, name: str | None, side: int | None, images: int | None, *, replace: bool
) -> None:
    from navarch import NavarchError
    from navarch.evaluation.images.finding import import_folder

    if name is None or side is None:
        raise NavarchError("a folder of images needs a --side in pixels, and a --name to keep them under")
    told = f"{folder}: {{:,}} images read"
    kept = import_folder(
        folder, name, side=side, images=images, replace=replace, tell=lambda count: echo(told.format(count))
    )
    _tell_images(kept)


def download(
    name: Annotated[str, typer.Argument(help="A set of images of `navarch tasks`.", show_default=False)],
) -> None:
    """Download a published set of images through torchvision, check it, and keep it.

    Nothing else in Navarch downloads images.
    """
    from navarch import NavarchError
    from navarch.evaluation.images.finding import find_images
    from navarch.evaluation.images.published import PUBLISHED_IMAGES

    known = [each for each, images in PUBLISHED_IMAGES.items() if images.loader is not None]
    if name not in known:
        raise NavarchError(f"no images {name!r} can be downloaded: use one of {', '.join(known)}")
    _tell_images(find_images(name, download=True))


def list_data(as_json: AsJson = False) -> None:
    """List what was imported, kept images among it, and whether it is still what was imported."""
    from navarch.evaluation.images.finding import kept_sets, unfinished_folders
    from navarch.evaluation.tables.folder import DataFolder

    folder = DataFolder()
    rows = [
        *(_facts(folder, stored) for stored in folder.stored()),
        *(_image_facts(images) for images in kept_sets()),
        *(_unfinished_facts(unfinished) for unfinished in unfinished_folders()),
    ]
    if as_json:
        echo_json(rows)
    elif not rows:
        echo(f"nothing was imported into {folder.path}; see navarch data import --help")
    else:
        shown = ("name", "kind", "space", "rows", "state", "source")
        echo_columns(shown, [[row[key] for key in shown] for row in rows])


def remove(
    name: Annotated[str, typer.Argument(help="A name of `navarch data list`.", show_default=False)],
) -> None:
    """Remove what was imported under a name, or kept images."""
    from navarch.evaluation.images.finding import kept_sets, unfinished_folders
    from navarch.evaluation.images.kept import remove_images
    from navarch.evaluation.tables.folder import DataFolder

    folder = DataFolder()
    if folder.find(name) is None:
        what = {
            Path(kept.folder): f"{sum(kept.counts.values()):,} images, {kept.title}" for kept in kept_sets()
        }
        what |= dict.fromkeys(unfinished_folders(), "images that were not whole")
        place = next((place for place in what if place.name == name), None)
        if place is not None:
            remove_images(place)
            echo(f"removed {name}: {what[place]}")
            return
    stored = folder.remove(name)
    echo(f"removed {stored.name}: {_what(stored)}, from {stored.source}")


def _tell_images(images: "ImageSet") -> None:
    counts = ", ".join(f"{count:,} {split}" for split, count in images.counts.items())
    echo(f"kept {images.title}: {counts} images of {images.side} x {images.side} pixels in {images.folder}")
    echo(f"use it: navarch run --task {images.name}")


def _what(stored: "Stored") -> str:
    if not stored.rows:
        return f"{stored.kind} for {stored.space}"
    return f"{stored.rows:,} of {stored.total:,} architectures of {stored.space}"


def _how(stored: "Stored", space: str | None) -> str:
    if stored.tasks:
        from navarch.evaluation import get_task

        task = stored.tasks[0]
        has_one_space = len(get_task(task).default_fidelity) == 1
        return f"navarch run {'' if has_one_space else f'--space {stored.space} '}--task {task}"
    if stored.kind == "own":
        return f"navarch run --space {space or stored.space} --evaluator table --set table.path={stored.name}"
    return f"navarch run --space {space or stored.space} --set limits.device=DEVICE --set limits.max_latency_ms=N"


def _facts(folder: "DataFolder", stored: "Stored") -> dict[str, object]:
    return {
        "name": stored.name,
        "kind": stored.kind,
        "space": stored.space,
        "tasks": list(stored.tasks),
        "rows": stored.rows,
        "total": stored.total,
        "columns": list(stored.columns),
        "source": stored.source,
        "sha256": stored.sha256,
        "state": "intact" if folder.is_intact(stored) else "damaged: import it again",
        "file": str(folder.path / stored.file),
    }


def _image_facts(images: "ImageSet") -> dict[str, object]:
    from navarch.evaluation.images.finding import is_intact

    count = sum(images.counts.values())
    return {
        "name": Path(images.folder).name,
        "kind": "images",
        "space": "-",
        "tasks": [images.name],
        "rows": count,
        "total": count,
        "columns": [],
        "source": images.title,
        "sha256": images.digest,
        "state": "intact" if is_intact(images) else "damaged: import it again",
        "file": images.folder,
    }


def _unfinished_facts(folder: Path) -> dict[str, object]:
    return {
        "name": folder.name,
        "kind": "images",
        "space": "-",
        "tasks": [],
        "rows": 0,
        "total": 0,
        "columns": [],
        "source": "-",
        "sha256": None,
        "state": "not whole: being imported, or left by an import that was stopped",
        "file": str(folder),
    }
