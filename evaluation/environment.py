"""What a trial's process sees of the environment: an allow-list, so that no key can reach it."""

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

# For glibc; others ignore them. Every training step asks for the same tensors: what is freed stays with the process,
# but for tensors of 4 GiB and more.
_MEMORY = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(2**32))


def worker_environment(environment: Mapping[str, str], *, threads: int | None = 1) -> dict[str, str]:
    """Return what a worker may see, with how it keeps memory.

    threads: of numeric libraries; None is for a user's own command: threads as the user set them, memory as usual.
    """
    kept = {name: value for name, value in environment.items() if name in _ALLOWED or name.startswith("LC_")}
    if threads is None:
        return kept | {name: environment[name] for name in _THREADS if name in environment}
    return kept | dict.fromkeys(_THREADS, str(threads)) | _MEMORY
