"""Resuming: what is read once stays read once, and files that do not fit the memory cannot mislead it."""

import json
import os
import shutil
from types import SimpleNamespace

import pytest
from listeners import StopAfter
from scripted_model import ScriptedModel

import navarch.graph.run as run_module
from navarch import NavarchError
from navarch.graph.checkpoints import Saver
from navarch.graph.context import RunContext
from navarch.graph.paths import checkpoint_file
from navarch.memory import Memory
from navarch.memory.connection import Store


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


def test_no_trial_is_added_once_the_run_is_finishing(bench):
    def die(evaluator):
        def test(*args, **kwargs):
            raise Killed

        evaluator.test = test

    bench.prepare = die
    clock = SimpleNamespace(monotonic=lambda: 100.0 if bench.evaluator.trained else 0.0)
    bench.monkeypatch.setattr(run_module, "time", clock)  # the first trial takes all the time there is
    with pytest.raises(Killed):
        bench.run(budget={"trials": 50, "seconds": 50.0})
    before = bench.table()
    with bench.memory() as memory:
        assert memory.get_run("r1").state == "finishing"
    bench.prepare = lambda evaluator: None
    resumed = bench.resume()
    assert resumed.run.state == "finished"
    assert "seconds is spent" in resumed.reason
    assert bench.table() == before
    assert len(bench.evaluator.tested) == 1
    assert bench.evaluator.trained == []


@pytest.mark.slow
def test_a_memory_that_was_put_back_overrules_a_newer_checkpoint(bench):
    bench.run(budget={"trials": 12}, progress=StopAfter(bench, 5))
    with Memory.open(bench.db) as memory:
        memory.transaction()
    shutil.copy(bench.db, bench.folder / "older.db")
    bench.resume(progress=StopAfter(bench, 4))
    for suffix in ("-wal", "-shm"):
        bench.db.with_name(bench.db.name + suffix).unlink(missing_ok=True)
    shutil.copy(bench.folder / "older.db", bench.db)
    listener = StopAfter(bench, -1)
    assert bench.resume(progress=listener).run.state == "finished"
    assert any("from the memory" in note for note in listener.notes)
    table = bench.table()
    assert len(table) == 12
    bench.db = bench.folder / "unstopped.db"
    bench.run(budget={"trials": 12})
    assert table == bench.table()


@pytest.mark.slow
@pytest.mark.parametrize("page", [2, 3, 5])
def test_a_damaged_page_of_the_checkpoints_is_noticed_and_the_memory_is_enough(bench, page):
    bench.run(budget={"trials": 8}, progress=StopAfter(bench, 5))
    path = checkpoint_file(bench.db)
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = os.urandom(4096)
    path.write_bytes(content)
    listener = StopAfter(bench, -1)
    assert bench.resume(progress=listener).run.state == "finished"
    assert any("from the memory" in note for note in listener.notes)
    assert path.with_name(path.name + ".damaged").exists()


def test_a_folder_where_the_checkpoints_belong_is_named(bench):
    checkpoint_file(bench.db).mkdir(parents=True)
    with pytest.raises(NavarchError, match="checkpoint"):
        bench.run(budget={"trials": 2})
    with bench.memory() as memory:
        assert memory.get_run("r1").state == "failed"


def test_a_run_resumes_from_another_folder_with_its_own_prompts(bench, monkeypatch):
    from navarch.prompts import PromptLibrary

    own = bench.folder / "mine"
    own.mkdir()
    (own / "critic.md").write_text(PromptLibrary(project=None).get("critic").text + "\nBe brave.\n")
    bench.run(budget={"trials": 8}, prompts="mine", progress=StopAfter(bench, 1))
    elsewhere = bench.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert bench.resume().run.state == "finished"
    with bench.memory() as memory:
        last = memory.calls("r1", role="critic")[-1]
        assert "Be brave." in memory.text(last.messages[-1][1])


def test_a_prompt_that_changed_between_segments_is_noted(bench):
    from navarch.prompts import PromptLibrary

    bench.run(budget={"trials": 8}, search={"trials_per_round": 4}, progress=StopAfter(bench, 4))
    (bench.folder / "prompts").mkdir()
    text = PromptLibrary(project=None).get("critic").text
    (bench.folder / "prompts" / "critic.md").write_text(text + "\nBe brave.\n")
    listener = StopAfter(bench, -1)
    bench.resume(progress=listener)
    assert any("'critic' has changed since round 1" in note for note in listener.notes)


