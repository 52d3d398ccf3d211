import pytest

from navarch.memory import StoreError, UnknownLessonError, UnknownTrialError


def add(memory, statement="3x3 convolutions help on edge 0-1", supports=(1,), contradicts=(), round=0):
    return memory.add_lesson(
        "demo", round, statement, "edge_0_1", "nor_conv_3x3", "helps", supports, contradicts
    )


def test_a_lesson_keeps_its_links_to_trials(memory, make):
    make.add_finished(memory, 3)
    lesson = add(memory, supports=(1, 3), contradicts=(2,))
    assert (lesson.lesson_id, lesson.supports, lesson.contradicts) == ("demo/l1", [1, 3], [2])
    assert memory.lessons("demo") == [lesson]


def test_the_same_statement_of_a_round_is_one_lesson(memory, make):
    make.add_finished(memory, 1)
    assert add(memory) == add(memory)
    assert [add(memory, round=1).number, add(memory, "another").number] == [2, 3]


@pytest.mark.parametrize("cited", [2, 0, -1, 10**6])
def test_a_lesson_on_trials_that_do_not_exist_is_refused(memory, make, cited):
    make.add_finished(memory, 1)
    with pytest.raises(UnknownTrialError, match=str(cited)):
        add(memory, supports=(1,), contradicts=(cited,))
    assert memory.lessons("demo") == []


def test_a_refuted_lesson_is_retired_once_and_kept(memory, make):
    make.add_finished(memory, 1)
    add(memory)
    retired = memory.retire_lesson("demo", 1, round=2)
    assert memory.retire_lesson("demo", 1, round=3) == retired
    assert (retired.state, retired.retired_round) == ("retired", 2)
    assert memory.lessons("demo") == []
    assert memory.lessons("demo", active=False) == [retired]


@pytest.mark.parametrize("number", [4, 0, -1, 10**6])
def test_retiring_an_unknown_lesson_is_an_error_of_its_own_and_changes_nothing(memory, make, number):
    make.add_finished(memory, 1)
    lesson = add(memory)
    with pytest.raises(UnknownLessonError, match=f"no lesson {number}"):
        memory.retire_lesson("demo", number, 1)
    assert memory.lessons("demo") == [lesson]


def test_a_lesson_of_another_run_is_unknown(memory, make):
    make.add_finished(memory, 1)
    add(memory)
    memory.create_run(run_id="second", **make.RUN)
    with pytest.raises(UnknownLessonError, match="'second' has no lesson 1"):
        memory.retire_lesson("second", 1, 1)


def test_an_unknown_trial_is_no_fault_of_the_storage():
    assert not issubclass(UnknownTrialError, StoreError)


def test_the_test_score_is_written_once(memory, make):
    (best,) = make.add_finished(memory, 1)
    assert memory.test_score("demo") is None
    score = memory.set_test_score("demo", best.trial_id, 88.5, 90.0, 3.25)
    assert memory.test_score("demo") == score
    assert memory.set_test_score("demo", best.trial_id, 88.5, 90.0, 9.0) == score
    with pytest.raises(StoreError, match="read once"):
        memory.set_test_score("demo", best.trial_id, 89.0, 90.0, 3.25)


@pytest.mark.parametrize("accuracy", [float("nan"), float("inf"), 100.1, -1.0])
def test_a_test_score_that_cannot_be_true_is_refused(memory, make, accuracy):
    (best,) = make.add_finished(memory, 1)
    with pytest.raises(StoreError):
        memory.set_test_score("demo", best.trial_id, accuracy, 90.0, 1.0)
    assert memory.test_score("demo") is None
