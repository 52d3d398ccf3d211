"""What the trials of a run add to its ledger: those of its search, and the repeats beside them."""

from typing import NamedTuple

from navarch.memory.connection import Store
from navarch.memory.rows import REPEATS

_SUMS = (
    "SELECT state, count(*), count(reused_from), sum(CASE WHEN reused_from IS NULL THEN train_seconds ELSE 0 END) "
    "FROM trials WHERE run_id = ?"
)


class Trained(NamedTuple):
    """Trials by state, how many were reused, and the seconds that training took."""

    finished: int
    reused: int
    waiting: int
    running: int
    seconds: float


def trained(store: Store, run_id: str) -> tuple[Trained, Trained]:
    """Return what the search trained, and what its repeats did: together they are all trials of the run."""
    whole = _sums(store, f"{_SUMS} GROUP BY state", run_id)
    repeats = _sums(store, f"{_SUMS} AND round = {REPEATS} GROUP BY state", run_id)
    search = Trained(
        whole.finished - repeats.finished,
        whole.reused - repeats.reused,
        whole.waiting - repeats.waiting,
        whole.running - repeats.running,
        max(0.0, whole.seconds - repeats.seconds),
    )
    return search, repeats


def _sums(store: Store, sql: str, run_id: str) -> Trained:
    counts, reused, seconds = dict.fromkeys(("waiting", "running", "finished"), 0), 0, 0.0
    for state, trials, from_others, took in store.rows(sql, (run_id,)):
        counts[state if state in counts else "finished"] += trials
        reused += from_others
        seconds += took
    return Trained(counts["finished"], reused, counts["waiting"], counts["running"], seconds)
