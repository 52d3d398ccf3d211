"""The models that a server says it has, with what it says of them: the context length, and a gateway's prices.

`GET /models` is part of the OpenAI API; the fields beside the name differ. Read are those of vLLM (`max_model_len`),
llama.cpp (`meta`), gateways (`context_length`, `context_window`, `max_context_length`, `pricing` in money a token) and
Ollama, whose own `/api/show` knows the length. A server without such a list is no problem.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from navarch.agents.endpoint_http import explain_connection, open_client
from navarch.agents.errors import ModelError
from navarch.agents.openai_wire import Exchange, explain_status
from navarch.agents.redaction import Secret, redact

MAX_MODELS = 10_000
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Offered:
    """One model of a server.

    context: tokens of prompt and reply together; `is_of_model` where it is what the model was trained with, and the
    server may allow less. prices: money for a million input and output tokens, in the server's currency.
    """

    name: str
    context: int | None = None
    is_of_model: bool = False
    prices: tuple[float, float] | None = None
    owner: str = ""


def offered_models(
    base_url: str, model: str, api_key: Secret | None, timeout_s: float
) -> tuple[Offered, ...] | None:
    """Return what the server offers, None where it does not say.

    Raises: ModelError for a server that cannot be reached or says nothing; its text names the host and no key.
    """
    try:
        data = _fetch("GET", f"{base_url}/models", model, api_key, timeout_s)
    except ModelError as error:
        if error.kind in ("unreachable", "timeout"):
            raise
        return None
    items = data.get("data") if isinstance(data, dict) else None
    if not isinstance(items, list):
        return None
    found = (_read(item) for item in items[:MAX_MODELS] if isinstance(item, dict))
    return tuple(offered for offered in found if offered is not None)


def find_offered(
    offered: tuple[Offered, ...] | None, base_url: str, model: str, api_key: Secret | None, timeout_s: float
) -> Offered | None:
    """Return the model of this name, None where the list lacks it; of Ollama's with the context that Ollama tells."""
    found = next((one for one in offered or () if one.name in (model, f"{model}:latest")), None)
    if found is None or found.context is not None or found.owner != "library":  # what Ollama calls the owner
        return found
    root = base_url.removesuffix("/v1")
    try:
        told = _fetch("POST", f"{root}/api/show", model, api_key, timeout_s, {"model": found.name})
    except ModelError:
        return found
    info = _map(_map(told).get("model_info"))
    lengths = [value for key, value in info.items() if str(key).endswith(".context_length")]
    return replace(found, context=_count(lengths[0] if lengths else None), is_of_model=True)


def _read(item: Mapping[str, Any]) -> Offered | None:
    name = item.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        return None
    meta = _map(item.get("meta"))
    keys = ("max_model_len", "context_length", "context_window", "max_context_length")
    served = [
        found for found in [*(_count(item.get(key)) for key in keys), _count(meta.get("n_ctx"))] if found
    ]
    trained = _count(meta.get("n_ctx_train"))
    owner = item.get("owned_by")
    return Offered(
        name,
        context=served[0] if served else trained,
        is_of_model=not served and trained is not None,
        prices=_prices(item.get("pricing")),
        owner=owner if isinstance(owner, str) else "",
    )


def _prices(pricing: Any) -> tuple[float, float] | None:
    """Return prices for a million tokens from those for one, which gateways write as text."""
    try:
        found = tuple(float(_map(pricing)[key]) * 1e6 for key in ("prompt", "completion"))
    except (KeyError, TypeError, ValueError):
        return None
    into, out = (round(price, 6) for price in found)
    return (into, out) if 0 <= into < 1e6 and 0 <= out < 1e6 else None


def _fetch(
    method: str,
    url: str,
    model: str,
    api_key: Secret | None,
    timeout_s: float,
    body: Mapping[str, Any] | None = None,
) -> Any:
    """Return the JSON of a 2xx answer. Raises: ModelError."""
    import httpx2

    exchange = Exchange(time.monotonic() + timeout_s, time.monotonic)
    headers = {"Authorization": f"Bearer {api_key.reveal()}"} if api_key else {}
    host, secrets = urlsplit(url).netloc, (api_key,) if api_key else ()
    failure: Exception | None = None
    try:
        with (
            exchange.cut_after(timeout_s),
            open_client(url, timeout_s, secrets, exchange.begin) as client,
            client.stream(method, url, headers=headers, json=body) as response,
        ):
            exchange.status, exchange.headers = response.status_code, response.headers
            for _ in exchange.read(response.iter_raw()):
                pass
    except (httpx2.HTTPError, OSError) as error:
        failure = error
    if failure is None and 200 <= exchange.status < 300:
        try:
            return json.loads(bytes(exchange.body))
        except (ValueError, RecursionError):
            raise ModelError("bad-response", f"The server at {host} answered with no JSON.") from None
    if exchange.status >= 300 and not exchange.is_late:
        problem = explain_status(exchange, host, model)
    else:
        problem = explain_connection(failure, host, timeout_s, is_late=exchange.is_late)
    raise ModelError(problem.kind, redact(str(problem), secrets), retryable=problem.retryable)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 10**9 else None
