"""A model for tests: it answers from a list, and remembers what it was asked."""

from collections.abc import Callable, Sequence
from typing import Any

from navarch.agents.model import Completion, Message
from navarch.prompts import Sampling

Item = str | Completion | Exception | Callable[[tuple[Message, ...]], str]


class ScriptedModel:
    """Gives the items of its script in order: an exception is raised, a function is asked."""

    def __init__(self, script: Sequence[Item], name: str = "openai:scripted") -> None:
        self.script = list(script)
        self.name = name
        self.asked: list[tuple[Message, ...]] = []
        self.schemas: list[dict[str, Any] | None] = []
        self.samplings: list[Sampling] = []

    def complete(
        self,
        messages: tuple[Message, ...],
        *,
        schema: dict[str, Any] | None,
        sampling: Sampling,
        max_attempts: int | None = None,
    ) -> Completion:
        self.asked.append(messages)
        self.schemas.append(schema)
        self.samplings.append(sampling)
        assert self.script, f"call {len(self.asked)} is one more than the script has"
        item = self.script.pop(0)
        if isinstance(item, Exception):
            raise item
        if callable(item):
            item = item(messages)
        return item if isinstance(item, Completion) else Completion(item, input_tokens=100, output_tokens=20)
