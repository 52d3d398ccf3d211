"""The encodings in which AutoFormer's subnets are published, read and written.

- a dictionary {"depth": 13, "mlp_ratio": [3.5, ...], "num_heads": [3, ...], "embed_dim": 192}, lists with one
  number per block; embed_dim may be a list that repeats the number, and "space" may hold the letter T, S or B;
- a flat tuple (depth, MLP ratio of every block, heads of every block, embed_dim).
Either may also come as a text: JSON, or the tuple in parentheses.
"""

import json
from collections.abc import Mapping, Sequence

from navarch.spaces.autoformer.cost import Subnet
from navarch.spaces.problems import InvalidArchitecture, Problem, shorten
from navarch.spaces.spec import INACTIVE, Dimension

LETTERS = {"autoformer-tiny": "T", "autoformer-small": "S", "autoformer-base": "B", "autoformer-tiny-r3": "T"}
_LISTS = {"mlp_ratio": "mlp_ratio", "num_heads": "heads"}  # published name: what our dimensions are called
_FIELDS = ("depth", *_LISTS, "embed_dim")
_KEYS = ("space", *_FIELDS)


def write_published(subnet: Subnet) -> str:
    """Return the dictionary as compact JSON."""
    published = {
        "depth": len(subnet.num_heads),
        "mlp_ratio": subnet.mlp_ratio,
        "num_heads": subnet.num_heads,
        "embed_dim": subnet.embed_dim,
    }
    return json.dumps(published, separators=(",", ":"))


def to_subnet(values: Sequence[str]) -> Subnet:
    """Return the numbers behind option names in the order of the dimensions: width, depth, ratio, heads, ..."""
    end = 2 + 2 * int(values[1])
    return Subnet(int(values[0]), tuple(map(int, values[3:end:2])), tuple(map(_number, values[2:end:2])))


def read_published(raw: object, space: str, dimensions: Sequence[Dimension]) -> Sequence[str] | None:
    """Return the option names in a published encoding, or None where `raw` is in another.

    space: the name of the search space, for its letter. dimensions: embed_dim, depth, mlp_ratio_1, heads_1, ...
    Raises: InvalidArchitecture with every problem found.
    """
    given = _read_text(raw.strip()) if isinstance(raw, str) else raw
    if isinstance(given, Mapping) and any(key in given for key in _LISTS):
        fields, problems = _read_keys(given, space)
    elif isinstance(given, (list, tuple)) and _is_flat(given, dimensions[0]):
        fields, problems = _split_flat(given, dimensions[1])
    else:
        return None
    return _Assembly(dimensions, problems).read(fields)


def _read_text(text: str) -> object:
    if text[:1] not in ("{", "[", "("):
        return None
    if text[0] == "(" and text[-1] == ")":
        text = f"[{text[1:-1]}]"
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # ValueError: no JSON, or an integer of many thousand digits
        expected = (
            "a JSON object with depth, mlp_ratio, num_heads and embed_dim, or a tuple of their numbers",
        )
        raise InvalidArchitecture([Problem("bad-encoding", "", shorten(text), expected)]) from None


def _is_flat(raw: Sequence[object], widths: Dimension) -> bool:
    """Return whether a list is a flat tuple, which opens with the depth, and not options in order of dimensions."""
    return bool(raw) and _is_number(raw[0]) and _option(widths, raw[0]) is None


def _read_keys(raw: Mapping[object, object], space: str) -> tuple[dict[str, object], list[Problem]]:
    """Return what stands under the keys that say something about the architecture."""
    if len(raw) > 2 * len(_KEYS):  # no slip of the pen: to name every unknown member would help nobody
        expected = (f"at most {len(_KEYS)} members",)
        raise InvalidArchitecture([Problem("wrong-length", "", shorten(raw), expected)])
    problems = [
        Problem("unknown-dimension", shorten(key), shorten(value), _KEYS)
        for key, value in raw.items()
        if key not in _KEYS
    ]
    letter = LETTERS.get(space)
    if "space" in raw and raw["space"] != letter:
        named = next((name for name, other in LETTERS.items() if other == raw["space"]), None)
        belongs = f", because {shorten(raw['space'])} belongs to {named}" if named else ""
        expected = (f"{letter!r} in {space}{belongs}",)
        problems.append(Problem("bad-encoding", "space", shorten(raw["space"]), expected))
    return {key: raw[key] for key in _FIELDS if key in raw}, problems


