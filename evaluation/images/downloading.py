"""The download of a published set through torchvision: guarded, and begun again where it broke off.

torchvision compares every archive with its published checksum before it is unpacked. What it does not do is done here:
a silent server is given up, an archive cannot write outside its folder, and half an archive or half an unpacking is
removed, so that it is not taken for a whole one.
"""

import socket
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from navarch.evaluation.vision import import_torchvision

SILENCE_S = 30.0  # a server that sends nothing for so long has gone


def archives_of(loader: Any, root: Path) -> dict[Path, str]:
    """Return where a data set of torchvision keeps its archives below a folder, and their MD5."""
    if hasattr(loader, "resources"):
        return {root / loader.__name__ / "raw" / file: checksum for file, checksum in loader.resources}
    return {root / loader.filename: loader.tgz_md5}


def unpacked_of(loader: Any, root: Path) -> list[Path]:
    """Return what the archives are unpacked to."""
    if hasattr(loader, "resources"):
        return [path.with_suffix("") for path in archives_of(loader, root)]
    return [root / loader.base_folder / file for file, _ in (*loader.train_list, *loader.test_list)]


def remove_broken(loader: Any, root: Path) -> None:
    """Remove what is unpacked, and every archive that has not its checksum; whole archives are not fetched again."""
    check_integrity = import_torchvision("datasets.utils").check_integrity
    for path, checksum in archives_of(loader, root).items():
        if not check_integrity(str(path), checksum):
            path.unlink(missing_ok=True)
    for path in unpacked_of(loader, root):
        path.unlink(missing_ok=True)


@contextmanager
def guarded() -> Iterator[None]:
    """Give up silent servers and keep archives inside their folders, in this process, for a while."""
    before, unfiltered = socket.getdefaulttimeout(), tarfile.TarFile.extraction_filter
    socket.setdefaulttimeout(SILENCE_S)
    tarfile.TarFile.extraction_filter = staticmethod(tarfile.data_filter)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
        tarfile.TarFile.extraction_filter = unfiltered


def tell_why(error: Exception) -> str:
    """Return in a few words why a download failed."""
    text = " ".join(str(error).split())
    if "corrupted" in text:
        return "its checksum is not the published one: it is damaged, or the transfer broke off"
    return text.replace("<urlopen error ", "").replace(">", "")[:160] or type(error).__name__
