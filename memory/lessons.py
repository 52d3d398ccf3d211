"""What the Distiller keeps of the trials, and the test score that ends a run."""

from collections.abc import Sequence

from navarch.memory.errors import StoreError, UnknownLessonError, UnknownTrialError
from navarch.memory.layout import Layout, Table, integer, number, optional_text, text
from navarch.memory.rows import LessonRow, TestScoreRow
from navarch.memory.text import canonical_json

_LESSONS = Layout("lessons", LessonRow, json=["supports", "contradicts"])
_SCORES = Layout("test_scores", TestScoreRow)


class Lessons(Table):
    """Lessons of runs, each tied to the trials for and against it."""

    def add_lesson(
        self,
        run_id: str,
        round: int,
        statement: str,
        dimension: str | None,
        option: str | None,
        effect: str,
        supports: Sequence[int],
        contradicts: Sequence[int],
    ) -> LessonRow:
        """Store a lesson, numbered on from the run's last; the same statement of a round is stored once.

        Raises: UnknownTrialError when it names trials that the run does not have.
        """
        statement = text(statement, "statement")
        with self._store.transaction("lesson.stored"):
            found = self._store.row(
                f"{_LESSONS.select} WHERE run_id = ? AND round = ? AND statement = ?",
                (run_id, round, statement),
            )
            if found is not None:
                return _LESSONS.read(self._store, found)
            self._check_trials(run_id, [*supports, *contradicts])
            last = self._store.row("SELECT coalesce(max(number), 0) FROM lessons WHERE run_id = ?", (run_id,))
            lesson = 1 + (last[0] if last else 0)
            values: dict[str, object] = {
                "lesson_id": f"{run_id}/l{lesson}",
                "run_id": run_id,
                "number": lesson,
                "round": integer(round, "round"),
                "statement": statement,
                "dimension": optional_text(dimension, "dimension"),
                "option": optional_text(option, "option"),
                "effect": text(effect, "effect"),
                "supports": canonical_json(list(supports)),
                "contradicts": canonical_json(list(contradicts)),
                "state": "active",
            }
            self._store.rows(*_LESSONS.insert(values))
            return self._lesson(run_id, lesson)

    def retire_lesson(self, run_id: str, number: int, round: int) -> LessonRow:
        """Store that a lesson was refuted in a round; a retired one stays as it is.

        Raises: UnknownLessonError when the run has no lesson of that number.
        """
        with self._store.transaction():
            sql = (
                "UPDATE lessons SET state = 'retired', retired_round = ? "
                "WHERE run_id = ? AND number = ? AND state = 'active'"
            )
            self._store.rows(sql, (integer(round, "round"), run_id, number))
            return self._lesson(run_id, number)

    def lessons(self, run_id: str, *, active: bool = True) -> list[LessonRow]:
        """Return the run's lessons by number: the active ones, or with `active=False` all of them."""
        where = "run_id = ? AND state = 'active'" if active else "run_id = ?"
        rows = self._store.rows(f"{_LESSONS.select} WHERE {where} ORDER BY number", (run_id,))
        return [_LESSONS.read(self._store, row) for row in rows]

    def _lesson(self, run_id: str, lesson: int) -> LessonRow:
        row = self._store.row(f"{_LESSONS.select} WHERE run_id = ? AND number = ?", (run_id, lesson))
        if row is None:
            raise UnknownLessonError(f"The run {run_id!r} has no lesson {lesson!r}.")
        return _LESSONS.read(self._store, row)

    def _check_trials(self, run_id: str, numbers: Sequence[int]) -> None:
        for cited in numbers:
            sql = "SELECT 1 FROM trials WHERE run_id = ? AND number = ?"
            if self._store.row(sql, (run_id, integer(cited, "trial number"))) is None:
                raise UnknownTrialError(
                    f"The lesson names trial {cited}, which the run {run_id!r} does not have."
                )


class TestScores(Table):
    """Test scores: the sealed split, read once a run."""

    __test__ = False  # not a test class, whatever its name says to pytest

    def set_test_score(
        self, run_id: str, trial_id: str, accuracy: float, val_accuracy: float, seconds: float
    ) -> TestScoreRow:
        """Store the run's test score, once. Raises: StoreError for a second, different one."""
        values = {
            "run_id": run_id,
            "trial_id": trial_id,
            "accuracy": number(accuracy, "accuracy"),
            "val_accuracy": number(val_accuracy, "val_accuracy"),
            "seconds": number(seconds, "seconds"),
            "created_at": self._store.now(),
        }
        with self._store.transaction():
            stored = self.test_score(run_id)
            if stored is None:
                self._store.rows(*_SCORES.insert(values))
                return TestScoreRow(**values)  # type: ignore[arg-type]
            if (stored.trial_id, stored.accuracy) != (trial_id, values["accuracy"]):
                raise StoreError(
                    f"The run {run_id!r} has its test score already; it is read once, and stays."
                )
            return stored

    def test_score(self, run_id: str) -> TestScoreRow | None:
        """Return the run's test score, or None while it is sealed."""
        row = self._store.row(f"{_SCORES.select} WHERE run_id = ?", (run_id,))
        return None if row is None else _SCORES.read(self._store, row)
