"""The learning rate of each step, and which epochs are followed by a validation."""

import math

from navarch.evaluation.recipe import TrainRecipe


def learning_rate(step: int, steps: int, recipe: TrainRecipe, *, epochs: int = 1) -> float:
    """Return the rate of a step: a linear warm-up under a curve from the peak to the final rate.

    step: from 0. steps: of all epochs together. Fewer epochs than the recipe's have a shorter warm-up, in proportion.
    """
    share = recipe.warmup or recipe.warmup_epochs / recipe.epochs
    rise = min(1.0, (step + 1) / max(1, round(steps * share)))
    if recipe.schedule == "step":
        return recipe.peak_lr * rise * recipe.lr_factor ** (step * epochs // steps)
    fall = (
        0.5 * (1.0 + math.cos(math.pi * step / steps)) if recipe.schedule == "cosine" else 1.0 - step / steps
    )
    return recipe.final_lr + (recipe.peak_lr * rise - recipe.final_lr) * fall


def val_epochs(epochs: int, points: int) -> frozenset[int]:
    """Return the epochs that a validation follows: evenly spread, the last one among them."""
    return frozenset(max(1, round(epochs * part / points)) for part in range(1, points + 1))
