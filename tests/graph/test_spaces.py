"""Whole runs in every search space, plain and under neutral names: legal proposals, and prompts that do not tell."""

import contextlib
import random
import re
import sqlite3
from dataclasses import replace

import pytest

import navarch.graph.assemble as assemble
from navarch.evaluation import Fidelity, Outcome, TrialCost, get_task
from navarch.spaces import INACTIVE, ObfuscatedSpace, get_space, space_names

# English that any prompt uses, and so tells nothing of a space whose name or title has such words.
ENGLISH = {
    *(
        "none",
        "base",
        "small",
        "tiny",
        "size",
        "same",
        "double",
        "both",
        "depth",
        "identity",
        "stride",
        "level",
    ),
    *("resolution", "search", "space", "the", "and", "times", "wide", "network", "networks", "cell", "shape"),
    *("all", "once", "for", "with", "ratio"),
}


def some_quick(*quick):
    """Return all spaces for `parametrize`, those that are not named as slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in space_names()]


def words(text):
    return set(re.findall(r"[A-Za-z0-9_]+", text.lower()))


def telling(space):
    """Return the words that would give a space away: its name, title, dimensions and options."""
    names = {*space.names, *(name for options in space.structure.options for name in options)}
    found = {*names, *words(space.title), *space.name.split("-")}
    return {name.lower() for name in found if len(name) > 2 and not re.fullmatch(r"[\d.]+", name)} - ENGLISH


@pytest.fixture
def run(bench, monkeypatch):
    """Run a workflow in a space; later options score higher, so that there is something to learn."""

    def run(name, **flags):
        space = get_space(name)
        task = replace(get_task("digits"), resolution=64, default_fidelity={name: Fidelity(1, {})})
        monkeypatch.setattr(assemble, "named_task", lambda _: task)

        def score(architecture, fidelity, seed):
            assert architecture.space == space.name, "the evaluator sees the real architecture"
            bench.evaluator.trained.append(architecture)
            assert space.parse(space.to_dict(architecture)) == architecture
            indices = [max(0, index) for index in space._indices(architecture)]
            accuracy = 30.0 + 40.0 * sum(indices) / sum(len(options) for options in space.structure.options)
            objectives = {"val_accuracy": accuracy}
            return Outcome("complete", None, "", objectives, (), TrialCost(0.1, 0.1, 1.0, "none", 1))

        bench.prepare = lambda evaluator: setattr(evaluator, "evaluate", score)
        flags.setdefault("limits", {"max_macs": 10**12, "max_params": 10**9})
        return bench.run(space=name, **flags)

    return run


def proposals(bench):
    with bench.memory() as memory:
        return [row for number in (1, 2, 3) for row in memory.proposals("r1", round=number)]


def assert_stored_as_numbers(bench):
    """No proposal is stored with the names of its space, and no direction that a reply says."""
    with contextlib.closing(sqlite3.connect(bench.db)) as plain:
        stored = "SELECT json_type(architecture), json_type(verdict) FROM proposals"
        assert {("array", "array")} <= set(plain.execute(stored)) <= {("array", "array"), ("array", None)}
        assert set(plain.execute("SELECT json_type(direction) FROM rounds")) <= {("text",), (None,)}


@pytest.mark.parametrize("name", some_quick("transnas-macro"))  # has activity and counts
def test_the_offline_roles_propose_what_the_space_allows(bench, run, name):
    result = run(name, budget={"trials": 12})
    assert result.run.state == "finished"
    assert len(bench.evaluator.trained) == 12
    assert len(set(bench.evaluator.trained)) == 12
    assert not [row for row in proposals(bench) if row.status == "invalid"]
    assert_stored_as_numbers(bench)


@pytest.mark.parametrize("name", some_quick("transnas-macro", "darts"))  # counts, and unequal sources
def test_a_hidden_space_is_searched_and_nothing_of_it_shows(bench, run, name):
    run(name, budget={"trials": 8}, obfuscate=11)
    space = get_space(name)
    assert len(bench.evaluator.trained) == 8
    with bench.memory() as memory:
        calls = memory.calls("r1")
        texts = [text for call in calls for _, text in memory.rendered(call)]
        texts += [memory.text(call.reply) for call in calls if call.reply]
        rows = memory.trials("r1")
    assert len(calls) >= 7
    shown = set().union(*(words(text) for text in texts))
    assert "d1" in shown or "d01" in shown
    assert not shown & telling(space), "the prompts and replies name the space"
    for row, architecture in zip(rows, bench.evaluator.trained, strict=True):
        assert space.parse(row.genotype) == architecture, "the stored encoding is the real one"
        assert row.space == name
        assert set(row.architecture.values()) & set(architecture.values) <= {INACTIVE}
    assert_stored_as_numbers(bench)


def test_an_architecture_that_chooses_its_resolution_is_costed_at_it(bench, run):
    run("ofa-mobilenetv3", workflow="random", budget={"trials": 6})
    space = get_space("ofa-mobilenetv3")
    with bench.memory() as memory:
        rows = memory.trials("r1")
    macs = [space.cost(space.parse(row.architecture), classes=10, in_channels=1).macs for row in rows]
    assert [row.macs for row in rows] == macs
    assert len({row.architecture["resolution"] for row in rows}) > 1


@pytest.mark.slow
def test_a_limit_in_the_far_tail_of_the_space_is_met(bench, run):
    """Hardly one of ten thousand of OFA's networks needs as few multiply-accumulates."""
    run("ofa-mobilenetv3", workflow="random", budget={"trials": 6}, limits={"max_macs": 75_000_000})
    with bench.memory() as memory:
        rows = memory.trials("r1")
    assert len({row.digest for row in rows}) == 6
    assert all(row.macs <= 75_000_000 for row in rows)


def test_equal_options_of_other_meaning_have_other_neutral_names():
    """An option's neutral name is another one wherever its meaning is: kernel 3 is not expansion 3."""
    hidden = ObfuscatedSpace(get_space("ofa-mobilenetv3"), 11)
    arch = hidden.origin.sample(random.Random(0))
    shown = hidden.to_dict(hidden.hide(arch))
    real = hidden.origin.to_dict(arch)
    kernels = {shown[hidden._hidden.dimensions[n]] for n in real if n.startswith("kernel") and real[n] == "3"}
    expands = {shown[hidden._hidden.dimensions[n]] for n in real if n.startswith("expand") and real[n] == "3"}
    assert len(kernels) == len(expands) == 1
    assert kernels != expands
