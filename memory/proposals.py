"""What Generators emitted, with why each was or was not made a trial."""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from navarch.memory.connection import damaged
from navarch.memory.entries import NewProposal, ProposalUpdate
from navarch.memory.errors import StoreError
from navarch.memory.layout import Layout, Table, integer, optional_text, text
from navarch.memory.numbering import (
    Numbering,
    numbering_of,
    pack_architecture,
    pack_verdict,
    unpack_architecture,
    unpack_verdict,
)
from navarch.memory.rows import CANDIDATE, ProposalRow, ProposalStatus
from navarch.memory.text import canonical_json, whole_json

_PROPOSALS = Layout("proposals", ProposalRow, json=["architecture", "problems"])
_RAW, _ARCHITECTURE, _VERDICT = (_PROPOSALS.names.index(name) for name in ("raw", "architecture", "verdict"))
_KEEP = "ON CONFLICT (run_id, round, attempt, position) DO NOTHING"
_AS_ARCHITECTURE = ""  # stored as `raw` where the proposal says what `architecture` says
_ID = re.compile(r"/r(\d+)\.p(\d+)\.(\d+)", re.ASCII)
_PLACE = "run_id = ? AND round = ? AND attempt = ? AND position = ?"


class Proposals(Table):
    """Proposals: proposed, then valid, invalid or duplicate, then selected, unselected or vetoed."""

    def add_proposals(
        self, run_id: str, round: int, attempt: int, items: Sequence[NewProposal]
    ) -> list[ProposalRow]:
        """Store the proposals of one reply; those of a position that is taken stay as they are.

        Returns: all proposals of that run, round and attempt, in order of position.
        Raises: ValueTooLargeError, with none of them stored, for a `raw` over the cap of a reply.
        """
        with self._store.transaction("proposals.stored"):
            inserts = [
                _PROPOSALS.insert(_values(run_id, round, attempt, item), conflict=_KEEP) for item in items
            ]
            if inserts:
                self._store.many(inserts[0][0], [parameters for _, parameters in inserts])
            return self.proposals(run_id, round, attempt)

    def judge_proposals(self, run_id: str, updates: Sequence[ProposalUpdate]) -> None:
        """Store what became of proposals: the validator's facts, the Critic's verdicts. All or none.

        Raises: StoreError for a proposal that the run does not have.
        """
        with self._store.transaction():
            numbering = self._numbering(run_id)
            changed = [(update.proposal_id, _changes(update, numbering)) for update in updates]
            for columns, group in groupby(changed, key=lambda change: tuple(change[1])):
                changes, rows = ", ".join(f"{name} = ?" for name in columns), list(group)
                sql = f"UPDATE proposals SET {changes} WHERE {_PLACE}"
                parameters = [(*found.values(), *_place(run_id, proposal_id)) for proposal_id, found in rows]
                if self._store.many(sql, parameters) != len(rows):
                    self._refuse_unknown(run_id, [proposal_id for proposal_id, _ in rows])

    def _refuse_unknown(self, run_id: str, proposal_ids: Sequence[str]) -> None:
        for proposal_id in proposal_ids:
            sql = f"SELECT 1 FROM proposals WHERE {_PLACE}"
            if self._store.row(sql, _place(run_id, proposal_id)) is None:
                raise _unknown(run_id, proposal_id)

    def _numbering(self, run_id: str) -> Numbering | None:
        row = self._store.row("SELECT dimensions FROM runs WHERE run_id = ?", (run_id,))
        try:
            return None if row is None else numbering_of(row[0])
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise damaged(self._store.path, f"the dimensions of run {run_id!r} are not readable") from error

    def _proposal(self, values: Sequence[Any], numbering: Numbering | None) -> ProposalRow:
        """Return the proposal of a row. Raises: StoreDamagedError when its JSON cannot be read."""
        cells = list(values)
        try:
            cells[_ARCHITECTURE] = unpack_architecture(cells[_ARCHITECTURE], numbering)
            cells[_VERDICT] = unpack_verdict(cells[_VERDICT])
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            where = f"a row of proposals, {cells[0]!r}, is not readable"
            raise damaged(self._store.path, where) from error
        if cells[_RAW] == _AS_ARCHITECTURE:
            cells[_RAW] = cells[_ARCHITECTURE]
        return _PROPOSALS.read(self._store, cells)

    def count_by_status(self, run_id: str, round: int) -> dict[str, int]:
        """Return how many proposals of a round have each status; what none has is not there."""
        sql = "SELECT status, count(*) FROM proposals WHERE run_id = ? AND round = ? GROUP BY status"
        return dict(self._store.rows(sql, (run_id, round)))

    def proposals(
        self,
        run_id: str,
        round: int | None = None,
        attempt: int | None = None,
        status: ProposalStatus | None = None,
    ) -> list[ProposalRow]:
        """Return the run's proposals, of one round, attempt or status if given, in order."""
        wanted = {"run_id": run_id, "round": round, "attempt": attempt, "status": status}
        given = {name: value for name, value in wanted.items() if value is not None}
        where = " AND ".join(f"{name} = ?" for name in given)
        sql = f"{_PROPOSALS.select} WHERE {where} ORDER BY round, attempt, position"
        rows = self._store.rows(sql, list(given.values()))
        numbering = self._numbering(run_id) if rows else None
        return [self._proposal(row, numbering) for row in rows]

    def count_new(self, run_id: str) -> int:
        """Return how many proposals were valid and new, tried or not; those drawn at random do not count."""
        sql = (
            "SELECT count(*) FROM proposals WHERE run_id = ? AND origin != 'random-fill' "
            f"AND status IN ({', '.join('?' * len(CANDIDATE))})"
        )
        ((count,),) = self._store.rows(sql, (run_id, *CANDIDATE))
        return int(count)


def _values(run_id: str, round: int, attempt: int, item: NewProposal) -> dict[str, object]:
    return {
        "run_id": run_id,
        "round": integer(round, "round"),
        "attempt": integer(attempt, "attempt"),
        "position": integer(item.position, "position"),
        "call_id": item.call_id,
        "origin": text(item.origin, "origin"),
        "raw": whole_json(item.raw, field="raw"),
        "why": text(item.why, "why"),
        "status": "proposed",
        "problems": "[]",
    }


def _place(run_id: str, proposal_id: str) -> tuple[str, int, int, int]:
    """Return the key of a proposal of this run. Raises: StoreError when the id is none that the run gives."""
    found = _ID.fullmatch(proposal_id, len(run_id)) if proposal_id.startswith(run_id) else None
    if found is None:
        raise _unknown(run_id, proposal_id)
    round, attempt, position = (int(number) for number in found.groups())
    return run_id, round, attempt, position


def _unknown(run_id: str, proposal_id: str) -> StoreError:
    return StoreError(f"The run {run_id!r} has no proposal {proposal_id!r} to judge.")


def _changes(update: ProposalUpdate, numbering: Numbering | None) -> dict[str, str]:
    """Return the columns of a proposal that change with their values."""
    facts = {
        "status": update.status,
        "architecture": pack_architecture(update.architecture, numbering),
        "code": optional_text(update.code, "code"),
        "digest": optional_text(update.digest, "digest"),
        "problems": None if update.problems is None else canonical_json(update.problems, field="problems"),
        "verdict": pack_verdict(update.verdict),
        "raw": _AS_ARCHITECTURE if update.is_whole else None,
    }
    return {name: value for name, value in facts.items() if value is not None}
