"""Which device a trial runs on, and whether bfloat16 pays there."""

import gc
import resource
import sys
from functools import cache

import torch


def choose_device(name: str) -> torch.device:
    """Return the torch device of a name; "auto" is CUDA when present, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


@cache
def bf16_pays(device: torch.device) -> bool:
    """Tell whether the hardware multiplies bfloat16; where it only emulates them, float32 is faster."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    query = getattr(torch.cpu, "get_capabilities", None)
    if query is None:  # older torch has no public query
        return bool(torch.cpu._is_avx512_bf16_supported())
    return bool(query().get("avx512_bf16") or query().get("amx_bf16"))


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory in MiB: of the allocator on CUDA, of this process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def settle_device(device: torch.device, *, is_deterministic: bool) -> None:
    """Choose how CUDA computes: the fastest kernels, or such as give the same bits each time; a CPU always does."""
    if device.type != "cuda":
        return
    torch.use_deterministic_algorithms(is_deterministic)
    torch.backends.cudnn.deterministic = is_deterministic
    torch.backends.cudnn.benchmark = not is_deterministic
    torch.set_float32_matmul_precision("highest" if is_deterministic else "high")


def release_memory(device: torch.device) -> None:
    """Give back what freed tensors held, so that a smaller attempt finds it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def describe_devices() -> str:
    """Return torch's version and what trials would run on, in one line."""
    device = choose_device("auto")
    kind = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"CPU, {torch.get_num_threads()} threads"
    )
    return f"{torch.__version__}, {kind}, bfloat16 {'pays' if bf16_pays(device) else 'does not pay'}"
