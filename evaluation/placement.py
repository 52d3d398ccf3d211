"""Where trials run: on which devices, what pins a process to one of them, and how many run there at once.

The driver decides, from what the fork server measured; of torch it asks at most how many CUDA devices there are.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from navarch import NavarchError

MOST = 16  # trials at once on one device that are chosen at most
SPREAD = 2.0  # times what the largest trial so far took: others of the space may take more
HEAD_ROOM = 0.8  # share of the free memory that is planned with
CONTEXT_MB = 1024.0  # an allowance for what a CUDA process takes beside its tensors

_NAME = re.compile(r"auto|cpu|cuda|cuda:(0|[1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class Device:
    """Name a device, with its free memory in MiB; `pin` is CUDA_VISIBLE_DEVICES of its processes, None off CUDA."""

    name: str
    free_mb: float
    pin: str | None = None

    @property
    def kind(self) -> str:
        """What a process that is pinned to it calls it: cpu or cuda."""
        return self.name.partition(":")[0]


def device_names(value: object) -> tuple[str, ...]:
    """Return the devices of "auto", "cpu", "cuda", "cuda:0,cuda:1" or a list of names, each once.

    Raises: NavarchError.
    """
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not parts:
        raise NavarchError(f"The device is {value!r}; give auto, cpu, cuda, cuda:N or a list of cuda:N.")
    names = tuple(dict.fromkeys(part.strip() if isinstance(part, str) else part for part in parts))
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise NavarchError(f"The device is {name!r}; give auto, cpu, cuda, cuda:N or a list of cuda:N.")
    if len(names) > 1 and not all(name.startswith("cuda:") for name in names):
        raise NavarchError(
            f"The devices are {', '.join(names)}; a list is of cuda:N alone: give auto, cpu or cuda by itself."
        )
    return names


def find_devices(
    names: Sequence[str], *, cuda_free_mb: Sequence[float], visible: str | None, cpu_free_mb: float
) -> tuple[Device, ...]:
    """Return the devices of names; "auto" is every CUDA device that is visible, else the CPU; "cuda" is every one.

    cuda_free_mb: of each device as CUDA counts them. visible: CUDA_VISIBLE_DEVICES as the user set it; names count
    within it, as everywhere in CUDA. Raises: NavarchError for a device that is not there.
    """
    if names[0] == "cpu" or (names[0] == "auto" and not cuda_free_mb):
        return (Device("cpu", cpu_free_mb),)
    pins = _pins(visible, len(cuda_free_mb))
    present = [
        Device(f"cuda:{number}", free, pin)
        for number, (free, pin) in enumerate(zip(cuda_free_mb, pins, strict=True))
    ]
    refuse_missing(names, len(present))
    if names[0] in ("auto", "cuda"):
        return tuple(present)
    return tuple(device for name in names for device in present if device.name == name)


def refuse_missing(names: Sequence[str], count: int) -> None:
    """Raise NavarchError where a device is asked for by name and CUDA counts too few."""
    for name in names:
        number = name.partition(":")[2]
        if name.startswith("cuda") and int(number or 0) >= count:
            raise NavarchError(
                f"The device {name!r} is not on this machine: CUDA shows {count} devices; use auto or cpu"
                + (f", or cuda:0 to cuda:{count - 1}." if count else ".")
            )


def refuse_missing_cuda(names: Sequence[str]) -> None:
    """Raise NavarchError for a CUDA device that is not there; where one is named this imports torch into the caller."""
    if any(name.startswith("cuda") for name in names):
        import torch

        refuse_missing(names, torch.cuda.device_count())


def _pins(visible: str | None, count: int) -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES must be to see one device alone, for each of those that CUDA counted."""
    if visible is None:
        return [str(number) for number in range(count)]
    listed = (token.strip() for token in visible.split(","))
    tokens = list(
        takewhile(lambda token: token and not token.startswith("-"), listed)
    )  # CUDA stops there too
    if len(tokens) < count:
        raise NavarchError(
            f"CUDA_VISIBLE_DEVICES is {visible!r}, and CUDA shows {count} devices: "
            "write their numbers or UUIDs with commas between them."
        )
    return tokens[:count]


class Placement:
    """Keep count of what runs where. Without a number of slots it is one a device until a trial was measured."""

    def __init__(self, devices: Sequence[Device], slots: int | None, cores: int) -> None:
        self._devices, self._cores = tuple(devices), max(1, cores // len(devices))
        self._is_chosen = slots is None
        self._most = {device.name: slots or 1 for device in devices}
        self._running = dict.fromkeys(self._most, 0)
        self._bound: dict[str, int] = {}  # by device, since memory ran out there
        self._peak_mb = 0.0

    @property
    def slots(self) -> int:
        """How many trials run at once on all devices together."""
        return sum(self._most.values())

    def slots_of(self, device: Device) -> int:
        """Return how many trials run at once on one device."""
        return self._most[device.name]

    def take(self) -> Device | None:
        """Take a slot of the device on which the fewest trials run; None when all are taken."""
        free = [device for device in self._devices if self._running[device.name] < self._most[device.name]]
        if not free:
            return None
        found = min(free, key=lambda device: self._running[device.name])
        self._running[found.name] += 1
        return found

    def give_back(self, device: Device) -> None:
        """Free a slot."""
        self._running[device.name] -= 1

    def learn(self, peak_mb: float) -> str | None:
        """Choose the slots anew where a trial took more memory than any before; return a sentence if that changed them.

        After the first trial they only ever become fewer, so that the limits on memory never add up to more than
        there is.
        """
        if not self._is_chosen or peak_mb <= self._peak_mb:
            return None
        is_first, before = self._peak_mb == 0, dict(self._most)
        self._peak_mb = peak_mb
        chosen = {device.name: self._choose(device) for device in self._devices}
        bound = min(chosen.values(), key=lambda found: found[0])[1]
        self._most = {name: min(count, self._bound.get(name, count)) for name, (count, _) in chosen.items()}
        if self._most == before and not is_first:
            return None
        where = ", ".join(f"{count} on {name}" for name, count in self._most.items())
        free = ", ".join(f"{device.free_mb:,.0f}" for device in self._devices)
        return (
            f"trials at once, as {bound} {'allow' if bound == 'the cores' else 'allows'}: {where}; "
            f"a trial took {peak_mb:,.0f} MiB at most so far, and {free} MiB were free"
        )

    def lower(self, name: str, slots: int) -> str | None:
        """Let fewer trials run on a device than the `slots` at which memory ran out; return a sentence if that is new.

        It stays so: what chooses the slots by memory does not raise them again.
        """
        before, most = self._most[name], max(1, slots - 1)
        if most >= before:
            return None
        self._most[name] = self._bound[name] = most
        return f"from here on {most} at once on {name} in place of {before}, as memory ran out beside other trials"

    def _choose(self, device: Device) -> tuple[int, str]:
        """Return how many trials a device takes, and what bounds them."""
        needed = SPREAD * self._peak_mb + (CONTEXT_MB if device.pin is not None else 0.0)
        by_memory = max(1, int(HEAD_ROOM * device.free_mb / needed))
        return min((by_memory, "the memory"), (self._cores, "the cores"), (MOST, "the maximum"))


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
