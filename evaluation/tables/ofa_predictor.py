"""Once-for-All's published accuracy predictor: what a sub-network of its supernet reaches, estimated from its encoding.

An MLP 128 -> 400 -> 400 -> 400 -> 1 with ReLU. Features: 20 blocks x kernel (3, 5, 7), 20 blocks x expansion
(3, 4, 6), the resolution in 8 bins; all zero for blocks that are not in use. The figure is the accuracy on 10,000
training images that were held out, so it lies some points above ImageNet's validation accuracy.
Source: Once-for-All (Cai et al., ICLR 2020), section 3.4 and the published weights.
"""

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from navarch.evaluation.fidelity import Fidelity
from navarch.evaluation.tables.opening import TableError
from navarch.evaluation.tables.reading import Row
from navarch.spaces.ofa.chain import MAX_DEPTH, read_choices

if TYPE_CHECKING:
    from numpy.typing import NDArray

TASK = "ofa-imagenet"
TITLE = "ImageNet (accuracy that Once-for-All's predictor estimates)"
SPACES = ("ofa-mobilenetv3", "ofa-mobilenetv3-w1.2")
PREDICTED_WIDTH = "ofa-mobilenetv3-w1.2"  # the supernet that the published predictor belongs to
HELD_OUT = 10_000  # images
FIDELITY = Fidelity(1)  # nothing is trained

_KERNELS, _EXPANSIONS = ("3", "5", "7"), ("3", "4", "6")
_BLOCKS = 5 * MAX_DEPTH
_LOWEST, _BIN, _BINS = 112, 16, 8  # pixels
_FEATURES = _BLOCKS * (len(_KERNELS) + len(_EXPANSIONS)) + _BINS
_SHAPES = {
    "w0": (400, _FEATURES), "b0": (400,), "w1": (400, 400), "b1": (400,),
    "w2": (400, 400), "b2": (400,), "w3": (1, 400), "b3": (1,),
}  # fmt: skip
_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    AttributeError,
    TypeError,
)  # what numpy raises for such files


class AccuracyPredictor:
    """Predict accuracies with the weights of a file, read and checked at once."""

    def __init__(self, path: Path) -> None:
        """Read the weights, an .npz file with the arrays w0, b0, ..., w3, b3. Raises: TableError."""
        self._weights = _read_weights(path)

    def get(self, values: tuple[str, ...]) -> Row:
        """Return what a table would hold for an architecture of one of `SPACES`."""
        return Row(self.predict(values, int(values[0])), None, None)

    def predict(self, values: tuple[str, ...], image_size: int) -> float:
        """Return the accuracy in percent at an image size in pixels, from 112 to 239."""
        weights = self._weights
        hidden = weights["b0"] + weights["w0"][:, active_features(values, image_size)].sum(axis=1)
        for layer in ("1", "2", "3"):
            hidden = weights["w" + layer] @ hidden.clip(min=0) + weights["b" + layer]
        return 100.0 * float(hidden[0])


def active_features(values: tuple[str, ...], image_size: int) -> list[int]:
    """Return which of the 128 features are 1; the others are 0."""
    active = []
    for stage, choices in enumerate(read_choices(values)):
        for block, (kernel, expansion) in enumerate(choices, start=stage * MAX_DEPTH):
            active.append(block * len(_KERNELS) + _KERNELS.index(kernel))
            active.append((_BLOCKS + block) * len(_EXPANSIONS) + _EXPANSIONS.index(expansion))
    return [*active, _FEATURES - _BINS + (image_size - _LOWEST) // _BIN]


def _read_weights(path: Path) -> "dict[str, NDArray[Any]]":
    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            weights = {name: stored[name] for name in _SHAPES}
    except FileNotFoundError:
        raise TableError(
            f"There is no predictor at {str(path)!r}; docs/evaluators.md says what file is needed."
        ) from None
    except (*_BROKEN, zipfile.BadZipFile, zlib.error) as error:
        raise TableError(
            f"The predictor {str(path)!r} cannot be read ({error}): it must be a whole .npz file with the arrays "
            f"{', '.join(_SHAPES)}."
        ) from None
    for name, shape in _SHAPES.items():
        array = weights[name]
        if array.shape != shape or array.dtype.kind != "f":
            raise TableError(
                f"The array {name!r} of {str(path)!r} has shape {array.shape} and type {array.dtype}, not {shape} of "
                "floats: it is not Once-for-All's accuracy predictor."
            )
        if not np.isfinite(array).all():
            place = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
            raise TableError(
                f"The array {name!r} of {str(path)!r} holds {array[place]} at {place}: copy it again."
            )
    return weights
