"""Where a run's files lie: the memory, and beside it a private folder for checkpoints, locks and what runs now."""

import shlex
from pathlib import Path

from navarch import NavarchError


def db_flag(db: Path) -> str:
    """Return what a suggested command needs to find this memory again: nothing for the default."""
    return "" if db == Path("navarch.db") else f" --db {shlex.quote(str(db))}"


def checkpoint_file(db: Path) -> Path:
    """Return the file of LangGraph's checkpoints."""
    return _folder(db) / f"{db.name}.checkpoints"


def lock_file(db: Path, run_id: str) -> Path:
    """Return the lock file of a run."""
    return _folder(db) / f"{db.name}.{run_id}.lock"


def live_folder(db: Path, run_id: str) -> Path:
    """Return the folder of what a run's trials tell while they run."""
    return _folder(db) / f"{db.name}.{run_id}.live"


def live_file(db: Path, run_id: str, name: str) -> Path:
    """Return one of its files: a trial's, by its number, or the final test's."""
    return live_folder(db, run_id) / f"{name}.jsonl"


def weights_folder(db: Path, run_id: str) -> Path:
    """Return the folder of the weights that trials of a run may go on from."""
    return _folder(db) / f"{db.name}.{run_id}.weights"


def make_folder(db: Path) -> None:
    """Make the folder of both, for this user alone."""
    folder = _folder(db)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise NavarchError(f"folder {str(folder)!r} cannot be made: {error.strerror}") from None


def _folder(db: Path) -> Path:
    return db.parent / ".navarch"
