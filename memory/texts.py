"""Prompts and replies: each stored once, and of those that are much alike what differs.

A role's prompt changes little from round to round. The first of its kind is kept whole, the next ones as the difference
to it; after `SHARED_BY` of them the next one is kept whole again. So no text is more than one step from a whole one.
"""

from typing import NamedTuple

from navarch.memory.connection import Store, damaged, storage_errors
from navarch.memory.errors import StoreError
from navarch.memory.text import MESSAGE_CAP, base_of, clean_text, pack, text_digest, unpack

SHARED_BY = 12
MAX_KINDS = 256  # of texts, whose whole ones are remembered

_READ = "SELECT text, packed FROM texts WHERE digest = ?"


class _Base(NamedTuple):
    digest: str
    text: str
    users: int


class Texts:
    """The texts of a memory; it remembers which whole text each kind of text was last compared with."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bases: dict[str, _Base] = {}

    def keep(self, content: str, kind: str) -> str:
        """Store a text once, within a transaction, and return its digest. kind: texts of one kind are much alike."""
        stored = clean_text(content, cap=MESSAGE_CAP)
        digest = text_digest(stored)
        if self._has(digest):
            return digest
        base = self._bases.get(kind)
        if base is None or base.users >= SHARED_BY or not self._is_whole(base.digest):
            base = None
            if len(self._bases) >= MAX_KINDS:
                self._bases.clear()
            self._bases[kind] = _Base(digest, stored, 0)
        else:
            self._bases[kind] = base._replace(users=base.users + 1)
        columns = pack(stored, None if base is None else base[:2])
        sql = "INSERT INTO texts (digest, text, packed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        self._store.rows(sql, (digest, *columns))
        return digest

    def read(self, digest: str) -> str:
        """Return a stored text. Raises: StoreError if there is none, or if it changed."""
        row = self._store.row(_READ, (digest,))
        if row is None:
            raise StoreError(f"The memory {str(self._store.path)!r} has no text {digest!r}.")
        found = read_cells(self._store, *row)
        if found is None or text_digest(found) != digest:
            raise damaged(self._store.path, f"the text {digest[:12]!r} differs from its digest")
        return found

    def _is_whole(self, digest: str) -> bool:
        """Tell whether a text can be a base: it is there, since what was written may be rolled back, and has none."""
        row = self._store.row("SELECT packed FROM texts WHERE digest = ?", (digest,))
        return row is not None and base_of(row[0]) is None

    def _has(self, digest: str) -> bool:
        return self._store.row("SELECT 1 FROM texts WHERE digest = ?", (digest,)) is not None


def read_cells(store: Store, text: object, packed: object) -> str | None:
    """Return the text that two columns hold, with the help of the whole one that it differs from; None if none.

    Raises: the Store errors. It leaves a transaction that the caller began as it is.
    """
    digest, base = base_of(packed), None
    if digest is not None:
        with storage_errors(store.path):
            row = store.db.execute(_READ, (digest,)).fetchone()
        base = None if row is None or base_of(row[1]) is not None else unpack(*row)
    return unpack(text, packed, base)