def _split_flat(raw: Sequence[object], depths: Dimension) -> tuple[dict[str, object], list[Problem]]:
    """Return the parts of a flat tuple."""
    name = _option(depths, raw[0])
    if name is None:
        problem = Problem("unknown-option", depths.name, shorten(raw[0]), depths.names)
        raise InvalidArchitecture([problem])
    depth = int(name)
    if len(raw) != 2 * depth + 2:
        expected = (
            f"{2 * depth + 2} numbers: depth {depth}, {depth} MLP ratios, {depth} numbers of heads, embed_dim"
        )
        raise InvalidArchitecture([Problem("wrong-length", "", shorten(raw), (expected,))])
    parts = (raw[0], raw[1 : depth + 1], raw[depth + 1 : -1], raw[-1])
    return dict(zip(_FIELDS, parts, strict=True)), []


class _Assembly:
    """Puts option names in the place of published numbers, and collects what is wrong with them."""

    def __init__(self, dimensions: Sequence[Dimension], problems: list[Problem]) -> None:
        self._dimensions = {dimension.name: dimension for dimension in dimensions}
        self._problems = problems
        self._values = dict.fromkeys(self._dimensions, INACTIVE)
        self._longest = (len(dimensions) - 2) // 2

    def read(self, fields: Mapping[str, object]) -> Sequence[str]:
        """Return the option names. Raises: InvalidArchitecture with every problem."""
        if "depth" in fields:
            self._place("depth", fields["depth"])
        depth = None if self._values["depth"] == INACTIVE else int(self._values["depth"])
        for key, ours in _LISTS.items():
            if key in fields:
                self._place_list(key, ours, fields[key], depth)
        if "embed_dim" in fields:
            self._place_width(fields["embed_dim"], depth)
        for key in _FIELDS:
            if key not in fields:
                names = self._dimensions[f"{_LISTS[key]}_1" if key in _LISTS else key].names
                self._problems.append(Problem("missing-dimension", key, "", names))
        if self._problems:
            raise InvalidArchitecture(self._problems)
        return tuple(self._values.values())

    def _place(self, name: str, value: object) -> None:
        dimension = self._dimensions[name]
        option = _option(dimension, value)
        if option is None:
            self._problems.append(Problem("unknown-option", name, shorten(value), dimension.names))
        else:
            self._values[name] = option

    def _place_list(self, key: str, ours: str, value: object, depth: int | None) -> None:
        count = "one number" if depth is None else f"{depth} numbers, one"
        if not isinstance(value, (list, tuple)):
            expected = (f"a list of {count} per block",)
            self._problems.append(Problem("bad-encoding", key, shorten(value), expected))
        elif not self._fits(value, depth):
            expected = (f"{count} per block in {key}",)
            self._problems.append(Problem("wrong-length", key, shorten(value), expected))
        else:
            for block, number in enumerate(value, 1):
                self._place(f"{ours}_{block}", number)

    def _place_width(self, value: object, depth: int | None) -> None:
        if not isinstance(value, (list, tuple)):
            self._place("embed_dim", value)
            return
        names = {_option(self._dimensions["embed_dim"], number) for number in value[: self._longest]}
        if value and self._fits(value, depth) and len(names) == 1:
            self._place("embed_dim", value[0])
        else:
            expected = ("one number, or the same number for every block",)
            self._problems.append(Problem("bad-encoding", "embed_dim", shorten(value), expected))

    def _fits(self, value: Sequence[object], depth: int | None) -> bool:
        return len(value) <= self._longest if depth is None else len(value) == depth


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _option(dimension: Dimension, value: object) -> str | None:
    """Return the option that a number, or the option's own name, stands for."""
    if isinstance(value, str):
        return value if value in dimension.names else None
    if not _is_number(value):
        return None
    return next((name for name in dimension.names if _number(name) == value), None)


def _number(name: str) -> float:
    """Return the number that an option is named after: 3 and not 3.0, as the published lists have it."""
    return int(name) if name.isdecimal() else float(name)
