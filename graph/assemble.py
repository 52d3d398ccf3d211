"""From settings to the tools of a run: space, task, evaluator, roles. Everything that can be wrong is found here."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from navarch import NavarchError
from navarch.agents.caller import Caller
from navarch.agents.classical import Options, make_searcher
from navarch.agents.forgetting import ForgetfulRecall
from navarch.agents.offline import Traits, make_twins
from navarch.agents.recall import Recall
from navarch.agents.redaction import known_secrets
from navarch.evaluation import (
    CallableEvaluator,
    ColumnNames,
    Command,
    Evaluator,
    Fidelity,
    Latency,
    Source,
    TableEvaluator,
    Task,
    callable_task,
    find_for_task,
    find_latency,
    find_source,
    flags_of_imported,
    make_command,
    open_latency,
    own_table_task,
)
from navarch.evaluation.proxies.screen import ProxyScreen
from navarch.graph.ablation import left_out
from navarch.graph.clients import check_model, make_clients, make_spares
from navarch.graph.context import RunContext
from navarch.graph.fault import fault
from navarch.graph.history import Searching, remember_canonical, remember_path_counts
from navarch.graph.inheriting import inherited_task, make_inheriting
from navarch.graph.money import prices_of, refuse_unknown_prices
from navarch.graph.past import Past
from navarch.graph.progress import Progress
from navarch.graph.rules import refuse_seedless, rules_of
from navarch.graph.rungs import find_rungs
from navarch.graph.screening import check_proxies
from navarch.graph.settings import Settings
from navarch.graph.stopping import StopRequest
from navarch.graph.training import make_trainer, named_task, trained_fidelity
from navarch.graph.workflows import Workflow, get_workflow
from navarch.memory import CallLimit, Memory
from navarch.prompts import PromptLibrary
from navarch.spaces import ObfuscatedSpace, SearchSpace, get_space


@dataclass(frozen=True, slots=True)
class RunParts:
    """What the settings name, found and checked before anything is stored or started.

    rungs: the epochs of the trials, ascending; the last are those of `fidelity`.
    """

    workflow: Workflow
    space: SearchSpace
    task: Task
    fidelity: Fidelity
    rungs: tuple[int, ...]
    library: PromptLibrary
    models: Mapping[str, str]
    traits: Traits
    latency: Latency | None = None


def prepare(settings: Settings) -> RunParts:
    """Find and check everything that the settings name. Raises: NavarchError with the first thing that is wrong."""
    workflow = get_workflow(settings.workflow).leaving_out(left_out(settings))
    space = get_space(settings.space)
    if settings.obfuscate is not None:
        space = ObfuscatedSpace(space, settings.obfuscate)
    if workflow.section == "seki" and settings.seki.start is not None:
        space.parse(settings.seki.start)
    if workflow.needs_prior and space.prior is None:
        raise NavarchError(
            f"workflow {workflow.name!r} starts at the prior of the space, and {space.origin.name!r} declares none: "
            'use --workflow local-search, or a declaration with prior = "CODE"'
        )
    if settings.search.prior and "prior" in workflow.uses and space.prior is None:
        raise NavarchError(
            f"search.prior is true, and the space {space.origin.name!r} declares no prior: "
            'leave it out, or use a declaration with prior = "CODE"'
        )
    task = _task(settings, space.origin)
    fidelity = _fidelity(settings, space, task)
    if workflow.searcher is not None:
        make_searcher(workflow.searcher, _searcher_options(settings))  # its library may be missing
    refuse_seedless(settings)
    check_proxies(settings, workflow, space.origin, task)
    library = PromptLibrary(option=settings.prompts)
    if workflow.roles:
        _refuse_broken(library)
    models: dict[str, str] = {role: settings.model_of(role) for role in workflow.roles}
    for role, name in models.items():
        check_model(name, settings, role, workflow.name, space.origin.name)
    make_spares(settings)
    refuse_unknown_prices(settings, models.values())
    latency = _latency(settings, space.origin)
    rungs = find_rungs(settings, workflow, task, space.origin, fidelity)
    traits = Traits(remember_canonical(space), remember_path_counts(space))
    return RunParts(workflow, space, task, fidelity, rungs, library, models, traits, latency)


def make_evaluator(settings: Settings, parts: RunParts) -> Evaluator:
    """Return the evaluator; it starts no process before its first trial."""
    space = parts.space.origin
    if settings.evaluator == "table":
        table = _table(settings, space)
        return TableEvaluator(
            table.path, parts.task, space, names=_columns(settings), is_partial=table.is_partial
        )
    if settings.evaluator == "callable":
        own = settings.callable
        return CallableEvaluator(
            _command(settings), parts.task, space, slots=own.slots, timeout_s=own.timeout_s
        )
    if settings.evaluator == "supernet":
        return make_inheriting(settings, space)
    return make_trainer(settings, parts.task)


def make_context(
    settings: Settings,
    parts: RunParts,
    evaluator: Evaluator,
    *,
    run_id: str,
    memory: Memory,
    progress: Progress,
    elapsed_s: Callable[[], float],
    stop: StopRequest,
    screen: ProxyScreen | None = None,
) -> RunContext:
    """Return what the nodes work with."""
    return RunContext(
        run_id=run_id,
        settings=settings,
        memory=memory,
        space=parts.space,
        task=parts.task,
        fidelity=parts.fidelity,
        evaluator=evaluator,
        caller=_caller(settings, parts, memory, progress),
        past=Past(memory, parts.space, run_id),
        recall=make_recall(settings, parts, memory, run_id),
        progress=progress,
        elapsed_s=elapsed_s,
        stop=stop,
        searching=_make_searching(settings, parts, memory, run_id),
        latency=parts.latency,
        screen=screen,
        fault=fault,
    )


def _make_searching(settings: Settings, parts: RunParts, memory: Memory, run_id: str) -> Searching | None:
    name = parts.workflow.searcher
    if name is None:
        return None
    searcher = make_searcher(name, _searcher_options(settings))
    return Searching(name, searcher, memory, parts.space, run_id)


def _searcher_options(settings: Settings) -> Options:
    return Options(**{key: getattr(settings.search, key) for key in Options.__slots__})


def make_recall(settings: Settings, parts: RunParts, memory: Memory, run_id: str) -> Recall:
    """Return what builds the roles' views of a run."""
    rules = rules_of(settings)
    is_forgetful = settings.workflow == "navarch" and settings.search.memory == "none"
    return (ForgetfulRecall if is_forgetful else Recall)(
        memory,
        parts.space,
        parts.task,
        run_id,
        target=settings.target,
        **settings.limits.bounds,
        trials_budget=settings.budget.trials,
        fidelity=parts.fidelity,
        proposals_per_call=rules.proposals,
        trials_per_round=rules.trials,
        prior=settings.search.prior,
        path_counts=parts.traits.path_counts,
    )


