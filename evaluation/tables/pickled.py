"""Read the plain data of a pickle without running anything that it names.

A pickle is a program; Python's own reader imports and calls what it names. This one knows the instructions that build
numbers, texts and containers, and treats the few names that benchmark records hold (ordered dictionaries, numpy
scalars) as data of its own. Any other name, such as a class or trained weights, is refused.
Source: the instruction set in Python's `pickletools`.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_SCALARS = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "u8": "Q", "u1": "B", "b1": "?"}
_MARK = object()


class PickleRefused(Exception):
    """The pickle is not whole, or holds more than plain data."""


@dataclass(frozen=True, slots=True)
class _Name:
    """A name that a pickle wants to use; it stands for nothing but itself."""

    module: str
    name: str


@dataclass(slots=True)
class _ScalarType:
    """A type of numpy scalars, such as f8, and its byte order."""

    code: str
    order: str = "<"


def read_pickle(data: bytes, start: int = 0) -> tuple[Any, int]:
    """Return what the pickle at `start` holds, and where it ends.

    Dictionaries of every kind become dict, scalars of numpy become int, float or bool. Raises: PickleRefused.
    """
    machine = _Machine(data, start)
    try:
        return machine.run(), machine.at
    except (
        IndexError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        struct.error,
        OverflowError,
    ) as error:
        place = f"near byte {machine.at:,}"
        raise PickleRefused(f"it breaks off or is damaged {place} ({type(error).__name__})") from None


class _Machine:
    """Build values on a stack, as the instructions say."""

    def __init__(self, data: bytes, start: int) -> None:
        self.data = data
        self.at = start
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Return the value at the top when the pickle stops."""
        data, steps = self.data, _STEPS
        while True:
            code = data[self.at]
            self.at += 1
            if code == 0x2E:  # STOP
                return self.stack.pop()
            step = steps.get(code)
            if step is None:
                raise PickleRefused(
                    f"it uses the instruction {bytes([code])!r}, which plain data does not need"
                )
            step(self)

    def take(self, count: int) -> bytes:
        """Return the next bytes. Raises: IndexError past the end."""
        end = self.at + count
        if end > len(self.data):
            raise IndexError(end)
        found = self.data[self.at : end]
        self.at = end
        return found

    def line(self) -> str:
        """Return the rest of the line as text."""
        end = self.data.index(b"\n", self.at, self.at + 512)
        found = self.data[self.at : end].decode()
        self.at = end + 1
        return found

    def since_mark(self) -> list[Any]:
        """Take the values above the last mark off the stack."""
        stack = self.stack
        at = len(stack) - 1
        while stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise IndexError("no mark")
        found = stack[at + 1 :]
        del stack[at:]
        return found


Step = Callable[[_Machine], None]


def _number(layout: str) -> Step:
    unpack, size = struct.Struct(layout).unpack_from, struct.calcsize(layout)

    def step(m: _Machine) -> None:
        m.stack.append(unpack(m.data, m.at)[0])
        m.at += size

    return step


def _text(layout: str, *, decode: bool = True) -> Step:
    unpack, size = struct.Struct(layout).unpack_from, struct.calcsize(layout)

    def step(m: _Machine) -> None:
        length = unpack(m.data, m.at)[0]
        m.at += size
        raw = m.take(length)
        m.stack.append(str(raw, "utf-8", "surrogatepass") if decode else raw)

    return step


def _constant(make: Callable[[], Any]) -> Step:
    return lambda m: m.stack.append(make())


def _long(m: _Machine) -> None:
    m.stack.append(int.from_bytes(m.take(m.take(1)[0]), "little", signed=True))


def _tuple(count: int) -> Step:
    def step(m: _Machine) -> None:
        if len(m.stack) < count:
            raise IndexError(count)
        found = tuple(m.stack[-count:])
        del m.stack[-count:]
        m.stack.append(found)

    return step


def _tuple_since_mark(m: _Machine) -> None:
    m.stack.append(tuple(m.since_mark()))


def _append(m: _Machine) -> None:
    value = m.stack.pop()
    m.stack[-1].append(value)


