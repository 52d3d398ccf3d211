"""What is asked in a call: the columns that a question fills, its messages kept as texts."""

from navarch.memory.connection import Store
from navarch.memory.entries import Asked, CallKey
from navarch.memory.layout import Layout, Table, integer, text
from navarch.memory.rows import CallRow
from navarch.memory.text import canonical_json
from navarch.memory.texts import Texts

CALLS = Layout("calls", CallRow, json=["messages", "parsed", "reply_error"])


class Questions(Table):
    """The questions of a run, and the texts of its questions and answers."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._texts = Texts(store)

    def _asked(self, key: CallKey, asked: Asked) -> dict[str, object]:
        """Store the messages of a question; return the columns that say what is asked, and from when on."""
        kind = f"{key.run_id}/{asked['prompt']}"
        pairs = [
            (text(r, "message role"), self._texts.keep(said, f"{kind}/{r}")) for r, said in asked["messages"]
        ]
        return {
            "call_id": key.call_id,
            "run_id": key.run_id,
            "round": integer(key.round, "round"),
            "role": text(key.role, "role"),
            "attempt": integer(key.attempt, "attempt"),
            "turn": integer(key.turn, "turn"),
            "model": text(asked["model"], "model"),
            "prompt": text(asked["prompt"], "prompt"),
            "prompt_digest": text(asked["prompt_digest"], "prompt_digest"),
            "prompt_version": text(asked["prompt_version"], "prompt_version"),
            "messages": canonical_json(pairs),
            "schema_digest": text(asked["schema_digest"], "schema_digest"),
            "started_at": self._store.now(),
        }

    def _keep_answer(self, run_id: str, prompt: str, what: str, content: str | None) -> str | None:
        """Store a text of an answer and return its digest."""
        return None if content is None else self._texts.keep(content, f"{run_id}/{prompt}/{what}")
