"""Keep keys out of the log lines of the libraries that send them.

At DEBUG, which OPENAI_LOG=debug or a program around Navarch may ask for, they write down what a server sent, and a
server may send back the key.
"""

import logging
from collections.abc import Iterable

from navarch.agents.redaction import Secret, redact

LIBRARIES = ("openai", "httpx", "httpcore", "langchain", "langsmith")


class _Masking(logging.Filter):
    """Masks keys in a record before any handler sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[str, Secret] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        secrets = self.secrets.values()
        try:
            text = record.getMessage()
        except Exception as error:  # the line's fault is not the call's, and its parts may hold a key
            text = f"a log line that cannot be put together ({type(error).__name__})"
        record.msg, record.args = redact(text, secrets), None
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info), secrets)
            record.exc_info = None
        return True


_MASKING = _Masking()


def mask_logs(secrets: Iterable[Secret]) -> None:
    """Mask these keys from now on in what the libraries that are imported log."""
    _MASKING.secrets |= {secret.reveal(): secret for secret in secrets}
    if not _MASKING.secrets:
        return
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.startswith(LIBRARIES) and isinstance(logger, logging.Logger):
            logger.addFilter(_MASKING)
