"""The one door for text and JSON before storage, and the digests built on it.

Models write lone surrogates and NUL; SQLite refuses the first and misreads the second. Numbers that JSON
cannot carry (NaN, infinities) are refused, except in curves and costs: there they are evidence, kept as text.
"""

import dataclasses
import hashlib
import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from navarch.memory.errors import StoreError, ValueTooLargeError

TEXT_CAP = 64 * 1024
"""Bytes of UTF-8 kept of any text; a traceback says most at its end, so the tail stays."""

MESSAGE_CAP = 256 * 1024
"""Bytes kept of a prompt or a reply: what `parse_reply` accepts, so that a stored reply can be read again."""

JSON_CAP = 1024 * 1024
"""Bytes of a JSON column; JSON cannot be cut, so longer is refused."""

PACKED_FROM = 200
"""Characters from which a text is compressed; shorter ones gain nothing."""

WINDOW = 32 * 1024
"""Bytes at the end of a text that another one may be kept as the difference to: as far as zlib looks back."""

_WITH_BASE = b"\x00"  # no zlib stream begins so
_STREAM = 33  # where it begins after the digest

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Cleaned(NamedTuple):
    """A text fit for storage, with how many characters were replaced and how many bytes left out."""

    text: str
    replaced: int
    left_out: int


def clean(text: str, *, cap: int = TEXT_CAP) -> Cleaned:
    """Return the text as it may be stored: no NUL, no lone surrogate, at most `cap` bytes, the tail kept."""
    replaced = 0
    if not text.isascii() or "\x00" in text:
        text, replaced = _UNSTORABLE.subn("\ufffd", text)
    if len(text) * 4 <= cap:
        return Cleaned(text, replaced, 0)
    data = text.encode()
    if len(data) <= cap:
        return Cleaned(text, replaced, 0)
    note = f"[the first {len(data)} bytes less this tail were left out]\n"
    tail = data[len(data) - (cap - len(note)) :].decode(errors="ignore")
    return Cleaned(note + tail, replaced, len(data) - len(tail.encode()))


def clean_text(text: str, *, cap: int = TEXT_CAP) -> str:
    """Return what `clean` keeps of the text."""
    return clean(text, cap=cap).text


def canonical_json(value: object, *, field: str = "value") -> str:
    """Return one text for equal data: keys sorted, no spaces, strings cleaned.

    Dataclasses and mappings become objects, sequences arrays. Raises: StoreError naming `field` for NaN and
    infinities, for data that is not JSON, nested too deeply, or (ValueTooLargeError) longer than `JSON_CAP`.
    """
    try:
        text = _dumps(value)
        if "\\u0000" in text or not _is_storable(text):
            text = _dumps(_cleaned(json.loads(text)))
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(
            f"The memory cannot store {field}: {_short(error)}; give finite numbers, text, lists and objects."
        ) from error
    if len(text) > JSON_CAP:
        raise _too_large(field, f"{len(text)} characters", JSON_CAP)
    return text


