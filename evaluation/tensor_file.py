"""Plain data with tensors as a file with a digest of its content inside, read so that nothing in it can run.

Written under a temporary name and renamed: a reader sees a whole file or none.
"""

import argparse
import ctypes
import hashlib
import os
import re
import stat
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


class TensorFileError(Exception):
    """A file is not what it should be; the text says why."""


def write_tensors(path: Path, kind: str, entries: Mapping[str, Any]) -> None:
    """Write a file, or replace it. Raises: OSError; no part of a file is left then."""
    content = {"format": kind, **entries}
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            torch.save({**content, "digest": digest_of(content)}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_tensors(path: Path, kind: str, expected: Mapping[str, type]) -> tuple[dict[str, Any], str]:
    """Return what a file of our own holds, its tensors on the CPU, and the digest of it.

    kind: what its entry "format" must say. expected: the type of each other entry.
    Raises: OSError where it cannot be read, TensorFileError where it is damaged or none of ours.
    """
    return _check(load_tensors(path), expected, kind)


def load_tensors(path: Path, *, is_ours: bool = True) -> object:
    """Return the content of a file, its tensors on the CPU; it is yet to be checked. Nothing in it can run.

    is_ours: take only the format that Navarch writes; else torch's older one too, and the options of a command line
    (`argparse.Namespace`), which others keep beside their weights.
    Raises: OSError where it cannot be read, TensorFileError where it holds anything else.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise TensorFileError("it is no file")
    if is_ours and not zipfile.is_zipfile(path):
        path.open("rb").close()  # what may not be read says so
        raise TensorFileError("it is of another kind, or was cut short")
    try:
        with (
            warnings.catch_warnings(),
            torch.serialization.safe_globals([] if is_ours else [argparse.Namespace]),
        ):
            warnings.simplefilter("ignore")  # of odd pickles; what comes of them is checked
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except (
        Exception
    ) as error:  # torch names no errors of its own: a hostile file can end its reader in any way
        raise TensorFileError(_reason(error)) from None
    return content


def digest_of(value: object) -> str:
    """Return the sha256 of plain data with tensors in it. Raises: TypeError for anything else."""
    hasher = hashlib.sha256()
    _feed(hasher, value)
    return hasher.hexdigest()


def _check(content: object, expected: Mapping[str, type], kind: str) -> tuple[dict[str, Any], str]:
    if not isinstance(content, dict) or content.get("format") != kind:
        raise TensorFileError("it is of another kind")
    types = {"format": str, "digest": str, **expected}
    if set(content) != set(types) or any(not isinstance(content[key], types[key]) for key in types):
        raise TensorFileError("a part of it is missing or of another kind")
    digest = content.pop("digest")
    try:
        found = digest_of(content)
    except (ValueError, TypeError, RecursionError) as error:
        raise TensorFileError(f"it is damaged ({error})") from None
    if found != digest:
        raise TensorFileError("its content has changed: the digest inside is another")
    return content, digest


def _reason(error: Exception) -> str:
    if type(error).__name__ != "UnpicklingError":
        return f"it is damaged ({type(error).__name__})"
    named = re.search(r"GLOBAL ([\w.]{1,100})", str(error))
    what = f"it names code ({named[1]})" if named else "it names code, or is damaged"
    return f"{what}, and only numbers are read"


def _feed(hasher: Any, value: object) -> None:
    if isinstance(value, Tensor):
        hasher.update(f"tensor {value.dtype} {tuple(value.shape)};".encode())
        held = value.detach().cpu().contiguous()
        if size := held.numel() * held.element_size():
            hasher.update((ctypes.c_char * size).from_address(held.data_ptr()))
    elif isinstance(value, Mapping):
        hasher.update(f"mapping {len(value)};".encode())
        for key in sorted(value, key=repr):
            hasher.update(f"{key!r};".encode())
            _feed(hasher, value[key])
    elif isinstance(value, list | tuple):
        hasher.update(f"list {len(value)};".encode())
        for item in value:
            _feed(hasher, item)
    elif value is None or isinstance(value, bool | int | float | str):
        hasher.update(f"{value!r};".encode())
    else:
        raise TypeError(f"a {type(value).__name__} in it")
