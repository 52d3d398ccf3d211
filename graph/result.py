"""How a run stands: its best, its test score, and what it has cost."""

from dataclasses import dataclass
from pathlib import Path

from navarch.graph.confirmation import score_of, winner_of
from navarch.graph.lock import is_held
from navarch.graph.money import money_of
from navarch.graph.paths import lock_file
from navarch.graph.settings import Settings
from navarch.memory import Memory, ReplySources, RunRow, TestScoreRow, TrialRow


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a segment of a run ended: `money` is None where no price is stated, `signal` 0 if none stopped it."""

    run: RunRow
    reason: str
    best: TrialRow | None
    test: TestScoreRow | None
    replies: ReplySources
    money: float | None
    signal: int


def state_now(run: RunRow, db: Path) -> str:
    """Return the run's state; one that nothing works on reads `interrupted`, whatever it last stored."""
    is_open = run.state in ("running", "finishing")
    return "interrupted" if is_open and not is_held(lock_file(db, run.run_id)) else run.state


def result_of(memory: Memory, run: RunRow, settings: Settings, signal: int = 0) -> RunResult:
    """Return how a run stands, read from the memory."""
    best = winner_of(memory, run.run_id, settings)
    test = score_of(memory, best)
    replies, money = memory.reply_sources(run.run_id), money_of(memory, run.run_id, settings)
    return RunResult(run, run.stop_reason or "", best, test, replies, money, signal)
