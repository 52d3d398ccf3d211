"""Answers that cost nothing: those of offline twins, and those that the memory already holds to the same question."""

import json
from collections.abc import Sequence
from typing import Unpack

from navarch.memory.calls import CACHED, REPLAYED, Calls, apart
from navarch.memory.entries import Asked, CallKey
from navarch.memory.questions import CALLS
from navarch.memory.rows import CallRow, CallSource
from navarch.memory.text import message_digests

_SAME_QUESTION = "messages = ? AND schema_digest = ? AND prompt_digest = ? AND state = 'ok'"
_SERVER = "(SELECT json_extract(settings, '$.server.base_url') FROM runs WHERE runs.run_id = {})"
# An imported run does not say which server answered it: what it lacks, every run that was made here has.
_MADE_HERE = (
    "(SELECT json_type(settings, '$.server.timeout_s') FROM runs WHERE runs.run_id = calls.run_id) NOT NULL"
)
_EARLIER = (
    f"WHERE {_SAME_QUESTION} AND model = ? AND run_id != ? AND {_MADE_HERE} "
    f"AND {_SERVER.format('calls.run_id')} IS {_SERVER.format('?')} ORDER BY rowid LIMIT 1 OFFSET "
    f"(SELECT count(*) FROM calls WHERE {_SAME_QUESTION} AND run_id = ? AND model IN (?, ?))"
)


def is_copied(call: CallRow) -> bool:
    """Return whether an earlier call answered this one: a recorded run's or, from the cache, another run's."""
    return call.model.startswith((REPLAYED, CACHED))


class Answers(Calls):
    """Calls, those that are answered at once, and the search for one that another run has made already."""

    def answer_call(self, key: CallKey, *, source: CallSource, reply: str, **asked: Unpack[Asked]) -> None:
        """Store a call that cost nothing, with its reply, in one step; twice is fine.

        reply: JSON of what was said and nothing else. Raises: StoreError where it is settled with another reply.
        """
        with self._store.transaction("call.settled"):
            if self.get_call(key) is not None:  # a crash left a reservation: its tokens are lost
                self.reserve_call(key, source=source, reserved_tokens=0, **asked)
                self.settle_call(key.call_id, state="ok", reply=reply, parsed=json.loads(reply))
                return
            with self._store.transaction("call.reserved"):
                values = self._asked(key, asked)
            answer = {
                "state": "ok",
                "source": source,
                "reply": self._keep_answer(key.run_id, asked["prompt"], "reply", reply),
                "parsed": apart(reply, json.loads(reply)) if "\\u" in reply else None,
                "reserved_tokens": 0,
                "ended_at": values["started_at"],
            }
            self._store.rows(*CALLS.insert(values | answer))

    def find_answer(
        self,
        run_id: str,
        *,
        model: str,
        prompt_digest: str,
        messages: Sequence[tuple[str, str]],
        schema_digest: str,
    ) -> CallRow | None:
        """Return a call of another run in which this model of the same server answered the same question well.

        The same: prompt file (its sampling settings are in it), messages and reply schema. A run that asks again gets
        the next such answer, so that repeated questions stay as independent as they were.
        """
        question = (message_digests(messages), schema_digest, prompt_digest)
        own = (run_id, model, f"{CACHED}{model}")
        parameters = (*question, model, run_id, run_id, *question, *own)
        row = self._store.row(f"{CALLS.select} {_EARLIER}", parameters)
        return None if row is None else self._read(row)
