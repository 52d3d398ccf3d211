"""Looking on while a run works: what is new, what runs, the pace, and a run whose process is gone."""

import time
from dataclasses import replace

import pytest
from listeners import StopAfter

from navarch.cli.live_lines import standing_words
from navarch.evaluation.live import Live, LiveEpoch, begin_live, read_live, teller
from navarch.graph.following import SEGMENT, Follower, pace_of
from navarch.graph.lock import hold, is_held
from navarch.graph.paths import live_file, live_folder, lock_file
from navarch.graph.progress import Silent
from navarch.graph.run import start_noise
from navarch.graph.rungs import epochs_spent
from navarch.graph.sections import Budget
from navarch.graph.settings import load_settings, settings_of
from navarch.memory.connection import format_time

SMALL = {"workflow": "random", "budget": {"trials": 4}, "search": {"trials_per_round": 2}}


class Looking(Silent):
    """Looks at the run whenever a trial has begun, as a thread or another process would."""

    def __init__(self):
        self.views = []
        self.follower = None
        self.is_over = False

    def watch(self, follower):
        self.follower = follower

    def ended(self):
        self.is_over = True

    def started(self, trial):
        self.views.append(self.follower.look())


class LookingOn(Looking):
    """Looks when repeats end and when the test begins, too."""

    def repeated(self, trial, done, planned):
        self.views.append(self.follower.look())

    def testing(self, trial):
        self.views.append(self.follower.look())


def test_a_look_tells_what_ended_since_the_last_one_and_what_runs(bench):
    looking = Looking()
    bench.run(progress=looking, **SMALL)
    assert looking.is_over
    assert [[row.number for row in view.finished] for view in looking.views] == [[], [1], [2], [3]]
    assert [[each.trial.number for each in view.running] for view in looking.views] == [[1], [2], [3], [4]]
    for view in looking.views:
        assert view.state == "running"
        assert not view.is_over
        assert view.running[0].live.epochs == 0  # the formula has no epochs
    last = looking.views[-1]
    assert (last.standing.trials, last.standing.budget) == (3, 4)
    assert last.pace.per_minute > 0
    assert last.pace.seconds_left >= 0


def test_nothing_of_it_is_left_when_the_run_has_ended_or_was_stopped(bench):
    bench.run(progress=StopAfter(bench, 1), **SMALL)
    assert not live_folder(bench.db, "r1").exists()
    with bench.memory() as memory:
        view = Follower(memory, bench.db, "r1").look()
    assert (view.state, view.is_over, view.running) == ("stopped", True, ())
    bench.resume()
    assert not live_folder(bench.db, "r1").exists()


def test_what_a_killed_process_left_is_not_looked_at_and_cleared_by_the_next_segment(bench):
    class Killed(BaseException):
        pass

    def die(evaluator):
        def before(job):
            teller(job.live)(1, 1.0, 20.0, 30.0)
            raise Killed

        evaluator.before = before

    bench.prepare = die
    with pytest.raises(Killed):
        bench.run(**SMALL)
    # As kill -9 leaves it: the state says running, a trial has its file, nobody holds the lock.
    folder = live_folder(bench.db, "r1")
    folder.mkdir()
    begin_live(live_file(bench.db, "r1", SEGMENT), 0)
    begin_live(live_file(bench.db, "r1", "1"), 4)
    teller(str(live_file(bench.db, "r1", "1")))(1, 1.0, 20.0, 30.0)
    assert not is_held(lock_file(bench.db, "r1"))
    with bench.memory() as memory:
        view = Follower(memory, bench.db, "r1").look()
    assert (view.state, view.running, view.pace.per_minute) == ("interrupted", (), None)
    seen = Looking()
    bench.prepare = lambda evaluator: None
    bench.resume(progress=seen)
    assert seen.views[0].running[0].live.points == ()
    assert not folder.exists()


def test_the_epochs_of_a_running_trial_are_seen(bench):
    looking = Looking()
    seen = []

    def tell(evaluator):
        def before(job):
            teller(job.live)(1, 1.0, 20.0, 30.0)
            seen.append(looking.follower.look().running[0].live.points[-1].val_accuracy)

        evaluator.before = before

    bench.prepare = tell
    bench.run(progress=looking, **SMALL)
    assert seen == [30.0] * 4


def test_a_folder_that_cannot_be_made_costs_the_view_alone(bench, monkeypatch):
    import navarch.graph.following as following

    monkeypatch.setattr(following, "live_folder", lambda db, run_id: bench.folder / "no" / "such")
    looking = Looking()
    bench.run(progress=looking, **SMALL)
    assert looking.views[-1].pace.per_minute is None
    assert len(bench.table()) == 4


def test_the_repeats_of_a_confirmation_are_seen_with_a_pace_of_their_own(lucky):
    looking = LookingOn()
    result = lucky.run(progress=looking, **SMALL, confirm={"top": 2, "seeds": 2})
    again = [view for view in looking.views if view.planned]
    begun = [view for view in again if view.running]
    assert [[each.trial.seed for each in view.running] for view in begun] == [[1], [1], [2], [2]]
    assert [row.seed for view in again for row in view.repeated] == [1, 1, 2, 2]
    assert [view.repeats for view in begun] == [0, 1, 2, 3]
    assert {view.planned for view in again} == {4}
    assert {(view.standing.trials, view.state) for view in again} == {(4, "finishing")}
    assert begun[0].pace.per_minute is None  # nothing of the search is counted
    ended = [view.pace.seconds_left for view in again if view.repeats]
    assert ended[0] > 0.0
    assert ended[-1] == 0.0
    assert again[-1].standing.best.number == result.best.number


