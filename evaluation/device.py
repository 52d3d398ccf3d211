"""Which device a trial runs on, and whether bfloat16 pays there."""

import resource
import sys

import torch

from navarch import NavarchError

DEVICES = ("auto", "cpu", "cuda")


def check_device(name: str) -> str:
    """Return the name. Raises: NavarchError when it is not auto, cpu, cuda or cuda:N."""
    if name in DEVICES or (name.startswith("cuda:") and name[5:].isdecimal()):
        return name
    raise NavarchError(f"The device is {name!r}; give auto, cpu, cuda or cuda:N.")


def choose_device(name: str) -> torch.device:
    """Return the torch device of a name; "auto" is CUDA when present, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def bf16_pays(device: torch.device) -> bool:
    """Tell whether the hardware multiplies bfloat16; where it only emulates them, float32 is faster."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory in MiB: of the allocator on CUDA, of this process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
