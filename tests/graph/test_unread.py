"""What a run does not read is said, and is true: with all of it changed the run is the same."""

from pathlib import Path

import pytest

from navarch.graph.assemble import prepare
from navarch.graph.rehearsal import MadeUpEvaluator, played
from navarch.graph.settings import Settings, load_settings
from navarch.graph.unread import unread, unread_by_all
from navarch.graph.workflows import WORKFLOWS

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
WIDGETS = {"space": str(EXAMPLES / "widgets.toml"), "evaluator": "table"}

# A value for each setting that some run does not read, other than its default.
OTHER = {
    "search": {
        "proposals": 5, "trials_per_round": 3, "grow_every": 2, "retries": 0, "uncriticised": 0.9, "memory": "none",
        "prior": True, "population": 3, "sample": 2, "improvement": "best", "startup": 3, "rungs": [1, 4],
        "reduction": 2, "continuation": False, "weights_mb": 0,
    },
    "confirm": {"seeds": 5},
    "collm": {
        "proposals": 3, "rounds": 1, "empty_rounds": 1, "report_refused": True, "turns": 1, "room": 0,
        "memory": "both",
    },
    "seki": {
        "self_evolution": 1, "top": 2, "draw": 2, "start": "434440", "evolve_from": "last", "refused": "skip",
    },
    "train": {
        "slots": 1, "device": "cpu", "timeout_s": 5, "silent_s": 5, "epochs": 3, "recipe": "nb201-12",
        "skeleton": {"width": 8}, "images": 100, "val_share": 0.5, "deterministic": True, "graphs": True,
        "stop_rule": "median",
    },
    "proxies": {"batch": 32, "timeout_s": 5},
    "table": {
        "path": "none.csv", "epochs": 12, "architecture": "code", "val": "accuracy", "test": "none",
        "seconds": "none",
    },
    "supernet": {
        "path": "none", "images": 10, "slots": 1, "device": "cpu", "timeout_s": 5, "silent_s": 5,
    },
    "callable": {"command": "none", "function": "none:none", "folder": "none", "slots": 2, "timeout_s": 5},
    "server": {
        "base_url": "http://127.0.0.1:1/v1", "timeout_s": 5, "stream": True, "fallback": ["openai:none"],
        "price_input": 1.0, "price_output": 1.0, "cache": True,
    },
}  # fmt: skip
READ_BY_ALL = {"train.seed", "table.latency", "search.patience", "confirm.top", "confirm.noise"}
REFUSED = {"proxies.names", "proxies.keep"}  # names are read where given, and keep is refused without them


def chosen(keys):
    """Return the other values of these settings, nested."""
    flags = {}
    for key in keys:
        section, name = key.split(".")
        flags.setdefault(section, {})[name] = OTHER[section][name]
    return flags


def what_a_run_does(flags, trials=10):
    """Return the trials of a rehearsed run, its proposals, and what its roles read."""
    settings = load_settings(None, {"budget": {"trials": trials}, **flags})
    parts = prepare(settings)
    with played(settings, parts, MadeUpEvaluator(parts.task, parts.space.origin, 95.0), None) as (
        memory,
        run,
    ):
        rows = [(row.round, row.code, row.epochs, row.cost["start_epochs"]) for row in memory.trials(run)]
        proposals = [(row.round, row.attempt, row.code, row.status) for row in memory.proposals(run)]
        return rows, proposals, [(call.role, call.render_digest) for call in memory.calls(run)]


def test_every_setting_of_these_tables_is_looked_at():
    for section, others in OTHER.items():
        names = {f"{section}.{name}" for name in type(getattr(Settings(), section)).model_fields}
        assert names - READ_BY_ALL - REFUSED == {f"{section}.{name}" for name in others}
        assert all(getattr(getattr(Settings(), section), name) != value for name, value in others.items())


@pytest.mark.slow
@pytest.mark.parametrize("workflow", [workflow.name for workflow in WORKFLOWS])
def test_a_run_is_the_same_with_all_that_it_does_not_read_changed(tmp_path, monkeypatch, workflow):
    monkeypatch.chdir(tmp_path)
    flags = {"workflow": workflow, "train": {"epochs": 4}}
    keys = unread(OTHER, load_settings(None, flags))
    assert not any(key.startswith("train.") for key in keys)
    assert what_a_run_does({**flags, **chosen(keys)}) == what_a_run_does(flags)


@pytest.mark.slow
def test_a_run_of_a_table_reads_nothing_of_how_to_train(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = {**WIDGETS, "table": {"path": EXAMPLES / "widgets.csv"}}
    keys = unread(OTHER, load_settings(None, flags))
    assert {f"train.{name}" for name in OTHER["train"]} <= set(keys)
    assert what_a_run_does({**flags, **chosen(keys)}) == what_a_run_does(flags)


def test_what_another_workflow_or_evaluator_reads_is_named_with_the_reason():
    given = {
        "collm": {"rounds": 5},
        "table": {"epochs": 12},
        "seed": 3,
        "search": {"patience": 2, "retries": 1},
        "budget": {"trials": 9, "calls": 9, "money": 1.0},
    }
    assert unread(given, Settings(workflow="random")) == {
        "budget.calls": "workflow 'random' has no roles, and calls no model",
        "budget.money": "workflow 'random' has no roles, and calls no model",
        "collm.rounds": "no part of workflow 'random'",
        "table.epochs": "trials are measured by evaluator 'train'",
    }
    assert unread(given, Settings(workflow="collm-nas", evaluator="table")) == {}


def test_a_server_that_no_role_asks_is_named_and_so_is_the_model_of_a_role_that_is_not_there():
    given = {"server": {"base_url": "http://127.0.0.1:1/v1"}}
    assert unread(given, Settings()) == {"server.base_url": "no role is asked of a model"}
    assert unread(given, Settings(roles={"critic": "openai:m"})) == {}
    assert "server.base_url" in unread(given, Settings(roles={"critic": "openai:m"}, without=("critic",)))
    own = {"roles": {"critic": "openai:m"}, "model": "openai:m"}
    assert list(unread(own, Settings(workflow="seki", model="openai:m"))) == ["roles.critic"]
    assert list(unread(own, Settings(workflow="random"))) == ["roles.critic", "model"]


def test_a_measurement_of_noise_reads_nothing_of_a_search():
    given = {"search": {"patience": 3}, "confirm": {"top": 3}, "train": {"epochs": 2}}
    assert list(unread(given, Settings(), is_noise=True)) == ["search.patience", "confirm.top"]
    aims = {"workflow": "random", "obfuscate": 1, "target": 90}
    assert list(unread(aims, Settings(), is_noise=True)) == list(aims)
    broken = Settings(workflow="random", without=("critic",))  # of a file, and no obstacle
    assert unread({"train": {"epochs": 2}}, broken, is_noise=True) == {}


def test_several_runs_leave_unread_what_none_of_them_reads():
    given = {"collm": {"rounds": 5}, "seki": {"top": 3}}
    found = unread_by_all(given, [Settings(workflow="random"), Settings(workflow="collm-nas")])
    assert list(found) == ["seki.top"]
