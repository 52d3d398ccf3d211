"""What Generators emitted, with why each was or was not made a trial."""

from collections.abc import Sequence
from dataclasses import replace

from navarch.memory.entries import NewProposal, ProposalUpdate
from navarch.memory.errors import StoreError
from navarch.memory.layout import Layout, Table, integer, optional_text, text
from navarch.memory.rows import CANDIDATE, ProposalRow, ProposalStatus
from navarch.memory.text import canonical_json, whole_json

_PROPOSALS = Layout("proposals", ProposalRow, json=["architecture", "problems", "verdict"])
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
            for item in items:
                values = _values(run_id, round, attempt, item)
                conflict = "ON CONFLICT (run_id, round, attempt, position) DO NOTHING"
                self._store.rows(*_PROPOSALS.insert(values, conflict=conflict))
            return self.proposals(run_id, round, attempt)

    def judge_proposals(self, run_id: str, updates: Sequence[ProposalUpdate]) -> None:
        """Store what became of proposals: the validator's facts, the Critic's verdicts. All or none.

        Raises: StoreError for a proposal that the run does not have.
        """
        with self._store.transaction():
            for update in updates:
                found = {name: value for name, value in _facts(update).items() if value is not None}
                if update.is_whole:
                    found["raw"] = _AS_ARCHITECTURE
                changes = ", ".join(f"{name} = ?" for name in found)
                where = "proposal_id = ? AND run_id = ? RETURNING proposal_id"
                parameters = (*found.values(), update.proposal_id, run_id)
                if not self._store.rows(f"UPDATE proposals SET {changes} WHERE {where}", parameters):
                    raise StoreError(f"The run {run_id!r} has no proposal {update.proposal_id!r} to judge.")

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


def _facts(update: ProposalUpdate) -> dict[str, str | None]:
    return {
        "status": update.status,
        "architecture": _json(update.architecture, "architecture"),
        "code": optional_text(update.code, "code"),
        "digest": optional_text(update.digest, "digest"),
        "problems": _json(update.problems, "problems"),
        "verdict": _json(update.verdict, "verdict"),
    }


def _json(value: object, field: str) -> str | None:
    return None if value is None else canonical_json(value, field=field)
