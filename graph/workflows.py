"""The workflows by name: what each is, and which graph it runs."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from navarch import NavarchError
from navarch.graph.settings import RoleName

if TYPE_CHECKING:
    from navarch.graph.build import Graph


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow: its name, what it does in one line, its roles, and the function in `build.py`.

    searcher: the classical searcher in the Generator's place. trials_per_round: unless the settings say. uses: the
    settings of `[search]` that it reads, besides patience. section: its own table of settings. needs_prior: the space
    must declare where to start. schedule: who trains on, where trials begin at fewer epochs. optional: the roles that
    an ablation may leave out; the function in `build.py` is told which ones are left.
    """

    name: str
    summary: str
    roles: tuple[RoleName, ...]
    builder: str
    searcher: str | None = None
    trials_per_round: int = 4
    uses: tuple[str, ...] = ("retries",)
    section: Literal["collm", "seki"] | None = None
    needs_prior: bool = False
    own_prompts: tuple[str, ...] = ()
    schedule: Literal["halving", "asha"] | None = None
    optional: tuple[RoleName, ...] = ()

    @property
    def prompts(self) -> tuple[str, ...]:
        """Return the names of the prompts that its roles read: those of the roles, unless it has its own."""
        return self.own_prompts or self.roles

    def build(self) -> "Graph":
        """Return the uncompiled graph; this is what imports LangGraph."""
        function: Callable[..., Graph] = getattr(import_module("navarch.graph.build"), self.builder)
        return function(self.roles) if self.optional else function()

    def leaving_out(self, roles: Collection[RoleName]) -> "Workflow":
        """Return the workflow without these roles, their nodes and prompts. Raises: NavarchError if it needs one."""
        for role in roles:
            if role not in self.optional:
                raise NavarchError(f"role {role!r} cannot be left out: {self._why_needed(role)}")
        if not roles:
            return self
        from navarch.prompts.variables import ROLE_OF  # brings Jinja, which only a run needs

        left = tuple(role for role in self.roles if role not in roles)
        own = tuple(prompt for prompt in self.own_prompts if ROLE_OF[prompt] in left)
        uses = tuple(name for name in self.uses if name != "uncriticised" or "critic" in left)
        return replace(self, roles=left, own_prompts=own, uses=uses)

    def _why_needed(self, role: RoleName) -> str:
        if role in self.roles:
            return (
                f"nobody would propose architectures in workflow {self.name!r}; without any role there is "
                "--workflow random, and with an offline one --role generator=offline"
            )
        return f"workflow {self.name!r} has no such role; its roles: {', '.join(self.roles) or 'none'}"


def _classical(
    name: str, summary: str, *uses: str, trials_per_round: int = 1, needs_prior: bool = False
) -> Workflow:
    uses = ("trials_per_round", "grow_every", "retries", *uses)
    return Workflow(name, summary, (), "classical", name, trials_per_round, uses, needs_prior=needs_prior)


def _halving(name: Literal["halving", "asha"], summary: str, *uses: str) -> Workflow:
    uses = ("grow_every", "rungs", "reduction", "continuation", "weights_mb", *uses)
    return Workflow(name, summary, (), "halving", "random", uses=uses, schedule=name)


WORKFLOWS = (
    Workflow(
        "navarch",
        "all four roles: direction, proposals, verdicts, trials, lessons",
        ("navigator", "generator", "critic", "distiller"),
        "navarch",
        uses=("trials_per_round", "grow_every", "retries", "proposals", "uncriticised", "memory", "prior"),
        optional=("navigator", "critic", "distiller"),
    ),
    _classical("random", "uniform random search, the baseline; no role, no model", trials_per_round=4),
    _classical(
        "evolution", "regularized evolution: tournaments, one edit, the oldest dies", "population", "sample"
    ),
    _classical("local-search", "climbs by single edits, restarts at random on every peak", "improvement"),
    _classical(
        "local-search-seeded",
        "the same, and the first climb starts at the prior of the space",
        "improvement",
        needs_prior=True,
    ),
    _classical("gp", "Gaussian process, Hamming kernel, expected improvement", "startup"),
    _classical("tpe", "tree-structured Parzen estimator, by Optuna", "startup"),
    _classical("bananas", "BANANAS-like: random forest, independent Thompson sampling", "startup"),
    _halving("halving", "successive halving: many at few epochs, the best of them at more"),
    _halving("asha", "the same without a plan: who is among the best so far trains on", "trials_per_round"),
    Workflow(
        "collm-nas",
        "CoLLM-NAS: a Navigator that remembers, a Generator that does not",
        ("navigator", "generator"),
        "collm_nas",
        uses=("grow_every", "retries", "prior"),
        section="collm",
        own_prompts=("collm-nas/navigator", "collm-nas/generator"),
        optional=("navigator",),
    ),
    Workflow(
        "seki",
        "SEKI: self-evolution of one architecture, then inspiration by the best",
        ("generator", "distiller"),
        "seki",
        uses=("retries", "prior"),
        section="seki",
        own_prompts=("seki/self-evolution", "seki/patterns", "seki/inspiration"),
        optional=("distiller",),
    ),
)


def get_workflow(name: str) -> Workflow:
    """Return a workflow by name. Raises: NavarchError listing the known ones."""
    for workflow in WORKFLOWS:
        if workflow.name == name:
            return workflow
    known = ", ".join(workflow.name for workflow in WORKFLOWS)
    raise NavarchError(f"unknown workflow {name!r}: use one of {known}")
