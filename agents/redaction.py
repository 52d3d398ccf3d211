"""Keep keys out of everything that is printed or stored.

Covered: a key of 12 characters or more in full, base64 (wherever in the encoded text it begins) or URL-encoded, and
every piece of these of 12 characters or more. Not covered: a key that the user writes into a prompt file, pieces of
less than 12 characters (servers show such pieces on purpose), and keys shorter than that: they are placeholders for
local servers (`none`, `EMPTY`), and masking them would spoil replies that use the same word.
"""

import base64
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NoReturn
from urllib.parse import quote, quote_plus

from navarch import NavarchError

MASK = "***"
PIECE = 12
KEY_VARIABLES = ("NAVARCH_API_KEY", "OPENAI_API_KEY")
KEY_FILE_VARIABLE = "NAVARCH_API_KEY_FILE"
KEY_ADVICE = f"it is read from {KEY_VARIABLES[0]}, the file of {KEY_FILE_VARIABLE}, or {KEY_VARIABLES[1]}"
MAX_KEY_BYTES = 4096


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
    """Return the key from NAVARCH_API_KEY, else from the file of NAVARCH_API_KEY_FILE, else from OPENAI_API_KEY.

    None where none of them is set; keys come from nowhere else. Raises: NavarchError for a file that cannot be used.
    """
    own, other = (environ.get(name, "").strip() for name in KEY_VARIABLES)
    file = environ.get(KEY_FILE_VARIABLE, "").strip()
    value = own or (_read_key_file(file) if file else other)
    return Secret(value) if value else None


def known_secrets(environ: Mapping[str, str]) -> tuple[Secret, ...]:
    """Return every key that the environment holds or names, the used one and others: what texts are kept free of."""
    values = [environ.get(name, "").strip() for name in KEY_VARIABLES]
    with suppress(NavarchError):
        values.append(_read_key_file(environ.get(KEY_FILE_VARIABLE, "").strip()))
    return tuple(Secret(value) for value in values if value)


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
    quoted = {quote(value, safe=""), quote_plus(value)}
    forms = {value, raw.hex(), *quoted}
    forms |= {re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), form) for form in quoted}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms |= {encode(raw).decode().rstrip("="), encode(b"Bearer " + raw).decode().rstrip("=")}
        # In a longer text the key may begin at any of three places of a group; what its neighbours share is left out.
        for before in (1, 2):
            first, end = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
            forms.add(encode(bytes(before) + raw).decode()[first:end])
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


def _read_key_file(path: str) -> str:
    """Return the key in a file that its owner alone can read. Raises: NavarchError; the text names no content."""
    where = f"the key file {path!r} ({KEY_FILE_VARIABLE})"
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise NavarchError(f"{where} is not a plain file")
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise NavarchError(
                    f"{where} can be used by others (mode {mode & 0o777:04o}): run chmod 600 on it"
                )
            raw = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise NavarchError(f"{where} cannot be read: {error.strerror}") from None
    key = raw.decode("ascii", "replace").strip()
    if len(raw) > MAX_KEY_BYTES or not key or not key.isprintable() or not key.isascii() or " " in key:
        raise NavarchError(f"{where} holds no key: it must be one line of ASCII with nothing else")
    return key
