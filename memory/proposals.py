"""What Generators emitted, with why each was or was not made a trial."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from navarch.memory.entries import NewProposal, ProposalUpdate
from navarch.memory.errors import StoreError
from navarch.memory.layout import Layout, Table, integer, optional_text, text
from navarch.memory.rows import CANDIDATE, ProposalRow, ProposalStatus
from navarch.memory.text import canonical_json, whole_json

_PROPOSALS = Layout("proposals", ProposalRow, json=["architecture", "problems", "verdict"])
_KEEP = "ON CONFLICT (run_id, round, attempt, position) DO NOTHING"
_AS_ARCHITECTURE = ""  # stored as `raw` where the proposal says what `architecture` says


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
            for columns, group in groupby(map(_changes, updates), key=lambda change: tuple(change[1])):
                changes, rows = ", ".join(f"{name} = ?" for name in columns), list(group)
                sql = f"UPDATE proposals SET {changes} WHERE proposal_id = ? AND run_id = ?"
                parameters = [(*found.values(), proposal_id, run_id) for proposal_id, found in rows]
                if self._store.many(sql, parameters) != len(rows):
                    self._refuse_unknown(run_id, [proposal_id for proposal_id, _ in rows])

    def _refuse_unknown(self, run_id: str, proposal_ids: Sequence[str]) -> None:
        for proposal_id in proposal_ids:
            sql = "SELECT 1 FROM proposals WHERE proposal_id = ? AND run_id = ?"
            if self._store.row(sql, (proposal_id, run_id)) is None:
                raise StoreError(f"The run {run_id!r} has no proposal {proposal_id!r} to judge.")

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
        rows = [_PROPOSALS.read(self._store, row) for row in self._store.rows(sql, list(given.values()))]
        return [
            replace(row, raw=canonical_json(row.architecture)) if row.raw == _AS_ARCHITECTURE else row
            for row in rows
        ]

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
        "proposal_id": f"{run_id}/r{round}.p{attempt}.{item.position}",
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


def _changes(update: ProposalUpdate) -> tuple[str, dict[str, str]]:
    """Return the id of a proposal, and the columns that change with their values."""
    facts = {
        "status": update.status,
        "architecture": _json(update.architecture, "architecture"),
        "code": optional_text(update.code, "code"),
        "digest": optional_text(update.digest, "digest"),
        "problems": _json(update.problems, "problems"),
        "verdict": _json(update.verdict, "verdict"),
        "raw": _AS_ARCHITECTURE if update.is_whole else None,
    }
    return update.proposal_id, {name: value for name, value in facts.items() if value is not None}


def _json(value: object, field: str) -> str | None:
    return None if value is None else canonical_json(value, field=field)