def _appends(m: _Machine) -> None:
    values = m.since_mark()
    m.stack[-1].extend(values)


def _add_items(m: _Machine) -> None:
    values = m.since_mark()
    m.stack[-1].update(values)


def _set_item(m: _Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    m.stack[-1][key] = value


def _set_items(m: _Machine) -> None:
    values = m.since_mark()
    m.stack[-1].update(zip(values[::2], values[1::2], strict=True))


def _put(size: int) -> Step:
    def step(m: _Machine) -> None:
        m.memo[int.from_bytes(m.take(size), "little")] = m.stack[-1]

    return step


def _get(size: int) -> Step:
    def step(m: _Machine) -> None:
        m.stack.append(m.memo[int.from_bytes(m.take(size), "little")])

    return step


def _memoize(m: _Machine) -> None:
    m.memo[len(m.memo)] = m.stack[-1]


def _global(m: _Machine) -> None:
    m.stack.append(_admit(m.line(), m.line()))


def _stack_global(m: _Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    m.stack.append(_admit(module, name))


def _admit(module: object, name: object) -> _Name:
    found = _Name(
        str(module).replace("numpy._core", "numpy.core").replace("__builtin__", "builtins"), str(name)
    )
    if found not in _MEANINGS:
        raise PickleRefused(f"it names {module}.{name}, and only plain data are read")
    return found


def _reduce(m: _Machine) -> None:
    arguments, named = m.stack.pop(), m.stack.pop()
    m.stack.append(_MEANINGS[named](*arguments))


def _build(m: _Machine) -> None:
    """Take the state of the value at the top: of a scalar type its byte order, of anything else nothing."""
    state = m.stack.pop()
    if not isinstance(m.stack[-1], _ScalarType):
        raise PickleRefused("it sets the state of an object, and only plain data are read")
    if state[1] in ("<", ">"):
        m.stack[-1].order = state[1]


def _scalar(kind: _ScalarType, raw: bytes) -> Any:
    return struct.unpack(kind.order + _SCALARS[kind.code], raw)[0]


def _ordered(items: object = ()) -> dict[Any, Any]:
    return dict(items)  # type: ignore[call-overload,no-any-return]


_MEANINGS: dict[_Name, Callable[..., Any]] = {
    _Name("collections", "OrderedDict"): _ordered,
    _Name("collections", "defaultdict"): lambda kind=None: {},
    _Name("builtins", "list"): list,
    _Name("builtins", "set"): set,
    _Name("numpy", "dtype"): lambda code, align=False, copy=True: _ScalarType(code),
    _Name("numpy.core.multiarray", "scalar"): _scalar,
    _Name("_codecs", "encode"): lambda text, encoding: text.encode("latin1"),
}

_STEPS: dict[int, Step] = {
    ord(code): step
    for code, step in {
        "\x80": lambda m: m.take(1) and None,  # the protocol
        "\x95": lambda m: m.take(8) and None,  # the length of a frame
        "(": _constant(lambda: _MARK),
        "0": lambda m: m.stack.pop() and None,
        "}": _constant(dict),
        "]": _constant(list),
        ")": _constant(tuple),
        "\x8f": _constant(set),
        "N": _constant(lambda: None),
        "\x88": _constant(lambda: True),
        "\x89": _constant(lambda: False),
        "J": _number("<i"),
        "K": _number("<B"),
        "M": _number("<H"),
        "G": _number(">d"),
        "\x8a": _long,
        "X": _text("<I"),
        "\x8c": _text("<B"),
        "\x8d": _text("<Q"),
        "T": _text("<I"),
        "U": _text("<B"),
        "B": _text("<I", decode=False),
        "C": _text("<B", decode=False),
        "t": _tuple_since_mark,
        "\x85": _tuple(1),
        "\x86": _tuple(2),
        "\x87": _tuple(3),
        "a": _append,
        "e": _appends,
        "\x90": _add_items,
        "s": _set_item,
        "u": _set_items,
        "q": _put(1),
        "r": _put(4),
        "\x94": _memoize,
        "h": _get(1),
        "j": _get(4),
        "c": _global,
        "\x93": _stack_global,
        "R": _reduce,
        "b": _build,
    }.items()
}
