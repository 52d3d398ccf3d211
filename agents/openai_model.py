"""The client for any OpenAI-compatible server, through langchain-openai, which is imported on the first call.

Ours and not the library's: retries (at most 4 attempts inside one deadline), what a server can constrain (a
JSON schema, JSON mode, or nothing: stepped down once, when it says so), the size cap, no redirects, and
errors without keys.
"""

import re
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from threading import Lock, local
from typing import Any
from urllib.parse import urlsplit

from navarch.agents.endpoint import Dialect, Format, fresh_dialect
from navarch.agents.endpoint_http import explain_connection, open_client, tls_context
from navarch.agents.errors import ModelError
from navarch.agents.model import Completion, Message
from navarch.agents.openai_wire import (
    STREAM_OVERHEAD,
    Exchange,
    explain_status,
    read_completion,
    said_by_body,
)
from navarch.agents.redaction import Secret, redact
from navarch.agents.schema import schema_digest, without_lengths
from navarch.agents.tracing import keep_traces_home
from navarch.prompts import Sampling

MAX_ATTEMPTS = 4
BACKOFF_S = (1.0, 2.0, 4.0)
LOCAL_KEY = "not-needed"
_STREAM = re.compile(r"\bstream(ing|_options)?\b")  # and not "upstream"


class OpenAIModel:
    """One model of one server. Its dialect is what the server turned out to understand."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        api_key: Secret | None,
        timeout_s: float = 120.0,
        dialect: Dialect | None = None,
        only: Format | None = None,
        stream: bool = False,
        max_attempts: int = MAX_ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up without sending anything.

        `timeout_s` bounds a whole `complete`, with its retries and waits. `dialect` is what is known of the server; a
        new one is remembered nowhere. `only` asks for replies in that format, whatever the dialect says. `stream` asks
        for replies piece by piece, which keeps a connection alive that a gateway would cut. Calls may be made from many
        threads at once.
        """
        self._model = model
        self._base_url = base_url
        self._host = urlsplit(base_url).netloc
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._clock = clock
        self._chat: Any = None
        self._current = local()
        self._dialect = dialect or replace(fresh_dialect(base_url, model), file=None)
        self._only = only
        self._stream = stream
        self._lock = Lock()
        self._max_attempts = max_attempts

    @property
    def name(self) -> str:
        """Return the name under which calls are stored."""
        return f"openai:{self._model}"

    def response_format(self, schema: dict[str, Any]) -> Format:
        """Return how replies of a schema are constrained now."""
        return self._only or self._dialect.format_for(schema_digest(schema))

    def complete(
        self,
        messages: tuple[Message, ...],
        *,
        schema: dict[str, Any] | None,
        sampling: Sampling,
        max_attempts: int | None = None,
    ) -> Completion:
        """Return one completion. Raises: ModelError, whose text names the host and no key.

        Both say how many requests were sent, plainer forms of a refused one included.
        """
        self._connect()  # the imports of the first call are not the server's time
        deadline = self._clock() + self._timeout_s
        attempt, sent = 1, 0
        while True:
            sent += 1
            try:
                completion = self._attempt(messages, schema, sampling, deadline)
                with self._lock:
                    self._dialect.settle()
                return replace(completion, attempts=sent)
            except ModelError as error:
                has_room = max_attempts is None or sent < max_attempts
                if isinstance(error, _StepDown) and has_room:
                    continue  # each step is taken once, so this ends
                wait = BACKOFF_S[min(attempt, len(BACKOFF_S)) - 1]
                wait = max(wait, error.retry_after_s or 0.0)
                is_last = attempt >= self._max_attempts or not has_room or self._clock() + wait >= deadline
                if not error.retryable or is_last:
                    tried = f" (tried {attempt} times)" if attempt > 1 else ""
                    text = redact(f"{error}{tried}", self._secrets)
                    raise ModelError(error.kind, text, retryable=error.retryable, attempts=sent) from None
            self._sleep(wait)
            attempt += 1

    def _attempt(
        self,
        messages: tuple[Message, ...],
        schema: dict[str, Any] | None,
        sampling: Sampling,
        deadline: float,
    ) -> Completion:
        """Send one request.

        Raises: ModelError; _StepDown when the same request should go out in a plainer form.
        """
        import httpx2
        import openai
        from langsmith.run_helpers import tracing_context

        chat = self._connect()
        started = self._clock()
        exchange = self._current.exchange = Exchange(deadline, self._clock)
        sent = self._options(schema, sampling)
        if "stream" in sent["extra_body"]:
            exchange.cap *= STREAM_OVERHEAD
        options = {**sent, "timeout": max(0.001, deadline - started)}
        failure: Exception | None = None
        try:
            with tracing_context(enabled=False), exchange.cut_after(options["timeout"]):
                chat.invoke(_to_langchain(messages), **options)
        except (openai.OpenAIError, httpx2.HTTPError, OSError) as error:
            failure = error
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            # The library could not read the body (an odd usage figure is enough); what it says is read below.
            pass
        if exchange.is_too_large:
            raise ModelError(
                "too-large",
                f"The server at {self._host} sent a body of more than {exchange.cap // 2**20} MB: check --base-url.",
            )
        is_whole = failure is None or isinstance(
            failure, openai.APIStatusError | openai.APIResponseValidationError
        )
        if 200 <= exchange.status < 300 and is_whole:
            return read_completion(bytes(exchange.body), self._host, self._clock() - started)
        if exchange.status >= 300 and not exchange.is_late:
            refusal = explain_status(exchange, self._host, self._model)
            is_of_form = exchange.status in (400, 422)
            if is_of_form and self._can_step_down(bytes(exchange.body), schema, sampling, sent):
                raise _StepDown(refusal.kind, str(refusal))
            raise refusal
        raise explain_connection(failure, self._host, self._timeout_s, is_late=exchange.is_late)

    def _options(self, schema: dict[str, Any] | None, sampling: Sampling) -> dict[str, Any]:
        """Return the parameters of one request, as plain as the server needs them."""
        body: dict[str, Any] = {}
        if (
            self._stream and self._dialect.streams
        ):  # in the body: the stream is put together here, not by the library
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        form = "none" if schema is None else self.response_format(schema)
        if form == "json_schema":
            sent = schema if self._dialect.sends_lengths else without_lengths(schema)
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "reply", "strict": True, "schema": sent},
            }
        elif form == "json_object":
            body["response_format"] = {"type": "json_object"}
        if sampling.max_tokens is not None:
            body[self._dialect.limit_name] = sampling.max_tokens
        options: dict[str, Any] = {"extra_body": body}
        if sampling.temperature is not None and self._dialect.sends_temperature:
            options["temperature"] = sampling.temperature
        return options

    def _can_step_down(
        self, body: bytes, schema: dict[str, Any] | None, sampling: Sampling, sent: dict[str, Any]
    ) -> bool:
        """Return whether a plainer request than the one sent may pass."""
        with self._lock:  # one of many threads gives a thing up, and the others see that it was
            return self._options(schema, sampling) != sent or self._give_up(body, schema, sampling)

    def _give_up(self, body: bytes, schema: dict[str, Any] | None, sampling: Sampling) -> bool:
        """Give up the one thing that a refusal names; return whether anything was given up."""
        said = (said_by_body(body) or body[:2000].decode("utf-8", "replace")).lower()
        dialect = self._dialect
        if (
            "max_completion_tokens" in said
            and sampling.max_tokens is not None
            and dialect.give_up_limit_name()
        ):
            return True
        if (
            "temperature" in said
            and sampling.temperature is not None
            and dialect.give_up("sends_temperature")
        ):
            return True
        if _STREAM.search(said) and self._stream and dialect.give_up("streams"):
            return True
        is_long = any(word in said for word in ("minlength", "maxlength", "repetition"))
        if is_long and schema is not None and dialect.give_up("sends_lengths"):
            return True
        named = ("response_format", "json_schema", "json_object", "schema", "grammar", "structured")
        if schema is None or self._only is not None or not any(word in said for word in named):
            return False
        return dialect.give_up_format(schema_digest(schema))

    def _connect(self) -> Any:
        """Return the chat model, made on first use."""
        with self._lock:
            return self._make_chat()

    def _make_chat(self) -> Any:
        if self._chat is None:
            keep_traces_home()
            # The library's advice on a refused schema speaks of its own methods, and the refusal is handled here.
            warnings.filterwarnings("ignore", "Invalid schema for OpenAI", UserWarning, "langchain_openai")
            import httpx2
            from langchain_openai import ChatOpenAI
            from pydantic import SecretStr

            client = open_client(self._base_url, self._timeout_s, self._secrets, self._begin, self._watch)
            key = self._api_key.reveal() if self._api_key else LOCAL_KEY
            self._chat = ChatOpenAI(
                model=self._model,
                base_url=self._base_url,
                api_key=SecretStr(key),
                http_client=client,
                http_async_client=httpx2.AsyncClient(
                    verify=tls_context()
                ),  # unused; its default would cost 60 ms
                max_retries=0,
                use_responses_api=False,
            )
        return self._chat

    def _begin(self, request: Any) -> None:
        self._current.exchange.begin(request)

    def _watch(self, response: Any) -> None:
        """Note a response's head, and put the size cap and the deadline around its body."""
        import httpx2

        exchange: Exchange = self._current.exchange
        exchange.status = response.status_code
        exchange.headers = response.headers
        # Nothing is unpacked: we asked for plain bodies, and the cap counts what came.
        response.headers.pop("content-encoding", None)
        inner = response.stream

        class Watched(httpx2.SyncByteStream):
            def __iter__(self) -> Any:
                return exchange.read(iter(inner))

            def close(self) -> None:
                inner.close()

        response.stream = Watched()

    @property
    def _secrets(self) -> tuple[Secret, ...]:
        return (self._api_key,) if self._api_key else ()


class _StepDown(ModelError):
    """The request was refused for its form; a plainer one may pass."""


def _to_langchain(messages: tuple[Message, ...]) -> list[Any]:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    return [kinds[message.role](content=message.text) for message in messages]
