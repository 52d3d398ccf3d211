"""Model calls: reserved before they are made, settled after, each text stored once.

A reservation that a crash left open is never forgotten: making the call again moves its tokens to
`lost_tokens` and counts one more try, so that what was spent stays spent. Every request counts: `attempts` of
a settled call. Not covered: retries inside a try that a crash interrupted; it counts as one request.
A call that an earlier one answered (`replay:...`, `cache:...`) counts against the limits as the earlier did, so that
the same search ends at the same place; `Spent` says how much of its ledger was free.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from navarch.memory.connection import damaged
from navarch.memory.entries import Asked, CallKey, CallLimit, Prices
from navarch.memory.errors import BudgetExhausted, StoreError
from navarch.memory.layout import integer, optional_number, optional_text
from navarch.memory.ledger import trained
from navarch.memory.questions import CALLS, Questions
from navarch.memory.rows import CallRow, CallSource, ReplySources, SettledState, Spent
from navarch.memory.text import MESSAGE_CAP, canonical_json, clean_text

PLAUSIBLE_TOKENS = 10**9
"""Usage above this, or below zero, is a server's mistake: unknown, so that the reservation counts."""

REPLAYED = "replay:"
"""How the model of a call begins that a recorded run answered; the run's id follows."""

CACHED = "cache:"
"""How the model of a call begins that an equal call of another run answered; that call's model follows."""

_SPENT = (
    "SELECT coalesce(sum(tries - 1 + attempts), 0), "
    "coalesce(sum(lost_tokens + coalesce(input_tokens + output_tokens, reserved_tokens)), 0) "
    "FROM calls WHERE run_id = ? AND source = 'model'"
)
_IS_FREE = f"(model GLOB '{REPLAYED}*' OR model GLOB '{CACHED}*')"
_CACHED = "SELECT coalesce(sum(cached_tokens), 0) FROM calls WHERE run_id = ? AND source = 'model'"
_FREE = f"{_SPENT} AND {_IS_FREE}"

# Of open, lost and unreported tokens nobody knows the kind: they count as the dearer one.
_MONEY = (
    "SELECT coalesce(sum(lost_tokens * ?2 + CASE "
    "WHEN input_tokens + output_tokens IS NULL THEN reserved_tokens * ?2 "
    "ELSE input_tokens * ?3 + output_tokens * ?4 END), 0) / 1e6 "
    "FROM calls WHERE run_id = ?1 AND source = 'model'"
)

# The last failed turn of the question that fell back last.
_BEFORE_FALLBACK = (
    "SELECT failed.error FROM calls AS fallback JOIN calls AS failed "
    "USING (run_id, round, role, attempt) "
    "WHERE run_id = ? AND fallback.source = 'fallback' AND fallback.state = 'ok' "
    "AND failed.state IN ('bad-reply', 'error') AND failed.turn < fallback.turn "
    "ORDER BY fallback.rowid DESC, failed.turn DESC LIMIT 1"
)