def test_settings_of_another_version_are_one_sentence(bench):
    bench.run(budget={"trials": 8}, progress=StopAfter(bench, 1))
    with Memory.open(bench.db) as memory, memory.transaction():
        memory._store.rows("UPDATE runs SET settings = '{\"future\": 1}'")
    with pytest.raises(NavarchError, match="version"):
        bench.resume()


def test_looking_at_a_run_leaves_nothing_behind(bench):
    from navarch.graph.lock import is_held
    from navarch.graph.paths import lock_file

    assert not is_held(lock_file(bench.db, "r1"))
    assert list(bench.folder.iterdir()) == []


def test_the_studio_graph_makes_a_run_for_each_thread_and_ends_it(bench, monkeypatch):
    import navarch.graph.studio as studio

    monkeypatch.setattr(studio, "make_evaluator", bench._make)
    monkeypatch.setenv("NAVARCH_BUDGET__TRIALS", "4")
    graph = studio.graph()
    for thread in ("a", "b"):
        graph.invoke({}, {"configurable": {"thread_id": thread}})
    with bench.memory() as memory:
        assert [row.state for row in memory.runs()] == ["finished", "finished"]
        assert memory.spent("r1").trials == 4
        assert memory.test_score("r2") is not None
    for thread in ("a", "b"):
        with_context = studio._context(thread)
        with_context.memory.close()
    studio._context.cache_clear()


class NobodyReads(run_module.Silent):
    """What it prints goes into a pipe that was closed."""

    def finished(self, *_):
        raise BrokenPipeError(32, "Broken pipe")


def test_a_run_whose_output_nobody_reads_is_stopped_and_goes_on(bench):
    with pytest.raises(BrokenPipeError):
        bench.run(budget={"trials": 6}, progress=NobodyReads())
    with bench.memory() as memory:
        run = memory.get_run("r1")
    assert (run.state, run.stop_reason) == ("stopped", "nobody reads its output any more")
    assert bench.resume().run.state == "finished"
    assert len(bench.table()) == 6


def make_instant(bench):
    bench.prepare = lambda evaluator: setattr(evaluator, "instant", True)


def test_where_rounds_take_no_time_one_checkpoint_is_stored_when_a_segment_ends(bench):
    make_instant(bench)
    stored, put = [], Saver.put

    def counted(saver, *args):
        stored.append(saver)
        return put(saver, *args)

    bench.monkeypatch.setattr(Saver, "put", counted)
    bench.run(budget={"trials": 6}, progress=StopAfter(bench, 3))
    assert len(stored) == 1
    listener = StopAfter(bench, -1)
    assert bench.resume(progress=listener).run.state == "finished"
    assert len(stored) == 2
    assert not any("from the memory" in note for note in listener.notes)  # the checkpoint was used


@pytest.mark.slow
def test_on_a_table_a_checkpoint_that_an_earlier_segment_left_is_passed_over(bench):
    make_instant(bench)
    bench.run(budget={"trials": 9}, progress=StopAfter(bench, 1))
    with bench.monkeypatch.context() as patch:
        kill_stores_nothing(patch)
        with pytest.raises(Killed):
            bench.resume(progress=KilledIn(4, is_tried=False))
    listener = StopAfter(bench, -1)
    assert bench.resume(progress=listener).run.state == "finished"
    assert [note for note in listener.notes if "from the memory" in note] == [
        "no usable checkpoint: round 4 is taken up again from the memory"
    ]
    table, bench.db = bench.table(), bench.folder / "unstopped.db"
    bench.run(budget={"trials": 9})
    assert table == bench.table()


def test_what_offline_roles_say_does_not_wait_for_the_disk(bench):
    """On a table only a round's results do: one wait a round, beside those of the beginning and the end."""
    make_instant(bench)
    waited, wait = [], Store._wait_for_disk

    def noted(store, durable):
        waited.append(durable)
        wait(store, durable)

    bench.monkeypatch.setattr(Store, "_wait_for_disk", noted)
    bench.run(budget={"trials": 4})
    few = waited.count(True)
    waited.clear()
    bench.db = bench.folder / "longer.db"
    bench.run(budget={"trials": 6})  # one round more
    assert waited.count(True) - few == 1
    assert waited.count(False) > 5


