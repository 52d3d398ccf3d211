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


def worker_environment(environment: Mapping[str, str], *, threads: int | None = 1) -> dict[str, str]:
    """Return what a worker may see. threads: of numeric libraries; None leaves them as the user set them."""
    kept = {name: value for name, value in environment.items() if name in _ALLOWED or name.startswith("LC_")}
    if threads is None:
        return kept | {name: environment[name] for name in _THREADS if name in environment}
    return kept | dict.fromkeys(_THREADS, str(threads))