class Calls(Questions):
    """The trace of a run: every call, its prompt, reply, errors and cost."""

    def reserve_call(
        self,
        key: CallKey,
        *,
        source: CallSource,
        reserved_tokens: int,
        limit: CallLimit | None = None,
        **asked: Unpack[Asked],
    ) -> CallRow:
        """Store that a call is about to be made, within the limit; a settled call is returned as it is.

        A reservation that a crash left counts as lost and is renewed.
        Raises: BudgetExhausted, with nothing written, when a "model" call would pass the limit.
        """
        with self._store.transaction("call.reserved"):
            before = self.get_call(key)
            if before is not None and before.state != "reserved":
                return before
            tokens = integer(reserved_tokens, "reserved_tokens")
            if source == "model" and limit is not None:
                self.refuse_over_limit(key.run_id, tokens, limit)
            values = self._asked(key, asked) | {
                "state": "reserved",
                "source": source,
                "reserved_tokens": tokens,
                "tries": 1 if before is None else before.tries + 1,
                "lost_tokens": 0 if before is None else before.lost_tokens + before.reserved_tokens,
            }
            renewed = ", ".join(f"{name} = excluded.{name}" for name in values if name != "call_id")
            conflict = f"ON CONFLICT (call_id) DO UPDATE SET {renewed} {CALLS.returning}"
            (stored,) = self._store.rows(*CALLS.insert(values, conflict=conflict))
            return self._read(stored)

    def settle_call(
        self,
        call_id: str,
        *,
        state: SettledState,
        reply: str | None = None,
        reasoning: str | None = None,
        parsed: Any = None,
        error: str | None = None,
        reply_error: Mapping[str, Any] | None = None,
        attempts: int = 1,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cached_tokens: int | None = None,
        latency_s: float | None = None,
    ) -> CallRow:
        """Store how a call ended, once. Missing or implausible usage leaves the reservation as its cost.

        `error` is for people, `reply_error` the same as data; `attempts` is how many requests were sent.
        Raises: StoreError for a second, different settlement, or a failure without its error text.
        """
        with self._store.transaction("call.settled"):
            before = self._call(call_id)
            answer = {
                "state": state,
                "reply": self._keep_answer(before.run_id, before.prompt, "reply", reply),
                "reasoning": self._keep_answer(before.run_id, before.prompt, "reasoning", reasoning),
                "parsed": apart(reply, parsed),
                "error": optional_text(error, "error"),
                "reply_error": None
                if reply_error is None
                else canonical_json(reply_error, field="reply_error"),
            }
            if before.state != "reserved":
                if (before.state, before.reply) != (answer["state"], answer["reply"]):
                    raise StoreError(f"The call {call_id!r} is settled with another reply; the first stays.")
                return before
            values = answer | {
                "attempts": integer(attempts, "attempts"),
                "input_tokens": _plausible(input_tokens),
                "output_tokens": _plausible(output_tokens),
                "cached_tokens": _plausible(cached_tokens),
                "latency_s": optional_number(latency_s, "latency_s"),
                "ended_at": self._store.now(),
            }
            changes = ", ".join(f"{name} = ?" for name in values)
            sql = f"UPDATE calls SET {changes} WHERE call_id = ? {CALLS.returning}"
            (stored,) = self._store.rows(sql, [*values.values(), call_id])
            return self._read(stored, reply)

    def get_call(self, key: CallKey) -> CallRow | None:
        """Return the call with this key, whatever its state."""
        row = self._store.row(f"{CALLS.select} WHERE call_id = ?", (key.call_id,))
        return None if row is None else self._read(row)

    def calls(
        self, run_id: str, *, role: str | None = None, round: int | None = None, failed: bool = False
    ) -> list[CallRow]:
        """Return the run's calls in order, of one role or round if given.

        `failed` leaves those that failed and those in which an offline twin stepped in for a model.
        """
        where = "run_id = ?"
        parameters: list[object] = [run_id]
        for name, value in (("role", role), ("round", round)):
            if value is not None:
                where += f" AND {name} = ?"
                parameters.append(value)
        if failed:
            where += " AND (state IN ('bad-reply', 'error') OR source = 'fallback')"
        rows = self._store.rows(f"{CALLS.select} WHERE {where} ORDER BY round, rowid", parameters)
        return [self._read(row) for row in rows]

    def text(self, digest: str) -> str:
        """Return a stored prompt or reply. Raises: StoreError if there is none, or if it changed."""
        return self._texts.read(digest)

    def rendered(self, call: CallRow) -> list[tuple[str, str]]:
        """Return the (role, text) messages of a call as they were sent."""
        return [(role, self.text(digest)) for role, digest in call.messages]

    def spent(self, run_id: str) -> Spent:
        """Return the run's ledger; open and lost reservations count as spent."""
        search, repeats = trained(self._store, run_id)
        ((calls, tokens),) = self._store.rows(_SPENT, (run_id,))
        ((free_calls, free_tokens),) = self._store.rows(_FREE, (run_id,))
        ((cached,),) = self._store.rows(_CACHED, (run_id,))
        return Spent(
            trials=search.finished,
            reused=search.reused,
            waiting=search.waiting,
            running=search.running,
            calls=calls,
            tokens=tokens,
            train_seconds=search.seconds + repeats.seconds,
            free_calls=free_calls,
            free_tokens=free_tokens,
            cached_tokens=cached,
            repeats=repeats.finished,
            repeat_seconds=repeats.seconds,
        )

    def money(self, run_id: str, prices: Prices, *, free: bool = False) -> float:
        """Return what the run's calls cost at these prices; open and lost reservations count as spent.

        free: only those that earlier runs answered, at what they would have cost.
        """
        sql = f"{_MONEY} AND {_IS_FREE}" if free else _MONEY
        ((money,),) = self._store.rows(sql, (run_id, max(prices), *prices))
        return float(money)

    def reply_sources(self, run_id: str) -> ReplySources:
        """Return how many of the run's replies came from the model, from offline roles, and from fallbacks."""
        counts = dict.fromkeys(("model", "offline", "fallback"), 0)
        sql = "SELECT source, count(*) FROM calls WHERE run_id = ? AND state = 'ok' GROUP BY source"
        counts.update(self._store.rows(sql, (run_id,)))
        failed = self._store.row(_BEFORE_FALLBACK, (run_id,))
        return ReplySources(**counts, last_error=None if failed is None else failed[0])

    def refuse_over_limit(self, run_id: str, tokens: int, limit: CallLimit) -> None:
        """Raise BudgetExhausted when one more model call of so many tokens would pass the limit."""
        ((calls, spent),) = self._store.rows(_SPENT, (run_id,))
        if limit.max_calls is not None and calls + 1 > limit.max_calls:
            raise BudgetExhausted("calls", limit.max_calls)
        if limit.max_tokens is not None and spent + tokens > limit.max_tokens:
            raise BudgetExhausted("tokens", limit.max_tokens)
        if limit.max_money is not None and limit.prices is not None:
            money = self.money(run_id, limit.prices) + limit.prices.most(tokens)
            if money > limit.max_money:
                raise BudgetExhausted("money", limit.max_money)

    def _read(self, cells: Sequence[Any], reply: str | None = None) -> CallRow:
        """Return a stored call; a reply that is only the parsed data is stored as text alone (`reply`, if known)."""
        row = CALLS.read(self._store, cells)
        if row.state != "ok" or row.parsed is not None or row.reply is None:
            return row
        try:
            stored = self.text(row.reply) if reply is None else clean_text(reply, cap=MESSAGE_CAP)
            return replace(row, parsed=json.loads(stored))
        except ValueError as error:
            raise damaged(self._store.path, f"the reply of call {row.call_id!r} is not readable") from error

    def _call(self, call_id: str) -> CallRow:
        row = self._store.row(f"{CALLS.select} WHERE call_id = ?", (call_id,))
        if row is None:
            raise StoreError(
                f"The memory {str(self._store.path)!r} has no call {call_id!r}; reserve it first."
            )
        return self._read(row)


def apart(reply: str | None, parsed: Any) -> str | None:
    """Return parsed data as it is stored: not at all where the reply is the JSON of it and nothing else."""
    if parsed is None:
        return None
    stored = canonical_json(parsed, field="parsed")
    if reply is None or "\\u" in reply:  # an escape may stand for what is stored otherwise
        return stored
    try:
        said = canonical_json(json.loads(clean_text(reply, cap=MESSAGE_CAP)))
    except (ValueError, RecursionError, StoreError):
        return stored
    return None if said == stored else stored


def _plausible(tokens: int | None) -> int | None:
    return tokens if type(tokens) is int and 0 <= tokens <= PLAUSIBLE_TOKENS else None
