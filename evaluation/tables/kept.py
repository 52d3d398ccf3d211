"""Tables that this process has read: a grid of runs asks for the same few again and again."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

from navarch.spaces import SearchSpace

T = TypeVar("T")
MOST = 4  # kept at once, the latest used


class Kept(Generic[T]):
    """What was read from files, as long as they are the files that were read. It is shared: never change it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, path: Path, space: SearchSpace, what: Hashable, read: Callable[[], T]) -> T:
        """Return what was read before, or read it now. what: all else that it depends on."""
        try:
            state = path.stat()
        except OSError:
            return read()  # which says what is wrong with the file
        stamp = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        key = (path.absolute(), stamp, space.name, space.dimensions, what)
        if key not in self._kept:
            self._kept[key] = read()
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
