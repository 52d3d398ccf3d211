"""Settings that mean the same files wherever a run goes on."""

from os.path import isfile
from pathlib import Path

from navarch.evaluation.images.finding import is_image_path
from navarch.graph.settings import Settings


def with_absolute_paths(settings: Settings) -> Settings:
    """Return settings that mean the same files when the run is resumed from another folder."""
    table, own = settings.table, settings.callable
    given = {name: path for name in ("path", "latency") if (path := getattr(table, name)) is not None}
    # What is no file is the name of imported data.
    table = table.model_copy(
        update={name: path.absolute() if isfile(path) else path for name, path in given.items()}
    )
    own = own.model_copy(update={"folder": own.folder.absolute()})
    prompts = settings.prompts.absolute() if settings.prompts is not None else None
    space = str(Path(settings.space).absolute()) if settings.space.endswith(".toml") else settings.space
    task = settings.task
    if settings.evaluator == "train" and task is not None and is_image_path(task):
        task = str(Path(task).expanduser().absolute())
    update = {"prompts": prompts, "table": table, "callable": own, "space": space, "task": task}
    return settings.model_copy(update=update)


def moved(settings: Settings, db: Path, prompts: Path | None, base_url: str | None) -> Settings:
    """Return settings of a run that goes on in another place; what is None stays."""
    changes: dict[str, object] = {"db": db}
    if prompts is not None:
        changes["prompts"] = prompts.absolute()
    if base_url is not None:
        changes["server"] = settings.server.model_copy(update={"base_url": base_url})
    return settings.model_copy(update=changes)
