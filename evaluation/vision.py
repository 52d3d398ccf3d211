"""The one place that imports torchvision, whatever wheel it came in.

torchvision's wheel of the package index beside a CPU torch fails at import, because its compiled operators
are for another torch and the schema of `nms` is missing. On exactly that error the two schemas are declared
and the import is repeated: transforms, data sets and models then work; nms and image decoding do not
(decode with PIL). Where torchvision is whole, nothing is changed.
"""

import sys
from importlib import import_module
from types import ModuleType

_SYMPTOM = "operator torchvision::nms does not exist"
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[object] = []  # a torch.library.Library takes its schemas with it when it is collected


def import_torchvision(submodule: str = "") -> ModuleType:
    """Return torchvision, or a submodule of it such as "transforms.v2". Raises: ImportError when it is
    absent.
    """
    name = f"torchvision.{submodule}" if submodule else "torchvision"
    try:
        return import_module(name)
    except RuntimeError as error:
        if _SYMPTOM not in str(error) or _declared:
            raise
    _declare_operators()
    for half_imported in [module for module in sys.modules if module.split(".")[0] == "torchvision"]:
        del sys.modules[half_imported]
    return import_module(name)


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        library.define(operator + _SIGNATURE)  # type: ignore[no-untyped-call]
    _declared.append(library)
