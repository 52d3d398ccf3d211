"""The client for any OpenAI-compatible server, through langchain-openai, which is imported on the first call.

Ours and not the library's: retries (at most 4 attempts inside one deadline), what a server can constrain (a
JSON schema, JSON mode, or nothing: stepped down once, when it says so), the size cap, no redirects, and
errors without keys.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from threading import local
from typing import Any
from urllib.parse import urlsplit

from navarch.agents.errors import ModelError
from navarch.agents.model import Completion, Message, is_loopback
from navarch.agents.openai_wire import Exchange, explain_status, read_completion, said_by_body
from navarch.agents.redaction import Secret, redact
from navarch.agents.tracing import keep_traces_home
from navarch.prompts import Sampling

MAX_ATTEMPTS = 4
BACKOFF_S = (1.0, 2.0, 4.0)
CONNECT_TIMEOUT_S = 10.0
LOCAL_KEY = "not-needed"
FORMATS = ("json_schema", "json_object", "none")


class OpenAIModel:
    """One model of one server. Remembers what the server turned out not to understand."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str,
        api_key: Secret | None,
        timeout_s: float = 120.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up without sending anything.

        `timeout_s` bounds a whole `complete`, with its retries and waits.
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
        self._format = 0
        self._sends_temperature = True
        # The two names of one limit: OpenAI's newer models refuse the old one, most other servers know no
        # other.
        self._limit_name = "max_completion_tokens" if self._host == "api.openai.com" else "max_tokens"

    @property
    def name(self) -> str:
        """Return the name under which calls are stored."""
        return f"openai:{self._model}"

    @property
    def response_format(self) -> str:
        """Return how replies are constrained now: json_schema, json_object or none."""
        return FORMATS[self._format]

    def complete(
        self, messages: tuple[Message, ...], *, schema: dict[str, Any] | None, sampling: Sampling
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
                return replace(self._attempt(messages, schema, sampling, deadline), attempts=sent)
            except _StepDown:
                continue  # each step is taken once, so this ends
            except ModelError as error:
                wait = BACKOFF_S[min(attempt, len(BACKOFF_S)) - 1]
                wait = max(wait, error.retry_after_s or 0.0)
                if not error.retryable or attempt == MAX_ATTEMPTS or self._clock() + wait >= deadline:
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
        options = self._options(schema, sampling, deadline - started)
        failure: Exception | None = None
        try:
            with tracing_context(enabled=False):
                chat.invoke(_to_langchain(messages), **options)
        except (openai.OpenAIError, httpx2.HTTPError, OSError) as error:
            failure = error
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            # The library could not read the body (an odd usage figure is enough); what it says is read below.
            pass
        if exchange.is_too_large:
            raise ModelError(
                "too-large", f"The server at {self._host} sent a body of more than 4 MB: check --base-url."
            )
        is_whole = failure is None or isinstance(
            failure, openai.APIStatusError | openai.APIResponseValidationError
        )
        if 200 <= exchange.status < 300 and is_whole:
            return read_completion(bytes(exchange.body), self._host, self._clock() - started)
        if exchange.status >= 300 and not exchange.is_late:
            if exchange.status in (400, 422) and self._step_down(bytes(exchange.body), schema, sampling):
                raise _StepDown
            raise explain_status(exchange, self._host, self._model)
        raise self._explain_connection(failure, is_late=exchange.is_late)

    def _explain_connection(self, failure: Exception | None, *, is_late: bool) -> ModelError:
        """Return what it means that no whole response came."""
        import httpx2
        import openai

        causes = list(_causes(failure))
        unreachable = (
            httpx2.ConnectError,
            httpx2.ConnectTimeout,
            httpx2.UnsupportedProtocol,
            httpx2.ProxyError,
        )
        lost = next((cause for cause in causes if isinstance(cause, unreachable)), None)
        reason = str(lost or causes[-1] if causes else "no response")[:160] or "no reason given"
        if lost is not None:
            text = f"The model server at {self._host} cannot be reached ({reason})"
            return ModelError("unreachable", f"{text}: start it, or check --base-url.")
        slow = (openai.APITimeoutError, httpx2.TimeoutException)
        if is_late or any(isinstance(cause, slow) for cause in causes):
            text = f"The server at {self._host} took longer than {self._timeout_s:g} s"
            return ModelError(
                "timeout", f"{text}: raise the timeout, or take a smaller model.", retryable=True
            )
        text = f"The connection to {self._host} broke ({reason}): see the server's log, or try again."
        return ModelError("server", text, retryable=True)

    def _options(self, schema: dict[str, Any] | None, sampling: Sampling, timeout_s: float) -> dict[str, Any]:
        """Return the parameters of one request, as plain as the server needs them."""
        body: dict[str, Any] = {}
        if schema is not None and self.response_format == "json_schema":
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "reply", "strict": True, "schema": schema},
            }
        elif schema is not None and self.response_format == "json_object":
            body["response_format"] = {"type": "json_object"}
        if sampling.max_tokens is not None:
            body[self._limit_name] = sampling.max_tokens
        options: dict[str, Any] = {"extra_body": body, "timeout": max(0.001, timeout_s)}
        if sampling.temperature is not None and self._sends_temperature:
            options["temperature"] = sampling.temperature
        return options

    def _step_down(self, body: bytes, schema: dict[str, Any] | None, sampling: Sampling) -> bool:
        """Give up the one thing that a refusal names; return whether anything was given up."""
        said = (said_by_body(body) or body[:2000].decode("utf-8", "replace")).lower()
        if "max_completion_tokens" in said and self._limit_name == "max_tokens":
            self._limit_name = "max_completion_tokens"
            return True
        if "temperature" in said and sampling.temperature is not None and self._sends_temperature:
            self._sends_temperature = False
            return True
        named = ("response_format", "json_schema", "json_object", "schema", "grammar", "structured")
        if schema is not None and self._format < len(FORMATS) - 1 and any(word in said for word in named):
            self._format += 1
            return True
        return False

    def _connect(self) -> Any:
        """Return the chat model, made on first use. One connection a call: calls are rare and long."""
        if self._chat is None:
            keep_traces_home()
            import httpx2
            from langchain_openai import ChatOpenAI
            from pydantic import SecretStr

            tls = _tls_context()
            client = httpx2.Client(
                verify=tls,
                follow_redirects=False,
                trust_env=not is_loopback(self._base_url),
                timeout=httpx2.Timeout(self._timeout_s, connect=CONNECT_TIMEOUT_S),
                limits=httpx2.Limits(max_keepalive_connections=0),
                headers={"Accept-Encoding": "identity"},
                event_hooks={"response": [self._watch]},
            )
            key = self._api_key.reveal() if self._api_key else LOCAL_KEY
            self._chat = ChatOpenAI(
                model=self._model,
                base_url=self._base_url,
                api_key=SecretStr(key),
                http_client=client,
                http_async_client=httpx2.AsyncClient(verify=tls),  # unused; its default would cost 60 ms
                max_retries=0,
                use_responses_api=False,
            )
        return self._chat

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


@lru_cache(maxsize=1)
def _tls_context() -> Any:
    """Return the usual TLS settings; read once, because reading the certificates takes 60 ms."""
    import httpx2

    return httpx2.create_ssl_context()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from or during, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class _StepDown(Exception):
    """The request was refused for its form; a plainer one may pass."""


def _to_langchain(messages: tuple[Message, ...]) -> list[Any]:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    return [kinds[message.role](content=message.text) for message in messages]
