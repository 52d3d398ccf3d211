"""Keep keys out of everything that is printed or stored.

Covered: a key of 12 characters or more in full, base64 or URL-encoded, and every piece of it of 12 characters
or more. Not covered: a key that the user writes into a prompt file, pieces shorter than 12 characters (servers
show such pieces on purpose), and keys shorter than that: they are placeholders for local servers (`none`,
`EMPTY`), and masking them would spoil replies that use the same word.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import NoReturn
from urllib.parse import quote, quote_plus

MASK = "***"
PIECE = 12
KEY_VARIABLES = ("NAVARCH_API_KEY", "OPENAI_API_KEY")


class Secret:
    """A key that shows itself as `***`; `reveal` is called where it is sent, and nowhere else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the key itself."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


def read_api_key(environ: Mapping[str, str]) -> Secret | None:
    """Return the key from NAVARCH_API_KEY, else from OPENAI_API_KEY, else None.

    Keys come from nowhere else.
    """
    for name in KEY_VARIABLES:
        value = environ.get(name, "").strip()
        if value:
            return Secret(value)
    return None


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """Return `text` with every form of every secret, and every long piece of one, as `***`.

    Secrets shorter than 12 characters are placeholders and stay, and so do their encoded forms.
    """
    hits: list[tuple[int, int]] = []
    for secret in secrets:
        value = secret.reveal()
        if len(value) >= PIECE:
            hits.extend(hit for form in _forms(value) for hit in _find(text, form))
    return _mask(text, sorted(hits)) if hits else text


def _forms(value: str) -> set[str]:
    """Return the shapes that a key takes in headers, URLs and dumps."""
    raw = value.encode("utf-8", "replace")
    forms = {value, quote(value, safe=""), quote_plus(value), raw.hex()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms |= {encode(raw).decode().rstrip("="), encode(b"Bearer " + raw).decode().rstrip("=")}
    return forms


def _find(text: str, form: str) -> Iterator[tuple[int, int]]:
    """Yield where a 12-character piece of `form` stands in `text`."""
    for start in range(len(form) - PIECE + 1):
        piece = form[start : start + PIECE]
        at = text.find(piece)
        while at >= 0:
            yield at, at + len(piece)
            at = text.find(piece, at + 1)


def _mask(text: str, hits: list[tuple[int, int]]) -> str:
    """Return `text` with each stretch that hits cover as one mask. `hits` are sorted."""
    masked: list[str] = []
    end = -1
    for begin, stop in hits:
        if begin > end:
            masked += [text[max(end, 0) : begin], MASK]
        end = max(end, stop)
    return "".join(masked) + text[end:]
