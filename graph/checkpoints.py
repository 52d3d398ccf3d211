"""LangGraph's checkpoints, in a file of their own that may be lost: the memory is the truth.

Strict serializer (a checkpoint can name no function or class) and `synchronous=FULL`, so that a finished node survives
`kill -9`. Only the newest checkpoint of a run is kept when its segment ends.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

BUSY_TIMEOUT_S = 30.0


class Saver(SqliteSaver):
    """A SqliteSaver that passes a fault point after each checkpoint, for the kill tests."""

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

    def keep_newest(self, thread_id: str) -> None:
        """Delete all but the newest checkpoint of a thread."""
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
    """Open the checkpoint file; a damaged one is set aside with a note, since the memory can do without it."""
    try:
        saver = _open(path, fault)
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
        saver = _open(path, fault)
    try:
        yield saver
    finally:
        saver.conn.close()


def config_of(run_id: str, trials: int, retries: int) -> RunnableConfig:
    """Return the graph's config: the run is the thread, and the limit is more supersteps than the run can need."""
    steps_per_round = 6 + 2 * retries
    return {"configurable": {"thread_id": run_id}, "recursion_limit": 50 + steps_per_round * (trials + 1)}


def _open(path: Path, fault: Callable[[str], None]) -> Saver:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        saver = Saver(connection, fault)
        saver.setup()
        connection.execute("SELECT count(*), max(checkpoint_id) FROM checkpoints").fetchone()
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
    kinds = {"run_id": str, "round": int, "attempt": int}
    if not isinstance(values, dict) or any(
        not isinstance(values.get(name), kind) for name, kind in kinds.items()
    ):
        return None
    return values
