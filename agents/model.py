"""What a model client is: messages in, one completion out. And how a model's name turns into a client."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from navarch import NavarchError
from navarch.agents.redaction import KEY_ADVICE, Secret

if TYPE_CHECKING:
    from navarch.prompts import Sampling

OPENAI_URL = "https://api.openai.com/v1"
MessageRole = Literal["system", "user", "assistant"]


class Message(NamedTuple):
    """One message of a conversation."""

    role: MessageRole
    text: str


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer.

    `reasoning` is what the server sent apart from it; token counts are None where not reported, `cached_tokens`
    of the input came out of the server's prompt cache; `attempts` is how many requests it took.
    """

    text: str
    reasoning: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    finish_reason: str = "stop"
    latency_s: float = 0.0
    attempts: int = 1


class ModelClient(Protocol):
    """Anything that completes a conversation. `name` is the model's name as the trace shows it."""

    @property
    def name(self) -> str:
        """Return the name under which calls are stored, such as `openai:qwen3`."""
        ...

    def complete(
        self,
        messages: tuple[Message, ...],
        *,
        schema: dict[str, Any] | None,
        sampling: "Sampling",
        max_attempts: int | None = None,
    ) -> Completion:
        """Return one completion.

        `schema` is asked for where the server can. `max_attempts`: what a request that fails may cost in all, where
        the budget has no room for the client's own number. Raises: ModelError, nothing else.
        """
        ...


class ModelName(NamedTuple):
    """A parsed model name: the provider, and the model as the server knows it ("" for offline)."""

    provider: Literal["openai", "offline", "replay"]
    model: str


class ReplayName(NamedTuple):
    """The parts of `replay:RUN[@FILE][,MODEL]`.

    `file` is the memory that holds the run, None for the run's own; `live` the model that goes on where the
    recording differs or ends.
    """

    run: str
    file: Path | None
    live: str | None

    def __str__(self) -> str:
        where = "" if self.file is None else f"@{self.file}"
        return f"replay:{self.run}{where}" + ("" if self.live is None else f",{self.live}")


def parse_model_name(name: str) -> ModelName:
    """Return the parts of `offline`, `openai:MODEL` or `replay:...`. Raises: NavarchError."""
    provider, _, model = name.strip().partition(":")
    if provider == "offline" and not model:
        return ModelName("offline", "")
    if provider == "openai" and model.strip() and model.isprintable() and len(model) <= 200:
        return ModelName("openai", model.strip())
    if provider == "replay" and model.strip() and model.isprintable():
        return ModelName("replay", model.strip())
    raise NavarchError(
        f"Unknown model {name[:80]!r}: use 'offline' or 'openai:NAME' with the server's model name, or 'replay:RUN'."
    )


def parse_replay(name: str) -> ReplayName | None:
    """Return the parts of a model name that replays a run, None for any other. Raises: NavarchError."""
    provider, model = parse_model_name(name)
    if provider != "replay":
        return None
    recorded, comma, live = model.partition(",")
    run, at, file = recorded.partition("@")
    is_whole = run and (file or not at) and (live or not comma)
    if not is_whole or (live and parse_model_name(live).provider == "replay"):
        raise NavarchError(
            f"Model {name[:200]!r}: write replay:RUN, replay:RUN@FILE for a run of another memory, or "
            "replay:RUN,openai:NAME for a model that goes on where the recording ends."
        )
    return ReplayName(run, Path(file) if file else None, live or None)


def make_client(
    name: str,
    *,
    base_url: str | None = None,
    api_key: Secret | None = None,
    timeout_s: float = 120.0,
    stream: bool = False,
) -> ModelClient | None:
    """Return the client for a model name, None for `offline`. Nothing is sent yet.

    A recorded run is no client: see `replay.py`.
    Raises: NavarchError for a bad name or URL; where the server is not on this machine also for a missing key
    and for plain http, over which the key could be read, in a private network too.
    """
    provider, model = parse_model_name(name)
    if provider == "offline":
        return None
    if provider == "replay":
        raise NavarchError(f"{name[:80]!r} names a recorded run where a model is needed.")
    url = check_base_url(base_url or OPENAI_URL)
    if not is_loopback(url):
        _check_remote(url, api_key)
    from navarch.agents.endpoint import remembered_dialect
    from navarch.agents.openai_model import OpenAIModel  # httpx alone costs a tenth of a second

    dialect = remembered_dialect(url, model)
    return OpenAIModel(
        model, base_url=url, api_key=api_key, timeout_s=timeout_s, dialect=dialect, stream=stream
    )


def check_base_url(url: str) -> str:
    """Return the base URL without a slash at its end.

    Raises: NavarchError where it is no plain http(s) URL.
    """
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = None, None
    if parts is None or parts.scheme not in ("http", "https") or not host or not url.isprintable():
        raise NavarchError(
            f"The base URL {url[:120]!r} is not an http or https URL: give one such as {OPENAI_URL}."
        )
    if parts.username or parts.password:
        raise NavarchError(
            f"The base URL for {host} holds a password: set NAVARCH_API_KEY instead, and leave it out."
        )
    if parts.query or parts.fragment:
        raise NavarchError(
            f"The base URL for {host} has a query or a fragment: give only scheme, host and path."
        )
    return url.strip().rstrip("/")


def _check_remote(url: str, api_key: Secret | None) -> None:
    scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    if scheme != "https":
        raise NavarchError(
            f"The base URL {url[:120]!r} would send the API key unencrypted to {host}: use https, or a tunnel "
            "that ends on this machine."
        )
    if not api_key:
        raise NavarchError(f"No API key for {host}: give one; {KEY_ADVICE}.")


def is_loopback(url: str) -> bool:
    """Return whether the URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
