"""Where a run's files lie: the memory, and beside it a private folder for checkpoints and locks."""

from pathlib import Path

from navarch import NavarchError


def private_folder(db: Path) -> Path:
    """Return the `.navarch` folder beside the memory, made with mode 0700 if missing."""
    folder = db.parent / ".navarch"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise NavarchError(f"folder {str(folder)!r} cannot be made: {error.strerror}") from None
    return folder


def checkpoint_file(db: Path) -> Path:
    """Return the file of LangGraph's checkpoints."""
    return private_folder(db) / f"{db.name}.checkpoints"


def lock_file(db: Path, run_id: str) -> Path:
    """Return the lock file of a run."""
    return private_folder(db) / f"{db.name}.{run_id}.lock"
