import itertools

import pytest

from navarch.memory import StoreError, UnknownRunError


def test_a_created_run_comes_back_with_all_its_fields(memory, make):
    run = memory.get_run("demo")
    assert {name: getattr(run, name) for name in make.RUN} == make.RUN
    assert (run.state, run.segments, run.stop_requested, run.stop_reason) == ("running", 0, 0, None)


def test_a_run_id_is_taken_once(memory, make):
    with pytest.raises(StoreError, match="'demo' exists already"):
        memory.create_run(run_id="demo", **make.RUN)
    assert len(memory.runs()) == 1


@pytest.mark.parametrize("run_id", ["", "latest", "a/b", "a b", "../x", "ü", "a" * 65, "-a", "a\n", "a'b"])
def test_odd_run_ids_are_refused(memory, make, run_id):
    with pytest.raises(StoreError, match="not allowed"):
        memory.create_run(run_id=run_id, **make.RUN)


def test_runs_without_an_id_are_numbered_past_the_names_that_are_taken(memory, make):
    memory.create_run(run_id="r3", **make.RUN)
    assert [memory.create_run(**make.RUN).run_id for _ in range(3)] == ["r4", "r5", "r6"]
    assert memory.create_run(run_id=None, **make.RUN).run_id == "r7"


def test_a_run_answers_to_a_unique_beginning_and_to_latest(memory, make):
    memory.create_run(run_id="dusk-2", **make.RUN)
    memory.create_run(run_id="dusk-21", **make.RUN)
    assert memory.get_run("de").run_id == "demo"
    assert memory.get_run("dusk-2").run_id == "dusk-2"
    assert memory.get_run("latest").run_id == "dusk-21"
    assert [run.run_id for run in memory.runs()] == ["dusk-21", "dusk-2", "demo"]


def test_an_ambiguous_beginning_lists_the_runs(memory, make):
    memory.create_run(run_id="demo-2", **make.RUN)
    with pytest.raises(UnknownRunError, match="demo-2, demo"):
        memory.get_run("d")


@pytest.mark.parametrize("name", ["dmeo", "%", "_emo", "' OR 1=1 --", "", "\ud800", "\x00"])
def test_an_unknown_run_names_the_nearest(memory, name):
    with pytest.raises(UnknownRunError, match="demo"):
        memory.get_run(name)


def test_an_empty_memory_says_that_there_is_no_run_yet(open_memory):
    with pytest.raises(UnknownRunError, match="no run yet"):
        open_memory().get_run("latest")


def test_a_segment_clears_the_stop_that_was_asked_for(memory):
    memory.request_stop("demo")
    assert memory.stop_requested("demo")
    assert memory.set_run_state("demo", "stopped", "asked").stop_reason == "asked"
    run = memory.begin_segment("demo")
    assert (run.segments, run.state, run.stop_reason, memory.stop_requested("demo")) == (
        1,
        "running",
        None,
        False,
    )


def test_a_run_state_that_does_not_exist_is_refused(memory):
    with pytest.raises(StoreError, match="CHECK"):
        memory.set_run_state("demo", "asleep")


@pytest.mark.parametrize("method", ["begin_segment", "request_stop", "stop_requested"])
def test_changing_an_unknown_run_is_an_error(memory, method):
    with pytest.raises(UnknownRunError):
        getattr(memory, method)("other")


def test_times_are_utc_text_with_milliseconds_from_the_clock(open_memory, make):
    ticks = itertools.count(1_000_000_000.1239)
    memory = open_memory(clock=lambda: next(ticks))
    created = memory.create_run(run_id="demo", **make.RUN).created_at
    assert created.startswith("2001-09-09T01:46:4")
    assert len(created) == len("2001-09-09T01:46:40.123Z")
    assert memory.request_stop("demo").updated_at > created


def test_a_round_opens_gets_its_direction_and_closes_and_each_may_be_repeated(memory):
    for _ in range(2):
        memory.open_round("demo", 1)
        memory.set_direction("demo", 1, {"explore": 0.5})
        closed = memory.close_round("demo", 1, new_trials=4, best=91.5)
    assert (closed.state, closed.new_trials, closed.best) == ("closed", 4, 91.5)
    assert memory.direction("demo", 1) == {"explore": 0.5}
    assert memory.rounds("demo") == [closed]
    assert memory.open_round("demo", 1) == closed


def test_another_direction_or_other_closing_figures_are_refused(memory):
    memory.open_round("demo", 1)
    memory.set_direction("demo", 1, {"explore": 0.5})
    memory.close_round("demo", 1, new_trials=0, best=None)
    with pytest.raises(StoreError, match="another direction"):
        memory.set_direction("demo", 1, {"explore": 0.6})
    with pytest.raises(StoreError, match="other figures"):
        memory.close_round("demo", 1, new_trials=1, best=None)


def test_an_unopened_round_and_a_round_of_no_run_are_refused(memory):
    with pytest.raises(StoreError, match="no round 3"):
        memory.get_round("demo", 3)
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        memory.open_round("nobody", 0)
