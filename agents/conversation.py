"""What is sent: a rendered prompt, a stateful role's earlier turns, the repair turn after a bad reply."""

import json
from typing import Any, cast

from navarch.agents.model import Message, MessageRole
from navarch.agents.parse import split_reasoning
from navarch.agents.roles import R, Role
from navarch.agents.views import View
from navarch.memory import CallRow, Memory
from navarch.prompts import PromptLibrary, Rendered

MAX_BAD_REPLIES = 3
QUOTED_REPLY = 8_000

Messages = tuple[Message, ...]


class Conversation:
    """Builds the messages of a call from the prompt files and the run's stored calls."""

    def __init__(self, memory: Memory, library: PromptLibrary) -> None:
        self._memory = memory
        self._library = library

    def open(self, role: Role[R], view: View, run_id: str, round: int) -> tuple[Rendered, Messages]:
        """Return the rendered prompt and the messages that ask it. Raises: PromptError.

        A stateful role's prompt learns by `first` whether it opens the conversation.
        """
        earlier: Messages = ()
        more = {}
        if role.stateful:
            earlier = self._earlier_turns(role, run_id, round)
            more["first"] = not earlier
        prompt = self._library.render(role.prompt, view.lazily(**more))
        return prompt, (Message("system", prompt.system), *earlier, Message("user", prompt.user))

    def add_repair(self, role: Role[R], messages: Messages, bad: list[CallRow]) -> Messages:
        """Return the messages followed by the last bad reply and its exact error, if there is one."""
        if not bad:
            return messages
        left = MAX_BAD_REPLIES - len(bad) - 1
        data = {"role": role.name, "error": bad[-1].reply_error, "left": left}
        repair = self._library.render("repair", data).user
        digest = bad[-1].reply
        reply = split_reasoning(self._memory.text(digest))[0].strip() if digest else ""
        if reply:
            return (*messages, Message("assistant", reply[:QUOTED_REPLY]), Message("user", repair))
        # Servers refuse an empty message, and two of the same sender in a row.
        *before, question = messages
        return (*before, Message("user", f"{question.text}\n\n{repair}"))

    def _earlier_turns(self, role: Role[R], run_id: str, round: int) -> Messages:
        """Return the conversation so far, without repairs: what the role's last call was sent, and its reply.

        Nothing where it has outgrown the role's room since it was opened: it begins anew.
        """
        kept = round if role.turns is None else role.turns
        for earlier in range(round - 1, max(0, round - 1 - kept), -1):
            rows = self._memory.calls(run_id, role=role.name, round=earlier)
            answered = next((row for row in reversed(rows) if row.state == "ok"), None)
            if answered is None:
                continue
            asked = next(row for row in rows if row.attempt == answered.attempt)
            sent = (
                Message(cast(MessageRole, sender), text)
                for sender, text in self._memory.rendered(asked)
                if sender != "system"
            )
            turns = (*sent, Message("assistant", compact(answered.parsed)))[-2 * kept :]
            is_full = role.room is not None and sum(len(one.text) for one in turns[1:]) > role.room
            return () if is_full else turns
        return ()


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def compact(data: Any) -> str:
    """Return plain data as JSON without blanks."""
    return _dumps(data)
