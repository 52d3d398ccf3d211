"""Models for tests: they remember what they were asked; one answers from a list."""

from collections.abc import Callable, Sequence
from typing import Any

from navarch.agents.model import Completion, Message
from navarch.prompts import Sampling

Item = str | Completion | Exception | Callable[[tuple[Message, ...]], str]


class AskedModel:
    """Remembers what it was asked, and answers with what `reply` makes of the messages."""

    def __init__(self, name: str) -> None:
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
        found = self.reply(messages)
        return (
            found if isinstance(found, Completion) else Completion(found, input_tokens=100, output_tokens=20)
        )

    def reply(self, messages: tuple[Message, ...]) -> str | Completion:
        raise NotImplementedError


class ScriptedModel(AskedModel):
    """Gives the items of its script in order: an exception is raised, a function is asked."""

    def __init__(self, script: Sequence[Item], name: str = "openai:scripted") -> None:
        super().__init__(name)
        self.script = list(script)

    def reply(self, messages: tuple[Message, ...]) -> str | Completion:
        assert self.script, f"call {len(self.asked)} is one more than the script has"
        item = self.script.pop(0)
        if isinstance(item, Exception):
            raise item
        return item(messages) if callable(item) else item
