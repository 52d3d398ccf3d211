"""Confirmation: the best of a search are trained again on fresh seeds, and only then is one called the best."""

from types import SimpleNamespace

import pytest
from listeners import StopAfter

import navarch.graph.run as run_module
from navarch import NavarchError
from navarch.graph.confirmation import confirmations
from navarch.graph.sections import Budget, Confirm
from navarch.graph.settings import load_settings, settings_of
from navarch.graph.stopping import stop_reason
from navarch.memory import Memory

EDGES = ("edge_0_1", "edge_0_2", "edge_1_2", "edge_0_3", "edge_1_3", "edge_2_3")
SEARCH = {"workflow": "random", "budget": {"trials": 8}}


def confirmed(bench, run="r1"):
    with bench.memory() as memory:
        return confirmations(memory, run, settings_of(memory.get_run(run)))


def test_nothing_is_confirmed_unless_it_is_asked_for(lucky):
    lucky.run(**SEARCH)
    with lucky.memory() as memory:
        assert memory.repeats("r1") == []
    assert lucky.evaluator.seeds == [0] * 8


def test_a_confirmation_leaves_the_search_as_it_is(lucky):
    lucky.run(**SEARCH)
    lucky.run(**SEARCH, confirm={"top": 3, "seeds": 4}, train={"seed": 0})
    with lucky.memory() as memory:
        plain, again = ([(row.number, row.code) for row in memory.trials(run)] for run in ("r1", "r2"))
        assert memory.spent("r2").trials == 8
        assert (memory.spent("r2").repeats, memory.spent("r2").repeat_seconds) == (12, pytest.approx(1.2))
    assert plain == again


def test_the_best_of_the_search_meet_seeds_that_it_has_not_used(lucky):
    lucky.run(**SEARCH, confirm={"top": 3, "seeds": 4}, train={"seed": 5})
    assert lucky.evaluator.seeds == [5] * 8 + [6] * 3 + [7] * 3 + [8] * 3 + [9] * 3
    with lucky.memory() as memory:
        top = [row.digest for row in memory.top_trials("r1", 3)]
    assert [one.trial.digest for one in confirmed(lucky)] == top
    assert all(len(one.accuracies) == 4 for one in confirmed(lucky))


def test_the_mean_on_fresh_seeds_chooses_and_not_the_value_in_the_search(lucky):
    def flatter(evaluator):
        evaluator.luck = lambda architecture, seed: (
            -8.5 * (seed > 0) * architecture.values.count("nor_conv_3x3")
        )

    lucky.prepare = flatter  # what the search likes most is nothing on other seeds
    result = lucky.run(**SEARCH, confirm={"top": 4, "seeds": 3})
    found = confirmed(lucky)
    best = max(found, key=lambda one: one.mean)
    assert best.trial.number != found[0].trial.number  # the search was lucky with another
    assert result.best.number == best.trial.number
    again = lucky.resume()
    assert again.best.number == result.best.number


def test_the_winner_alone_is_tested_once_with_a_fresh_seed(lucky):
    asked, lucky_as_before = [], lucky.prepare

    def watch(evaluator):
        lucky_as_before(evaluator)
        known = evaluator.test

        def test(architecture, fidelity, seed, *, split):
            asked.append((architecture.values, seed))
            return known(architecture, fidelity, seed, split=split)

        evaluator.test = test

    lucky.prepare = watch
    result = lucky.run(**SEARCH, confirm={"top": 4, "seeds": 6})
    lucky.resume()
    assert asked == [(tuple(result.best.architecture[edge] for edge in EDGES), 1)]
    assert result.test.accuracy == 77.0


def test_a_failed_repeat_is_a_row_with_a_reason_and_leaves_the_mean(lucky):
    lucky_as_before = lucky.prepare

    def fail(evaluator):
        lucky_as_before(evaluator)
        evaluator.fails = {
            9: "diverged",
            11: "oom",
            13: "timeout",
        }  # of two candidates: two seeds of the first

    lucky.prepare = fail
    result = lucky.run(**SEARCH, confirm={"top": 2, "seeds": 3})
    first, second = confirmed(lucky)
    assert [row.reason for row in first.failed] == ["diverged", "oom", "timeout"]
    assert first.mean is None
    assert len(second.accuracies) == 3
    assert result.best.number == second.trial.number


def test_where_nothing_is_confirmed_the_search_decides_and_the_run_says_so(bench):
    class Notes(StopAfter):
        def __init__(self):
            super().__init__(bench, -1)

    bench.prepare = lambda evaluator: setattr(evaluator, "fails", dict.fromkeys(range(9, 99), "oom"))
    listener = Notes()
    result = bench.run(**SEARCH, confirm={"top": 2, "seeds": 2}, progress=listener)
    assert "nothing is confirmed" in listener.notes[-1]
    assert result.best.val_accuracy == max(row["val_accuracy"] or 0 for row in bench.table())
    assert result.run.state == "finished"
    assert result.test is not None


