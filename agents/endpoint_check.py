"""Try out what one model of one server can do, with one tiny request for each way of asking for a reply.

A list of models, a completion each as plain text, JSON object and JSON schema, and again what a refused parameter or a
failing server costs. What was found is remembered for later runs.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from navarch import NavarchError
from navarch.agents.endpoint import ANY, Format, fresh_dialect
from navarch.agents.endpoint_models import Offered, find_offered, offered_models
from navarch.agents.errors import ModelError, ReplyError
from navarch.agents.model import OPENAI_URL, Completion, Message, check_base_url, make_client
from navarch.agents.openai_model import OpenAIModel
from navarch.agents.parse import parse_reply, split_reasoning
from navarch.agents.redaction import Secret
from navarch.agents.replies import Reply
from navarch.agents.schema import reply_schema
from navarch.prompts import Rendered

ORDER: tuple[Format, ...] = ("none", "json_object", "json_schema")
SHOWN_NAMES = 8


class Colour(Reply):
    """What the request for a check asks for."""

    colour: Literal["red", "orange", "yellow", "green", "blue", "indigo", "violet"]


@dataclass(frozen=True, slots=True)
class Tried:
    """One way of asking for a reply: whether the server took it, and whether the reply has the form asked for.

    refusal: the server's words, "" if it took it.
    """

    format: Format
    is_accepted: bool
    is_kept: bool
    refusal: str
    requests: int
    completion: Completion | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a model of a server can do. format: how replies will be asked for; models: how many it lists, if any."""

    host: str
    model: str
    models: int | None
    offered: Offered | None
    tried: tuple[Tried, ...]
    format: Format
    sends_temperature: bool

    @property
    def completions(self) -> list[Completion]:
        """Return the answers that came."""
        return [one.completion for one in self.tried if one.completion is not None]

    @property
    def reports_usage(self) -> bool:
        """Tell whether every answer came with its token counts."""
        return all(None not in (one.input_tokens, one.output_tokens) for one in self.completions)

    @property
    def reasoning(self) -> Literal["apart", "in the reply", "none seen"]:
        """Return where the reasoning comes: in a field of its own, between tags such as <think>, or not at all."""
        if any(one.reasoning for one in self.completions):
            return "apart"
        inside = any(split_reasoning(one.text)[1] for one in self.completions)
        return "in the reply" if inside else "none seen"

    @property
    def requests(self) -> int:
        """Return how many completions were requested, refused ones and repetitions included."""
        return sum(one.requests for one in self.tried)

    @property
    def prices(self) -> tuple[float, float] | None:
        """Return what the server says a million input and output tokens cost, if it does."""
        return self.offered.prices if self.offered else None

    @property
    def seconds(self) -> float:
        """Return the median seconds of a call."""
        return statistics.median(one.latency_s for one in self.completions)


def check_model(
    model: str, prompt: Rendered, *, base_url: str | None, api_key: Secret | None, timeout_s: float
) -> Checked:
    """Return what a model can do, and remember how to ask it. `prompt`: what it is asked; see `prompts/check.md`.

    Raises: NavarchError for what makes it useless: no server, a refused key, an unknown model, a useless answer.
    """
    make_client(f"openai:{model}", base_url=base_url, api_key=api_key)  # refuses a bad name, URL or key
    url = check_base_url(base_url or OPENAI_URL)
    host, dialect = urlsplit(url).netloc, fresh_dialect(url, model)
    listed = offered_models(url, model, api_key, timeout_s)

    def client(form: Format) -> OpenAIModel:
        return OpenAIModel(
            model,
            base_url=url,
            api_key=api_key,
            timeout_s=timeout_s,
            dialect=dialect,
            only=form,
            max_attempts=2,
        )

    try:
        tried = [_try(client(form), form, prompt) for form in ORDER]
    except ModelError as error:
        if error.kind == "unknown-model" and listed:
            raise NavarchError(f"The server at {host} knows no model {model!r}: {_known(listed)}.") from None
        raise
    chosen = _choose(tried)
    offered = find_offered(listed, url, model, api_key, timeout_s)
    dialect.formats[ANY], dialect.context = chosen, offered.context if offered else None
    dialect.save()
    return Checked(
        host=host,
        model=model,
        models=None if listed is None else len(listed),
        offered=offered,
        tried=tuple(tried),
        format=chosen,
        sends_temperature=dialect.sends_temperature,
    )


def _try(client: OpenAIModel, form: Format, prompt: Rendered) -> Tried:
    """Send one request. Raises: ModelError unless it may be the form alone that the server refuses."""
    messages = (Message("user", prompt.user),)
    try:
        completion = client.complete(messages, schema=reply_schema(Colour, {}), sampling=prompt.sampling)
    except ModelError as error:
        if form == "none" or error.kind not in ("bad-request", "server"):
            raise
        return Tried(form, False, False, str(error), error.attempts, None)
    return Tried(form, True, _is_kept(form, completion.text), "", completion.attempts, completion)


def _is_kept(form: Format, text: str) -> bool:
    """Tell whether a reply is nothing but what was asked for: of a JSON schema its object, else any object."""
    if form == "none":
        return True
    try:
        parsed = parse_reply(text, Colour)
    except ReplyError as error:
        return form == "json_object" and error.code == "wrong-form"
    return parsed.how == "whole"


def _choose(tried: Sequence[Tried]) -> Format:
    """Return the strictest form that the server keeps; else the strictest that it takes, which does no harm."""
    strictest = list(reversed(tried))
    kept = [one.format for one in strictest if one.is_kept and one.format != "none"]
    return [*kept, *(one.format for one in strictest if one.is_accepted)][0]


def _known(listed: Sequence[Offered]) -> str:
    shown = ", ".join(repr(one.name) for one in listed[:SHOWN_NAMES])
    return f"it has {shown}" + (f" and {len(listed) - SHOWN_NAMES} more" if len(listed) > SHOWN_NAMES else "")