def whole_json(text: str, *, field: str = "value", cap: int = MESSAGE_CAP) -> str:
    """Return JSON text as it came, without NUL and lone surrogates; never cut, so it stays readable.

    What is over `cap` bytes is written anew without escapes and blanks, which makes it no longer than the
    reply that it came from. Raises: ValueTooLargeError naming `field` when it is over the cap even so.
    """
    stored = _UNSTORABLE.sub("\ufffd", text)
    if len(stored.encode()) <= cap:
        return stored
    try:
        plain = json.dumps(json.loads(stored), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        plain = stored
    plain = _UNSTORABLE.sub("\ufffd", plain)
    size = len(plain.encode())
    if size > cap:
        raise _too_large(field, f"{size} bytes", cap)
    return plain


def measured_json(value: object, *, field: str = "value") -> str:
    """Return canonical JSON in which NaN and infinities are the texts "NaN", "Infinity" and "-Infinity"."""
    try:
        return canonical_json(value, field=field)
    except StoreError as refused:
        try:
            spelled = _spelled(value)
        except RecursionError:
            raise refused from None
        return canonical_json(spelled, field=field)


def load_measured(text: str) -> Any:
    """Read what `measured_json` wrote, non-finite numbers included."""
    value = json.loads(text)
    return _unspelled(value) if '"NaN"' in text or 'Infinity"' in text else value


def pack(text: str, base: tuple[str, str] | None = None) -> tuple[str, bytes | None]:
    """Return a text as the columns `text` and `packed` hold it: a long one compressed, if that is shorter.

    base: the digest and the text of a stored one that is much alike, itself without a base: what differs is kept. Then
    a zero byte and the digest come first, and the last `WINDOW` bytes of the base are the dictionary of the stream.
    """
    if len(text) < PACKED_FROM:
        return text, None
    data = text.encode()
    if base is None:
        packed = zlib.compress(data)
    else:
        writer = zlib.compressobj(zdict=base[1].encode()[-WINDOW:])
        packed = _WITH_BASE + bytes.fromhex(base[0]) + writer.compress(data) + writer.flush()
    return ("", packed) if len(packed) < len(data) else (text, None)


def base_of(packed: object) -> str | None:
    """Return the digest of the text that a compressed one is kept as the difference to; None where it has none."""
    has_base = isinstance(packed, bytes) and packed.startswith(_WITH_BASE)
    return packed[1:_STREAM].hex() if has_base and isinstance(packed, bytes) else None


def unpack(text: object, packed: object, base: str | None = None) -> str | None:
    """Return the text in two such columns, at most `MESSAGE_CAP` bytes long; None if they hold none.

    base: the text that `base_of` names.
    """
    if packed is None:
        return str(text)
    if not isinstance(packed, bytes):
        return None
    try:
        if base_of(packed) is None:
            reader, packed = zlib.decompressobj(), packed
        elif base is None:
            return None
        else:
            reader, packed = zlib.decompressobj(zdict=base.encode()[-WINDOW:]), packed[_STREAM:]
        data = reader.decompress(packed, MESSAGE_CAP + 1)
        return data.decode() if reader.eof else None
    except (zlib.error, UnicodeDecodeError):
        return None


def text_digest(text: str) -> str:
    """Return the sha256 of a text, 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def message_digests(messages: Sequence[tuple[str, str]]) -> str:
    """Return a rendered prompt as a call stores it: canonical JSON of its (role, text digest) pairs, in order."""
    return canonical_json([[role, text_digest(clean_text(text, cap=MESSAGE_CAP))] for role, text in messages])


def render_digest(messages: Sequence[tuple[str, str]]) -> str:
    """Return the sha256 of a rendered prompt: of the (role, text digest) pairs of its messages, in order."""
    return text_digest(message_digests(messages))


def _plain(value: object) -> object:
    """Turn what json does not know into what it knows, one level down."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON data")


_dumps = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), default=_plain
).encode  # made once: json.dumps makes one for each call


def _is_storable(text: str) -> bool:
    return text.isascii() or _UNSTORABLE.search(text) is None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    return value


def _spelled(value: Any) -> Any:
    """Replace non-finite floats by their names."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {key: _spelled(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value):
        return _spelled(_plain(value))
    if isinstance(value, (list, tuple)):
        return [_spelled(item) for item in value]
    return value


def _unspelled(value: Any) -> Any:
    if isinstance(value, str):
        return _NON_FINITE.get(value, value)
    if isinstance(value, list):
        return [_unspelled(item) for item in value]
    if isinstance(value, dict):
        return {key: _unspelled(item) for key, item in value.items()}
    return value


def _too_large(field: str, size: str, cap: int) -> ValueTooLargeError:
    return ValueTooLargeError(
        f"The memory cannot store {field}: {size} are over the cap of {cap}; shorten it."
    )


def _short(error: BaseException) -> str:
    return clean_text(str(error) or type(error).__name__, cap=200).rstrip(".")
