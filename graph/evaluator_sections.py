"""The tables of the settings file that say how candidates are measured; every field says what it means."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from navarch import NavarchError
from navarch.evaluation.placement import device_names
from navarch.graph.sections import Section, listed


def _devices(value: object) -> tuple[str, ...]:
    """Return the names of devices. Raises: ValueError, as a validator must."""
    try:
        return device_names(value)
    except NavarchError as error:
        raise ValueError(str(error)) from None


def _slots(value: object) -> int | Literal["auto"]:
    """Return a number of slots, or "auto". Raises: ValueError."""
    if value == "auto":
        return "auto"
    if isinstance(value, str) and value.strip().isdecimal():  # from the environment
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 64:
        raise ValueError("give a number from 1 to 64, or auto")
    return value


TRAIN_SLOTS = 2
Devices = Annotated[tuple[str, ...], BeforeValidator(_devices)]
DEVICES = "auto (every CUDA device, else the CPU), cpu, cuda, or a list such as cuda:0,cuda:1"


class Train(Section):
    """The train evaluator."""

    slots: Annotated[int | Literal["auto"], PlainValidator(_slots)] = Field(
        default=TRAIN_SLOTS,
        description="trials at once on each device; auto: what measured memory and the cores allow",
    )
    device: Devices = Field(default=("auto",), description=DEVICES)
    timeout_s: float = Field(default=120, gt=0, description="hard deadline of one trial in seconds")
    silent_s: float = Field(
        default=1800,
        gt=0,
        description="a trial without a step for so many seconds is stopped and run again, once",
    )
    epochs: int | None = Field(default=None, ge=1, le=10_000, description="default: the task's own")
    recipe: str | None = Field(
        default=None, description="a published recipe: nb201-12, darts-cifar, ...; default: the task's own"
    )
    skeleton: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=dict,
        description="sizes of the network around the cells, such as { width = 8, cells = 1 }; default: the task's own",
    )
    images: int | None = Field(
        default=None,
        ge=2,
        description="use so many training images, and at most as many to validate; default: all",
    )
    val_share: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="share of the training images to validate on, where the task has none",
    )
    deterministic: bool = Field(
        default=False, description="the same bits on CUDA too, more slowly; a CPU always does"
    )
    graphs: bool = Field(default=False, description="CUDA: the training step as a graph, recorded once")
    stop_rule: Literal["median", "regression"] | None = Field(
        default=None,
        description="stop a trial early: median, below that of earlier trials at its epoch; regression, where a "
        "line through them gives it one chance in a hundred of becoming the best; default: none is stopped",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**31, description="training seed; runs that share it can reuse trials"
    )


class Proxies(Section):
    """Zero-cost proxies of candidates, before any is judged or trained."""

    names: Annotated[tuple[str, ...], BeforeValidator(listed)] = Field(
        default=(), description="what is measured, such as synflow and naswot; see `navarch proxies`"
    )
    keep: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="navarch: candidates of a round that go on, the best by the joined ranks of names; default: all",
    )
    batch: int = Field(default=64, ge=2, le=1024, description="images in a batch")
    timeout_s: float = Field(
        default=60, gt=0, description="deadline for all proxies of a candidate in seconds"
    )


class Table(Section):
    """The table evaluator. The names of columns are for tables of your own."""

    path: Path | None = Field(
        default=None,
        description="the table's file, or the name of an imported one; default: what was imported for the task",
    )
    latency: Path | None = Field(
        default=None,
        description="a table of latencies in ms, with any evaluator: its file, or an imported name",
    )
    epochs: int | None = Field(
        default=None, ge=1, le=10_000, description="fidelity of a published table; default: its highest"
    )
    architecture: str | None = Field(
        default=None,
        min_length=1,
        description="column of the architecture; default: architecture, else a column for each dimension",
    )
    val: str | None = Field(
        default=None,
        min_length=1,
        description="column of the validation accuracy, percent; default: val_accuracy",
    )
    test: str | None = Field(
        default=None,
        min_length=1,
        description="column of the test accuracy, percent; default: test_accuracy, if there",
    )
    seconds: str | None = Field(
        default=None,
        min_length=1,
        description="column of the training time in seconds; default: seconds, if there",
    )


class Supernet(Section):
    """The supernet evaluator."""

    path: Path | None = Field(
        default=None, description="the weights that `navarch supernet train` or `import` left"
    )
    images: int = Field(
        default=2000, ge=1, description="training images, at most, that set an architecture's normalisations"
    )
    slots: int = Field(default=2, ge=1, le=64, description="trials at once on each device")
    device: Devices = Field(default=("auto",), description=DEVICES)
    timeout_s: float = Field(default=120, gt=0, description="hard deadline of one trial in seconds")
    silent_s: float = Field(
        default=1800,
        gt=0,
        description="a trial without a step for so many seconds is stopped and run again, once",
    )


class Own(Section):
    """The callable evaluator."""

    command: str | None = Field(
        default=None, min_length=1, description="a command that measures one architecture"
    )
    function: str | None = Field(
        default=None, min_length=1, description="MODULE:NAME of a Python function, in place of a command"
    )
    folder: Path = Field(default=Path("."), description="the folder it runs in")
    slots: int = Field(default=1, ge=1, le=64, description="trials that run at once")
    timeout_s: float = Field(default=3600, gt=0, description="hard deadline of one trial in seconds")
