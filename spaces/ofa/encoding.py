"""Once-for-All's own encoding: an object with the lists `ks`, `e` and `d`, and the resolution.

`d` holds five depths; `ks` and `e` hold the kernels and expansions of the blocks, either flat, four entries a stage
whatever its depth, or by stage with the entries in use alone. `r` or `image_size` is the resolution, a number or a
list of one. `width_mult` or `w` must be the space's own, and `wid`, which the official sampler leaves empty, null.
`mid`, `out`, `stride`, `act` and `se` repeat what follows from the rest.
Source: Once-for-All (Cai et al., ICLR 2020), its reference code and its published specialised networks.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from navarch.spaces.ofa.chain import MAX_DEPTH, MIN_DEPTH, PER_STAGE, STAGES, find_widths, stage_blocks
from navarch.spaces.problems import InvalidArchitecture, Problem, shorten
from navarch.spaces.reader import MAX_TEXT
from navarch.spaces.spec import INACTIVE, Dimension

PUBLISHED_WIDTHS = {"ofa-mobilenetv3": 100, "ofa-mobilenetv3-w1.2": 120}  # percent, by name of the space
DEFAULT_RESOLUTION = "224"

_IMAGE_SIZES = tuple(map(str, range(32, 1025)))  # what a published network may read
_BLOCK_KEYS = ("ks", "e")
_REQUIRED_KEYS = (*_BLOCK_KEYS, "d")
_RESOLUTION_KEYS = ("r", "image_size")
_WIDTH_KEYS = ("width_mult", "w")
_DERIVED_KEYS = ("mid", "out", "stride", "act", "se")
_KEYS = (*_REQUIRED_KEYS, *_RESOLUTION_KEYS, *_WIDTH_KEYS, "wid", *_DERIVED_KEYS)
_NUMBER_BITS = 64

_Record = Mapping[object, object]


class Reading(NamedTuple):
    """What a record holds: the option of every dimension, and the image size where it names one."""

    values: tuple[str, ...]
    image_size: int | None


def write_record(values: Sequence[str]) -> str:
    """Return compact JSON: flat lists with 0 for what is not in use, and the resolution as `r`."""
    numbers = [0 if value == INACTIVE else int(value) for value in values]
    record: dict[str, int | list[int]] = {
        key: [
            numbers[_position(stage, block, key)]
            for stage in range(len(STAGES))
            for block in range(MAX_DEPTH)
        ]
        for key in _BLOCK_KEYS
    }
    return json.dumps({**record, "d": numbers[1::PER_STAGE], "r": numbers[0]}, separators=(",", ":"))


def find_record(raw: object) -> _Record | None:
    """Return the object that means to be a record, given as it is or as JSON; None for another encoding.

    Raises: InvalidArchitecture for a text that starts like a JSON object and is none.
    """
    if isinstance(raw, Mapping):
        return raw if _is_record(raw) else None
    if not isinstance(raw, str) or len(raw) > MAX_TEXT or not raw.lstrip().startswith("{"):
        return None
    try:
        record: dict[object, object] = json.loads(raw)
    except (ValueError, RecursionError):
        expected = "a JSON object with ks, e and d"
        raise InvalidArchitecture([Problem("bad-encoding", "", shorten(raw), (expected,))]) from None
    return record if _is_record(record) else None


def _is_record(given: _Record) -> bool:
    return any(key in given for key in _REQUIRED_KEYS)


def read_record(
    record: _Record, dimensions: Sequence[Dimension], *, width_percent: int, takes_any_size: bool = False
) -> Reading:
    """Return what a record holds.

    dimensions: those of the space. takes_any_size: take image sizes that the space does not offer, from 32 to 1024
    pixels, and return the default resolution as the option whatever the image size is.
    Raises: InvalidArchitecture with every problem.
    """
    if len(record) > 2 * len(_KEYS):
        limit = (f"at most {len(_KEYS)} members",)
        raise InvalidArchitecture([Problem("wrong-length", "", shorten(record), limit)])
    reader = _RecordReader(record, dimensions)
    reader.check_keys()
    size = reader.read_image_size(takes_any_size=takes_any_size)
    reader.check_width(width_percent)
    depths = reader.read_depths()
    for key in _BLOCK_KEYS:
        reader.read_blocks(key, depths)
    if not reader.problems:
        reader.check_derived(width_percent)
    if reader.problems:
        raise InvalidArchitecture(reader.problems)
    return Reading(tuple(reader.values), size)


class _RecordReader:
    """Reads a record part by part into `values`, and collects what is wrong with it in `problems`."""

    def __init__(self, record: _Record, dimensions: Sequence[Dimension]) -> None:
        self.values = [INACTIVE] * len(dimensions)
        self.problems: list[Problem] = []
        self._record = record
        self._dimensions = dimensions

    def check_keys(self) -> None:
        """Refuse members that the encoding does not know, and ask for those that it needs."""
        for key, value in self._record.items():
            if key not in _KEYS:
                self.problems.append(Problem("unknown-dimension", shorten(key), shorten(value), _KEYS))
        for key in _REQUIRED_KEYS:
            if key not in self._record:
                self._refuse("", self._record, f"the list {key} as well")
        if self._record.get("wid") is not None:
            self._refuse("wid", self._record["wid"], "null")

    def read_image_size(self, *, takes_any_size: bool) -> int | None:
        """Return the image size and set the resolution; None where the record names none."""
        dimension = self._dimensions[0]
        self.values[0] = DEFAULT_RESOLUTION
        keys = [key for key in _RESOLUTION_KEYS if key in self._record]
        if len(keys) > 1:
            self._refuse("image_size", self._record["image_size"], "either r or image_size, not both")
        if len(keys) != 1:
            return None
        given = self._record[keys[0]]
        if isinstance(given, (list, tuple)) and len(given) == 1:
            given = given[0]
        size = _find_option(given, _IMAGE_SIZES if takes_any_size else dimension.names)
        if size is None:
            allowed = (f"{_IMAGE_SIZES[0]} to {_IMAGE_SIZES[-1]}",) if takes_any_size else dimension.names
            self.problems.append(Problem("unknown-option", dimension.name, shorten(given), allowed))
            return None
        if not takes_any_size:
            self.values[0] = size
        return int(size)

    def check_width(self, width_percent: int) -> None:
        """Refuse a network of another width, and name the space that it belongs to."""
        own = width_percent / 100
        elsewhere = [
            f"{percent / 100:g} in the space {name}"
            for name, percent in PUBLISHED_WIDTHS.items()
            if percent != width_percent
        ]
        for key in _WIDTH_KEYS:
            given = self._record.get(key, own)
            if isinstance(given, bool) or given != own:
                self._refuse(key, given, f"{own:g} here", *elsewhere)

    def read_depths(self) -> list[int]:
        """Return the depth of every stage, 0 where it is wrong."""
        if "d" in self._record:
            for stage, entry in enumerate(self._entries("d", self._record["d"], len(STAGES))):
                self._read_option(1 + PER_STAGE * stage, entry)
        return [0 if option == INACTIVE else int(option) for option in self.values[1::PER_STAGE]]

    def read_blocks(self, key: str, depths: Sequence[int]) -> None:
        """Set the kernels or the expansions of the blocks in use; a flat list may hold 0 for the others."""
        for stage, entries in enumerate(self._split(key, depths)):
            for block, entry in enumerate(entries):
                position = _position(stage, block, key)
                if block < (depths[stage] or MIN_DEPTH):
                    self._read_option(position, entry)
                elif _find_option(entry, ("0", *self._dimensions[position].names)) is None:
                    self._refuse_option(position, entry)

    def check_derived(self, width_percent: int) -> None:
        """Compare what the record repeats with what follows from the options."""
        widths = find_widths(width_percent)
        stages = stage_blocks(widths, self.values)
        follows: dict[str, tuple[object, ...]] = {
            "mid": tuple(tuple(block.c_mid for block in blocks) for blocks in stages),
            "out": widths.stages,
            "stride": tuple(stage.stride for stage in STAGES),
            "act": tuple(stage.activation for stage in STAGES),
            "se": tuple(stage.has_squeeze for stage in STAGES),
        }
        for key in _DERIVED_KEYS:
            if key in self._record:
                self._compare(key, self._record[key], follows[key])

    def _compare(self, where: str, given: object, expected: object) -> None:
        if isinstance(expected, tuple):
            entries = self._entries(where, given, len(expected))
            for number, pair in enumerate(zip(entries, expected, strict=False)):
                self._compare(f"{where}[{number}]", *pair)
        elif given != expected or isinstance(given, bool) != isinstance(expected, bool):
            self._refuse(where, given, f"{json.dumps(expected)}, which follows from ks, e and d")

    def _split(self, key: str, depths: Sequence[int]) -> list[Sequence[object]]:
        """Return the entries of every stage, at most four."""
        if key not in self._record:
            return []
        given = self._record[key]
        if isinstance(given, (list, tuple)) and len(given) == len(STAGES):
            pairs = enumerate(zip(given, depths, strict=True))
            return [
                self._entries(f"{key}[{i}]", stage, depth) if depth else () for i, (stage, depth) in pairs
            ]
        entries = self._entries(key, given, MAX_DEPTH * len(STAGES))
        return [entries[start : start + MAX_DEPTH] for start in range(0, len(entries), MAX_DEPTH)]

    def _entries(self, where: str, given: object, length: int) -> Sequence[object]:
        """Return a list of the right length; an empty one, and a problem, where it is none."""
        if isinstance(given, (list, tuple)):
            if len(given) == length:
                return given
            expected = (f"{length} entries in {where}",)
            self.problems.append(Problem("wrong-length", where, shorten(given), expected))
        else:
            self._refuse(where, given, f"a list of {length} entries")
        return ()

    def _read_option(self, position: int, entry: object) -> None:
        option = _find_option(entry, self._dimensions[position].names)
        if option is None:
            self._refuse_option(position, entry)
        else:
            self.values[position] = option

    def _refuse_option(self, position: int, entry: object) -> None:
        dimension = self._dimensions[position]
        self.problems.append(Problem("unknown-option", dimension.name, shorten(entry), dimension.names))

    def _refuse(self, where: str, given: object, *allowed: str) -> None:
        self.problems.append(Problem("bad-encoding", where, shorten(given), allowed))


def _position(stage: int, block: int, key: str) -> int:
    """Return where the kernel or the expansion of a block stands among the dimensions."""
    return 1 + PER_STAGE * stage + 1 + 2 * block + _BLOCK_KEYS.index(key)


def _find_option(entry: object, names: Sequence[str]) -> str | None:
    """Return the option that a number, or a text, names."""
    if isinstance(entry, float) and entry.is_integer():
        entry = int(entry)
    if isinstance(entry, int) and not isinstance(entry, bool) and entry.bit_length() <= _NUMBER_BITS:
        entry = str(entry)
    return entry if isinstance(entry, str) and entry in names else None