def test_where_checkpoints_follow_each_node_they_say_nothing_newer_than_the_memory(bench):
    """What a power cut leaves of the memory is never behind the checkpoint: each node's last write waits."""
    begun, wait, put = [], Store._wait_for_disk, Saver.put

    def noted(store, durable):
        begun.append(durable)
        wait(store, durable)

    def stored(saver, config, checkpoint, *rest):
        if checkpoint["channel_values"].get("round"):
            assert begun[-1], checkpoint["channel_values"]
        return put(saver, config, checkpoint, *rest)

    bench.monkeypatch.setattr(Store, "_wait_for_disk", noted)
    bench.monkeypatch.setattr(Saver, "put", stored)
    assert bench.run(budget={"trials": 2}).run.state == "finished"
    assert False in begun


def test_a_checkpoint_of_a_round_that_the_memory_lost_is_passed_over(bench):
    opened = RunContext.open_round

    def stop_at_two(ctx, round):
        opened(ctx, round)
        if round == 2:
            ctx.memory.request_stop("r1")

    with bench.monkeypatch.context() as patch:
        patch.setattr(RunContext, "open_round", stop_at_two)
        bench.run(budget={"trials": 4}, without=["navigator"], search={"trials_per_round": 2})
    with Memory.open(bench.db) as memory, memory.transaction():
        assert memory.last_round("r1") == 2
        memory._store.rows("DELETE FROM rounds WHERE round = 2")
    listener = StopAfter(bench, -1)
    assert bench.resume(progress=listener).run.state == "finished"
    assert any("round 1 is taken up again from the memory" in note for note in listener.notes)
    assert len(bench.table()) == 4


def kill_stores_nothing(patch):
    """Keep LangGraph from storing a checkpoint while an exception, which stands for a kill, leaves the graph."""
    patch.setattr(Saver, "put", lambda saver, config, *rest: config)
    patch.setattr(Saver, "keep_newest", lambda saver, thread: None)


class KilledIn(run_module.Silent):
    """Dies in a round, behind its validator or its evaluator."""

    def __init__(self, round, *, is_tried):
        self.round, self.is_tried = round, is_tried

    def validated(self, round, *_):
        if round == self.round and not self.is_tried:
            raise Killed

    def finished(self, trial, _):
        if trial.round == self.round and self.is_tried:
            raise Killed


@pytest.mark.parametrize("is_tried", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_on_a_table_a_round_that_a_kill_left_open_is_finished_whatever_it_spent(bench, is_tried):
    """There is no checkpoint: the round is taken up again from the memory."""
    edges = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")

    def proposal(option):  # one; the other trial of the round is drawn at random
        named = {"architecture": dict.fromkeys(edges, option), "why": "a reason"}
        return json.dumps({"proposals": [named]})

    def use_model():
        script = [proposal(option) for option in ("nor_conv_3x3", "nor_conv_1x1")]
        model = ScriptedModel(script, name="openai:generator")
        bench.use_models(generator=model)
        return model

    def run(**more):
        bench.run(
            budget={"trials": 4, "calls": 2},
            search={"trials_per_round": 2, "retries": 0},
            roles={"generator": "openai:generator"},
            **more,
        )

    make_instant(bench)
    model = use_model()
    with bench.monkeypatch.context() as patch:
        kill_stores_nothing(patch)
        with pytest.raises(Killed):
            run(progress=KilledIn(2, is_tried=is_tried))
    assert bench.resume().run.state == "finished"
    assert len(model.asked) == 2  # nothing that was paid for is asked again
    with bench.memory() as memory:
        killed = bench.table(), [(call.round, call.role) for call in memory.calls("r1")]
    bench.db = bench.folder / "whole.db"
    use_model()
    run()
    with bench.memory() as memory:
        assert killed == (bench.table(), [(call.round, call.role) for call in memory.calls("r1")])
    assert len(killed[0]) == 4
