"""Open a file of tensors that anybody may have made: plain data come out of it, or one reason why not.

Read with torch's `weights_only`, so that nothing in a file can run.
"""

import argparse
import re
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

from navarch import NavarchError

Refuse = Callable[[str], NavarchError]  # from a reason to the error that is raised


def open_tensors(path: Path, refuse: Refuse, *, is_ours: bool = True) -> object:
    """Return the content of a file, which is yet to be checked.

    is_ours: take only the format that Navarch writes; else torch's older one too, and the options of a command line
    (`argparse.Namespace`), which others keep beside their weights.
    Raises: NavarchError with what `refuse` makes of the reason.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise refuse("it is no file")
        if is_ours and not zipfile.is_zipfile(path):
            path.open("rb").close()  # what may not be read says so
            raise refuse("it is of another kind, or was cut short")
        with (
            warnings.catch_warnings(),
            torch.serialization.safe_globals([] if is_ours else [argparse.Namespace]),
        ):
            warnings.simplefilter("ignore")  # of odd pickles; what comes of them is checked
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise NavarchError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    except NavarchError:
        raise
    except (
        Exception
    ) as error:  # torch names no errors of its own: a hostile file can end its reader in any way
        raise refuse(_reason(error)) from None
    return content


def _reason(error: Exception) -> str:
    if type(error).__name__ != "UnpicklingError":
        return f"it is damaged ({type(error).__name__})"
    named = re.search(r"GLOBAL ([\w.]{1,100})", str(error))
    what = f"it names code ({named[1]})" if named else "it names code, or is damaged"
    return f"{what}, and only numbers are read"
