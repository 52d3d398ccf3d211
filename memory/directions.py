"""Directions: where a round is to go; stored where the reply of the round that gave it does not say the same."""

import json
from collections.abc import Mapping
from typing import Any

from navarch.memory.calls import Calls
from navarch.memory.connection import damaged
from navarch.memory.errors import StoreError
from navarch.memory.text import canonical_json


class Directions(Calls):
    """The directions of rounds. One that a reply says is stored as a JSON string: the end of the call's id."""

    def set_direction(
        self, run_id: str, round: int, direction: Mapping[str, Any], call_id: str | None = None
    ) -> None:
        """Store the Navigator's direction of a round, once. call_id: the call of this round that gave it.

        Raises: StoreError for a different one, and for a round that was never opened.
        """
        whole = canonical_json(direction, field="direction")
        with self._store.transaction():
            known = self.direction(run_id, round)
            if known is None:
                stored = whole if call_id is None else self._shortest(whole, run_id, round, call_id)
                sql = "UPDATE rounds SET direction = ? WHERE run_id = ? AND round = ?"
                self._store.rows(sql, (stored, run_id, round))
            elif canonical_json(known) != whole:
                raise StoreError(
                    f"Round {round} of {run_id!r} has another direction already; keep the first."
                )

    def direction(self, run_id: str, round: int) -> dict[str, Any] | None:
        """Return the direction of a round, or None while it has none. Raises: StoreError if it was never opened."""
        row = self._store.row("SELECT direction FROM rounds WHERE run_id = ? AND round = ?", (run_id, round))
        if row is None:
            raise StoreError(f"The run {run_id!r} has no round {round!r}; open it first.")
        if row[0] is None:
            return None
        try:
            found = json.loads(row[0])
        except (ValueError, TypeError, RecursionError):
            found = None
        if isinstance(found, str):
            found = self._said(f"{_place(run_id, round)}{found}")
        if not isinstance(found, dict):
            raise damaged(self._store.path, f"the direction of round {round} of {run_id!r} is not readable")
        return found

    def _shortest(self, whole: str, run_id: str, round: int, call_id: str) -> str:
        """Return what is stored: which call of the round says it, or the direction itself."""
        place = _place(run_id, round)
        if not call_id.startswith(place) or canonical_json(self._said(call_id)) != whole:
            return whole
        return canonical_json(call_id.removeprefix(place))

    def _said(self, call_id: str) -> Any:
        """Return what the reply of a call was read as; None where there is none."""
        row = self._store.row(
            "SELECT parsed, reply FROM calls WHERE call_id = ? AND state = 'ok'", (call_id,)
        )
        if row is None:
            return None
        try:
            return json.loads(self.text(row[1]) if row[0] is None else row[0])
        except (ValueError, TypeError, RecursionError):
            return None


def _place(run_id: str, round: int) -> str:
    """Return how the ids of the calls of a round begin."""
    return f"{run_id}/r{round}."