def test_a_run_of_noise_is_seen_by_its_repeats(lucky):
    looking = LookingOn()
    start_noise(load_settings(None, {"db": lucky.db}), ["123401"], 3, looking)
    assert [view.repeats for view in looking.views] == [0, 1, 1, 2, 2, 3]
    assert [view.planned for view in looking.views] == [3] * 6
    with lucky.memory() as memory:
        view = Follower(memory, lucky.db, "r1").look()
    assert ([row.seed for row in view.repeated], view.finished, view.planned) == ([1, 2, 3], (), 3)
    assert " ".join(standing_words(view)) == "3 of 3 repeats"


def test_epochs_that_a_trial_went_on_from_are_not_spent_again(bench):
    bench.run(
        workflow="halving",
        budget={"trials": 50, "epochs": 10},
        search={"rungs": [1, 4], "reduction": 2},
        train={"epochs": 4},
    )
    with bench.memory() as memory:
        rows = memory.trials("r1")
        settings = settings_of(memory.get_run("r1"))
    rows = [replace(row, finished_at=format_time(1050.0)) for row in rows]
    spent = sum(row.cost["epochs"] for row in rows)
    assert spent < sum(row.epochs for row in rows)
    pace = pace_of(
        Budget(trials=1000, epochs=2 * spent),
        1000.0,
        1060.0,
        rows,
        [],
        lambda all: epochs_spent(all, settings),
    )
    assert pace.seconds_left == pytest.approx(60.0)


class TestPace:
    """Rate and remaining time from plain figures."""

    @staticmethod
    def trials(bench, count, *, ended):
        bench.run(workflow="random", budget={"trials": count})
        with bench.memory() as memory:
            rows = memory.trials("r1")
        return [replace(row, finished_at=format_time(ended), train_seconds=30.0) for row in rows]

    def test_running_trials_count_by_the_share_that_is_done(self, bench):
        rows = self.trials(bench, 3, ended=1050.0)
        half = Live(4, 1040.0, (LiveEpoch(2, 1060.0, 1.0, 50.0, None),))
        pace = pace_of(Budget(trials=7), 1000.0, 1070.0, rows, [half])
        assert pace.per_minute == pytest.approx(60 * 3.5 / 70)
        assert pace.seconds_left == pytest.approx(3.5 / 3.5 * 70)

    def test_trials_of_earlier_segments_and_reused_ones_took_none_of_its_time(self, bench):
        first, second, third = self.trials(bench, 3, ended=1050.0)
        rows = [replace(first, finished_at=format_time(900.0)), replace(second, reused_from="r0/t1"), third]
        pace = pace_of(Budget(trials=5), 1000.0, 1060.0, rows, [])
        assert pace.per_minute == pytest.approx(1.0)
        assert pace.seconds_left == pytest.approx(120.0)

    def test_the_budget_that_is_spent_first_decides(self, bench):
        rows = self.trials(bench, 2, ended=1050.0)
        epochs = rows[0].epochs
        pace = pace_of(Budget(trials=1000, epochs=3 * epochs), 1000.0, 1060.0, rows, [])
        assert pace.seconds_left == pytest.approx(30.0)
        assert pace_of(Budget(trials=4, seconds=70), 1000.0, 1060.0, rows, []).seconds_left == 10.0
        trained = pace_of(Budget(trials=1000, train_seconds=90), 1000.0, 1060.0, rows, [])
        assert trained.seconds_left == pytest.approx(30.0)

    def test_before_anything_is_measured_nothing_is_known(self):
        pace = pace_of(Budget(trials=4), 1000.0, 1060.0, [], [Live(4, 1000.0)])
        assert (pace.per_minute, pace.seconds_left) == (None, None)
        assert pace_of(Budget(trials=4, seconds=100), 1000.0, 1060.0, [], []).seconds_left == 40.0


def test_a_lock_that_is_looked_at_for_a_moment_can_still_be_held(tmp_path):
    import fcntl
    import threading

    path = tmp_path / "lock"
    path.touch()
    with path.open("r") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.1, lambda: fcntl.flock(looking, fcntl.LOCK_UN)).start()
        begun = time.monotonic()
        with hold(path, "r1"):
            assert is_held(path)
        assert time.monotonic() - begun < 5.0


def test_the_live_file_of_a_trial_is_read_from_where_its_job_says(bench):
    paths = []

    def note(evaluator):
        evaluator.before = lambda job: paths.append(
            (job.live, read_live(live_file(bench.db, "r1", "1")) is not None)
        )

    bench.prepare = note
    bench.run(**(SMALL | {"budget": {"trials": 1}}))
    assert paths == [(str(live_file(bench.db, "r1", "1").absolute()), True)]
