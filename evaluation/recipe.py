"""The training recipe of a task: all that is neither architecture, fidelity nor seed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainRecipe:
    """Say how networks are trained: Nesterov SGD, warm-up and cosine, label smoothing, shifted images."""

    batch_size: int
    peak_lr: float
    warmup: float  # share of all steps
    momentum: float
    weight_decay: float  # weights of convolutions and linear layers only
    label_smoothing: float
    shift: int  # largest random shift of a training image, pixels
    val_points: int  # how many epochs of a trial are followed by a validation; the last one always is
    bf16: bool  # whether the networks are large enough for bfloat16 to pay, where the hardware has it