def _task(settings: Settings, space: SearchSpace) -> Task:
    """Return the task: a named one, or what a user's own table or command measures."""
    if settings.task is not None or settings.evaluator == "train":
        task = named_task(settings)
        if task.evaluator != settings.evaluator:
            is_own = settings.evaluator in ("callable", "supernet")
            own = "leave --task out" if is_own else "another task (`navarch tasks`)"
            raise NavarchError(
                f"task {task.name!r} is measured by evaluator {task.evaluator!r}, not {settings.evaluator!r}: "
                f"use --evaluator {task.evaluator}, or {own}"
            )
        if settings.evaluator == "table" and _columns(settings) != ColumnNames():
            raise NavarchError(
                f"the columns of the published table {task.name!r} are known: table.architecture, table.val, "
                "table.test and table.seconds are for a table of your own, without --task"
            )
        return task
    if settings.evaluator == "supernet":
        return inherited_task(settings, space)
    if settings.evaluator == "table":
        table = _table(settings, space)
        return own_table_task(table.path, space, _columns(settings), name=table.name)
    return callable_task(_command(settings), space)


def _table(settings: Settings, space: SearchSpace) -> Source:
    """Return the file of the table that the settings name, or that was imported for their task."""
    path, task = settings.table.path, settings.task
    if path is not None:
        return find_source(path, space)
    found = None if task is None else find_for_task(task, space)
    if found is None:
        if task is None and (flags := flags_of_imported(space)):
            raise NavarchError(
                f"evaluator 'table' is not told which table of {space.name!r} to read: use {' or '.join(flags)}"
            )
        what = "evaluator 'table'" if task is None else f"task {task!r}"
        raise NavarchError(
            f"{what} needs a table: use --set table.path=FILE, or import its file once (navarch data import FILE)"
        )
    return found


def _latency(settings: Settings, space: SearchSpace) -> Latency | None:
    """Return the latencies that the settings name. Raises: NavarchError for a limit or a device without them."""
    limits = settings.limits
    if settings.table.latency is not None:
        source: Source | None = find_source(settings.table.latency, space)
    elif limits.max_latency_ms is None and limits.device is None:
        return None
    else:
        source = find_latency(space, limits.device)
    if source is None:
        raise NavarchError(
            "limits.max_latency_ms and limits.device need latencies: use --set table.latency=FILE, or import the file "
            "once (navarch data import FILE)"
        )
    accuracies = _table(settings, space).path if settings.evaluator == "table" else None
    return open_latency(source.path, space, limits.device, accuracy_table=accuracies)


def _columns(settings: Settings) -> ColumnNames:
    return ColumnNames(**settings.table.model_dump(include=set(ColumnNames.__slots__)))


def _command(settings: Settings) -> Command:
    own = settings.callable
    return make_command(own.command, own.function, own.folder)


def _refuse_broken(library: PromptLibrary) -> None:
    problems = library.check()
    if problems:
        more = f" (and {len(problems) - 1} more: navarch prompts check)" if len(problems) > 1 else ""
        raise NavarchError(f"{problems[0]}{more}")


def _caller(settings: Settings, parts: RunParts, memory: Memory, progress: Progress) -> Caller:
    budget = settings.budget
    return Caller(
        memory=memory,
        library=parts.library,
        clients=make_clients(settings, parts.models, progress.noted),
        spares=make_spares(settings),
        twins=make_twins(parts.library.phrase, parts.traits),
        limit=CallLimit(budget.calls, budget.tokens, budget.money, prices_of(settings)),
        cache=settings.server.cache,
        space_schema=parts.space.json_schema(),
        secrets=known_secrets(os.environ),
        fault=fault,
    )


def _fidelity(settings: Settings, space: SearchSpace, task: Task) -> Fidelity:
    fidelity = task.fidelity(space.origin.name)
    epochs = settings.table.epochs
    if settings.evaluator == "table" and epochs is not None:
        offered = {known.epochs: known for known in task.fidelities(space.origin.name)}
        if epochs not in offered:
            known = " or ".join(map(str, offered))
            raise NavarchError(
                f"table.epochs is {epochs}, and task {task.name!r} was measured after {known} epochs"
            )
        return offered[epochs]
    return trained_fidelity(settings, space.origin, task, fidelity)