def test_a_run_stopped_while_confirming_goes_on_with_what_is_left(lucky):
    lucky.run(**SEARCH, confirm={"top": 3, "seeds": 3})
    whole = lucky.table()

    class StopAtRepeat(StopAfter):
        def finished(self, trial, standing):
            pass

        def repeated(self, trial, done, planned):
            if done == 4:
                with Memory.open(lucky.db) as memory:
                    memory.request_stop("r1")

    lucky.db.unlink()
    stopped = lucky.run(**SEARCH, confirm={"top": 3, "seeds": 3}, progress=StopAtRepeat(lucky, -1))
    assert stopped.run.state == "finishing"
    assert stopped.test is None
    assert len(lucky.evaluator.trained) == 12
    ended = lucky.resume()
    assert ended.run.state == "finished"
    assert len(lucky.evaluator.trained) == 5
    assert lucky.table() == whole


def test_repeats_of_earlier_runs_are_not_trained_again(lucky):
    lucky.run(**SEARCH, confirm={"top": 2, "seeds": 2})
    lucky.run(**SEARCH, confirm={"top": 2, "seeds": 3})
    assert lucky.evaluator.seeds == [3, 3]


def test_a_budget_of_epochs_keeps_room_for_the_confirmation(bench):
    bench.run(
        workflow="random",
        budget={"trials": 50, "epochs": 40},
        confirm={"top": 2, "seeds": 2},
        train={"epochs": 4},
    )
    with bench.memory() as memory:
        rows = [*memory.trials("r1"), *memory.repeats("r1")]
    assert sum(row.epochs for row in rows) == 40
    assert len(rows) == 10


def test_a_budget_of_epochs_that_the_confirmation_takes_whole_is_refused(bench):
    with pytest.raises(NavarchError, match=r"budget\.epochs is 16.*take 16, which leaves none"):
        bench.run(budget={"trials": 9, "epochs": 16}, confirm={"top": 2, "seeds": 2}, train={"epochs": 4})
    assert not bench.db.exists()


def test_a_budget_of_training_time_keeps_room_too(bench):
    result = bench.run(
        workflow="random",
        budget={"trials": 50, "train_seconds": 2.05},
        search={"trials_per_round": 1},
        confirm={"top": 2, "seeds": 4},
    )
    assert "but for about 1 kept for the confirmation" in result.reason
    with bench.memory() as memory:
        spent = memory.spent("r1")
    assert (spent.trials, spent.repeats) == (13, 8)
    assert spent.train_seconds == pytest.approx(2.1)


def test_the_time_of_a_repeat_is_that_of_all_its_epochs_also_where_trials_went_on_from_weights(bench):
    bench.run(
        workflow="halving",
        budget={"trials": 6},
        search={"rungs": [1, 4], "reduction": 2},
        train={"epochs": 4},
    )
    with bench.memory() as memory:
        settings = settings_of(memory.get_run("r1"))
        full = [row for row in memory.trials("r1") if row.epochs == 4]
        assert {(row.cost["start_epochs"], row.train_seconds) for row in full} == {(1, 0.1)}
        changes = {"budget": Budget(trials=50, train_seconds=1.0), "confirm": Confirm(top=60, seeds=10)}
        asked = settings.model_copy(update=changes)
        reason = stop_reason(memory, "r1", asked, lambda: 0.0)
    assert "about 80 kept" in reason  # 600 trainings of 4 epochs, of which 3 took 0.1 s


def test_time_that_is_over_ends_the_search_and_not_its_confirmation(lucky):
    clock = SimpleNamespace(monotonic=lambda: 100.0 if lucky.evaluator.trained else 0.0)
    lucky.monkeypatch.setattr(run_module, "time", clock)  # the first trial takes all the time there is
    result = lucky.run(
        workflow="random", budget={"trials": 50, "seconds": 50.0}, confirm={"top": 2, "seeds": 2}
    )
    assert result.run.state == "finished"
    assert "seconds is spent" in result.reason
    assert [len(one.accuracies) for one in confirmed(lucky)] == [2]
    assert result.test is not None


def test_a_table_has_no_noise_to_measure(bench):
    with pytest.raises(NavarchError, match="a table says the same for every seed: there is no noise"):
        bench.run(evaluator="table", task="nb201-cifar10", confirm={"top": 3})


def test_limits_hold_in_a_confirmation(lucky):
    lucky.run(workflow="collm-nas", budget={"trials": 10}, confirm={"top": 3}, limits={"max_params": 40_000})
    assert all(one.trial.params <= 40_000 for one in confirmed(lucky))
    assert confirmed(lucky)


def test_a_search_by_halving_confirms_what_was_trained_in_full(lucky):
    lucky.run(
        workflow="halving",
        budget={"trials": 12},
        confirm={"top": 2, "seeds": 2},
        search={"rungs": [1, 4], "reduction": 2},
        train={"epochs": 4},
    )
    with lucky.memory() as memory:
        assert {row.epochs for row in memory.repeats("r1")} == {4}


def test_the_setting_refuses_a_single_fresh_seed(bench):
    with pytest.raises(NavarchError, match=r"confirm\.seeds"):
        load_settings(None, {"confirm": {"top": 1, "seeds": 1}})
