"""The tables of the settings file, one class each; every field says what it means."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def listed(value: Any) -> Any:
    """Return one name as a list of one, and each name of a list once."""
    names = [value] if isinstance(value, str) else value
    return tuple(dict.fromkeys(names)) if isinstance(names, list | tuple) else names


def as_code(value: Any) -> Any:
    """Return the code of an architecture; one of digits alone reads as a number on the command line."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Section(BaseModel):
    """A table of the settings file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Budget(Section):
    """When to stop; an absent limit does not bind. One ledger counts for every workflow."""

    trials: int = Field(
        default=20,
        ge=1,
        le=1_000_000,
        description="unique architectures evaluated; halving and asha count one again on each rung",
    )
    epochs: int | None = Field(
        default=None, ge=1, description="epochs of all trials together, each at its fidelity"
    )
    calls: int | None = Field(default=None, ge=1, description="model calls, repair turns included")
    tokens: int | None = Field(default=None, ge=1, description="input and output tokens of model calls")
    money: float | None = Field(
        default=None, gt=0, description="cost of model calls, in the currency of server.price_input"
    )
    seconds: float | None = Field(default=None, gt=0, description="wall-clock seconds of this segment")
    train_seconds: float | None = Field(
        default=None, gt=0, description="training time of all trials; 3600 on one GPU are a GPU-hour"
    )


class Search(Section):
    """The shape of a round."""

    proposals: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="architectures asked of the Generator per call; default: 16",
    )
    trials_per_round: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="candidates evaluated per round; default: 1 for a classical searcher that learns, 2 where all "
        "roles of navarch are offline (more where the evaluator runs more at once), else 4",
    )
    grow_every: int | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description="a round holds one trial more for every so many that are done, up to trials_per_round; "
        "0: full rounds from the start; default: 25 where all roles of navarch are offline, else 0",
    )
    retries: int = Field(default=2, ge=0, le=10, description="times the Generator is asked again in a round")
    uncriticised: float = Field(
        default=0.125, ge=0, le=1, description="share of slots filled past the Critic"
    )
    memory: Literal["all", "none"] = Field(
        default="all",
        description="navarch: what roles see of earlier rounds; none leaves the Distiller out too",
    )
    prior: bool = Field(
        default=False, description="tell the roles the architecture that the space says to start from"
    )
    patience: int | None = Field(default=None, ge=1, description="stop after so many rounds without a gain")
    population: int = Field(default=10, ge=2, le=10_000, description="evolution: how many live")
    sample: int = Field(
        default=3, ge=1, le=10_000, description="evolution: how many of them compete to be the parent"
    )
    improvement: Literal["first", "best"] = Field(
        default="first", description="local search: move to the first better neighbour, or to the best of all"
    )
    startup: int = Field(
        default=10, ge=1, le=10_000, description="gp, bananas, tpe: random trials before the model decides"
    )
    rungs: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=16,
        description="halving, asha: epochs of each rung, ascending; default: what the task offers",
    )
    reduction: int = Field(
        default=4,
        ge=2,
        le=10_000,
        description="halving, asha: the best one in so many trains on at the next rung",
    )
    continuation: bool = Field(
        default=True,
        description="halving, asha, where trials are trained: a promoted trial goes on from its weights, and each rung "
        "is a part of one training; false: each rung is a training of its own, from zero",
    )
    weights_mb: int = Field(
        default=4096,
        ge=0,
        description="disk in MiB for the weights that trials may go on from; the least promising are removed first",
    )


class Confirm(Section):
    """What is done after the search so that nothing is called better by luck."""

    top: int = Field(
        default=0,
        ge=0,
        le=64,
        description="so many of the best trials are trained again on fresh seeds; the best mean wins; 0: none",
    )
    seeds: int = Field(default=3, ge=2, le=100, description="fresh seeds for each of them")
    noise: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="deviation between seeds, points of accuracy; default: what `navarch noise` has stored, if it has",
    )

    @property
    def trainings(self) -> int:
        """Return how many trainings are added to those of the search, at most."""
        return self.top * self.seeds


class Collm(Section):
    """The workflow `collm-nas`: what its paper leaves open, and where ours may differ from it."""

    proposals: int = Field(
        default=10,
        ge=1,
        le=64,
        description="architectures asked of the Generator per call; the paper: 10 to 20",
    )
    rounds: int | None = Field(default=None, ge=1, description="rounds at most; default: the budget decides")
    empty_rounds: int = Field(
        default=3, ge=1, le=1000, description="stop after so many rounds in a row without a new architecture"
    )
    report_refused: bool = Field(
        default=False, description="ask the Generator again with the reasons; the paper skips silently"
    )
    turns: int | None = Field(
        default=None, ge=1, description="rounds of its conversation that a role is sent; default: all"
    )
    room: int = Field(
        default=2_000,
        ge=0,
        description="characters of growth after which a conversation begins anew, summed up; 0: never, as in the paper",
    )
    memory: Literal["navigator", "generator", "both", "neither"] = Field(
        default="navigator",
        description="whose conversation goes on through the run; the paper: the Navigator's",
    )


class Seki(Section):
    """The workflow `seki`: what its paper leaves open."""

    self_evolution: int | None = Field(
        default=None, ge=0, description="lambda: iterations of self-evolution; default: half of all"
    )
    top: int = Field(default=10, ge=1, le=1000, description="k: the best trials that inspiration draws from")
    draw: int = Field(default=5, ge=1, le=64, description="xi: trials drawn at random for each inspiration")
    start: Annotated[str | None, BeforeValidator(as_code)] = Field(
        default=None, min_length=1, description="the first architecture, as a code; default: drawn at random"
    )
    evolve_from: Literal["last", "best"] = Field(
        default="best", description="the architecture that self-evolution goes on from"
    )
    refused: Literal["again", "skip"] = Field(
        default="again", description="an illegal or known proposal: ask again with the reason, or skip it"
    )


class Limits(Section):
    """Constraints on candidates; an absent limit does not bind."""

    max_params: int | None = Field(default=None, ge=1, description="trainable parameters")
    max_macs: int | None = Field(default=None, ge=1, description="multiply-accumulates of one forward pass")
    max_latency_ms: float | None = Field(
        default=None, gt=0, description="milliseconds of one pass on the device, from table.latency"
    )
    device: str | None = Field(
        default=None, min_length=1, description="device of table.latency; default: the only one that it has"
    )

    @property
    def bounds(self) -> dict[str, Any]:
        """Return what the best trial must keep, as `Memory.best_trial` takes it."""
        return self.model_dump(exclude={"device"})


class Server(Section):
    """How model servers are called."""

    base_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^@\s]+$",
        description="an OpenAI-compatible server, such as http://127.0.0.1:8000/v1; a key goes into NAVARCH_API_KEY",
    )
    timeout_s: float = Field(default=120, gt=0, description="one attempt's time limit in seconds")
    stream: bool = Field(
        default=False,
        description="ask for replies piece by piece: for a gateway that cuts silent connections",
    )
    fallback: tuple[str, ...] = Field(
        default=(),
        max_length=8,
        description="openai:NAME of the same server, asked where a role's model fails",
    )
    price_input: float | None = Field(default=None, ge=0, description="money for a million input tokens")
    price_output: float | None = Field(default=None, ge=0, description="money for a million output tokens")
    cache: bool = Field(
        default=False,
        description="take what the model answered another run of this memory to the same question; nothing is sent",
    )
