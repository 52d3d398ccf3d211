"""HTTP to a model server: the client's settings, and what it means that no whole response came."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from navarch.agents.errors import ModelError
from navarch.agents.logs import mask_logs
from navarch.agents.model import is_loopback
from navarch.agents.redaction import Secret

CONNECT_TIMEOUT_S = 10.0


def open_client(
    base_url: str,
    timeout_s: float,
    secrets: Iterable[Secret],
    begin: Callable[[Any], None] | None = None,
    watch: Callable[[Any], None] | None = None,
) -> Any:
    """Return an httpx2 client: no redirects, no cookies, plain bodies, no proxy to this machine, a connection a call.

    Calls are rare and long. `secrets` are masked in what is logged of them. `begin` is told of every request, `watch`
    of every response's head.
    """
    import httpx2

    client = httpx2.Client(
        verify=tls_context(),
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=not is_loopback(base_url),
        timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S)),
        limits=httpx2.Limits(max_keepalive_connections=0),
        headers={"Accept-Encoding": "identity"},
        event_hooks={
            "request": [begin] if begin is not None else [],
            "response": [watch] if watch is not None else [],
        },
    )
    mask_logs(secrets)  # after the imports, which make the libraries' loggers
    return client


@lru_cache(maxsize=1)
def tls_context() -> Any:
    """Return the usual TLS settings; read once, because reading the certificates takes 60 ms."""
    import httpx2

    return httpx2.create_ssl_context()


def explain_connection(
    failure: Exception | None, host: str, timeout_s: float, *, is_late: bool
) -> ModelError:
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
        text = f"The model server at {host} cannot be reached ({reason})"
        return ModelError("unreachable", f"{text}: start it, or check --base-url.")
    slow = (openai.APITimeoutError, httpx2.TimeoutException)
    if is_late or any(isinstance(cause, slow) for cause in causes):
        text = f"The server at {host} took longer than {timeout_s:g} s"
        return ModelError("timeout", f"{text}: raise the timeout, or take a smaller model.", retryable=True)
    text = f"The connection to {host} broke ({reason}): see the server's log, or try again."
    return ModelError("server", text, retryable=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from or during, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
