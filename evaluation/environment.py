"""What a trial's process sees of the environment: an allow-list, so that no key can reach it."""

import os
from collections.abc import Mapping

_ALLOWED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM",
        "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
        "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_HOME", "CUBLAS_WORKSPACE_CONFIG",
        "NVIDIA_VISIBLE_DEVICES", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF",
        "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY",
    }
)  # fmt: skip
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")

# Every training step asks for the same tensors: what is freed stays with the process, but for the largest of them.
_LARGEST = 2**32
_LARGEST_OLD = 2**25  # above it an older glibc refuses the number (DEFAULT_MMAP_THRESHOLD_MAX of mallopt(3))
_ACCEPTING = (2, 36)  # a version that was tried with the larger one


def worker_environment(environment: Mapping[str, str], *, threads: int | None = 1) -> dict[str, str]:
    """Return what a worker may see, with how it keeps memory.

    threads: of numeric libraries; None is for a user's own command: threads as the user set them, memory as usual.
    """
    kept = {name: value for name, value in environment.items() if name in _ALLOWED or name.startswith("LC_")}
    if threads is None:
        return kept | {name: environment[name] for name in _THREADS if name in environment}
    return kept | dict.fromkeys(_THREADS, str(threads)) | keep_memory(glibc_version())


def keep_memory(glibc: tuple[int, ...] | None) -> dict[str, str]:
    """Return the variables that have a C library keep freed memory; none for another than glibc.

    With one of the two alone glibc no longer adapts the other: an older one would ask the system for each tensor.
    """
    if glibc is None:
        return {}
    largest = _LARGEST if glibc >= _ACCEPTING else _LARGEST_OLD
    return {"MALLOC_TRIM_THRESHOLD_": str(_LARGEST), "MALLOC_MMAP_THRESHOLD_": str(largest)}


def glibc_version() -> tuple[int, ...] | None:
    """Return the version of the C library that runs here, as (2, 36); None where it is not glibc."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        return tuple(int(part) for part in version.split(".")) if name == "glibc" else None
    except (AttributeError, OSError, ValueError):
        return None
