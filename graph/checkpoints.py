"""LangGraph's checkpoints, in a file of their own that may be lost: the memory is the truth.

Strict serializer (a checkpoint can name no function or class) and `synchronous=FULL`, so that a finished node survives
`kill -9`. Where a round takes no time its nodes can be run again at no cost, and only the end of a segment is stored.
Only the newest checkpoint of a run is kept when its segment ends.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from navarch import NavarchError

BUSY_TIMEOUT_S = 30.0


class Saver(SqliteSaver):
    """A SqliteSaver that passes a fault point after each checkpoint that it stores, for the kill tests."""

    def __init__(self, connection: sqlite3.Connection, fault: Callable[[str], None]) -> None:
        super().__init__(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self._fault = fault

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint."""
        stored = super().put(config, checkpoint, metadata, new_versions)
        self._fault("checkpoint.put")
        return stored

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store nothing: a superstep of our graphs is one node, and the checkpoint that holds its writes comes next."""

    def keep_newest(self, thread_id: str) -> None:
        """Delete all checkpoints of a thread but the newest."""
        newest = "SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ?"
        with self.conn:
            for table in ("checkpoints", "writes"):
                self.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id < ({newest})",
                    (thread_id, thread_id),
                )


@contextmanager
def open_checkpoints(
    path: Path, fault: Callable[[str], None], note: Callable[[str], None]
) -> Iterator[Saver]:
    """Open the checkpoint file; a damaged one is set aside with a note, since the memory can do without it.

    Raises: NavarchError when the file cannot be used, now or while the block runs.
    """
    with _explained(path):
        saver = _open_or_set_aside(path, fault, note)
        try:
            yield saver
        finally:
            saver.conn.close()


def _open_or_set_aside(path: Path, fault: Callable[[str], None], note: Callable[[str], None]) -> Saver:
    try:
        return _open(path, fault)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        aside = path.with_name(path.name + ".damaged")
        path.replace(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        note(
            f"the checkpoint file was damaged ({error}): it is kept as {aside.name}; the run goes on from the memory"
        )
        return _open(path, fault)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn the errors of the file into one sentence; the memory has its own."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise NavarchError(
            f"the checkpoint file {str(path)!r} cannot be used ({error}): free disk space, or check its path"
        ) from error
    except sqlite3.DatabaseError as error:
        raise NavarchError(
            f"the checkpoint file {str(path)!r} is damaged ({error}): delete it, the memory holds everything"
        ) from error
    except BrokenPipeError:  # of whoever reads what the run prints, not of the file
        raise
    except OSError as error:
        raise NavarchError(f"the checkpoint file {str(path)!r} cannot be used: {error.strerror}") from error


def config_of(run_id: str, rounds: int, retries: int) -> RunnableConfig:
    """Return the graph's config: the run is the thread, and the limit is more supersteps than the run can need."""
    steps_per_round = 6 + 2 * retries
    return {"configurable": {"thread_id": run_id}, "recursion_limit": 50 + steps_per_round * (rounds + 1)}


def _open(path: Path, fault: Callable[[str], None]) -> Saver:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        saver = Saver(connection, fault)
        saver.setup()
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return saver


def stored_position(saver: Saver, config: RunnableConfig) -> dict[str, Any] | None:
    """Return the state values of the newest checkpoint, or None if there is none that can be read as ours."""
    try:
        found = saver.get_tuple(config)
    except ValueError:  # the bytes are no message of the serializer
        return None
    if found is None or not isinstance(found.checkpoint, dict):
        return None
    values = found.checkpoint.get("channel_values")
    kinds = {"run_id": str, "round": int, "attempt": int, "written": int}
    if not isinstance(values, dict) or any(
        not isinstance(values.get(name), kind) for name, kind in kinds.items()
    ):
        return None
    return values
