"""What may and may not be said of a run's results, in plain sentences, for the terminal and for reports."""

from typing import TYPE_CHECKING

from navarch.graph.counting import counted
from navarch.viewer.confirmation import Confirmation

if TYPE_CHECKING:
    from navarch.viewer.run_facts import RunFacts


def confirmation_sentences(found: Confirmation) -> list[str]:
    """Return what fresh seeds say: who can be told apart, how much luck chose, and by what method."""
    rated = [one for one in found.candidates if one.mean is not None]
    if not found.is_over:
        return ["until it is over the best is that of the search"]
    if found.winner is None or found.noise is None:
        return ["nothing is confirmed: too few repeats are complete; the best is that of the search"]
    sentences = [_apart(found)]
    if found.bias is not None:
        sentences.append(
            f"selection bias {found.bias:+.2f} points: what these had in the search beyond their means on fresh seeds, "
            "on average"
        )
    if found.noise.deviation:
        sentences.append(
            f"deviation between seeds {found.noise.deviation:.2f} points "
            f"(95 %: {found.noise.low:.2f} to {found.noise.high:.2f}); probabilities are Student's, with one "
            f"deviation for all and {found.noise.freedom} degrees of freedom; intervals are of 95 %"
        )
    else:
        sentences.append("every seed gave the same: there is no noise to measure")
    if len(rated) > 1:
        sentences.append(
            "the mean of the best is the highest of several, so it may still be a little too high; the test accuracy "
            "is not chosen by anything"
        )
    if any(one.confirmed.failed for one in found.candidates):
        sentences.append("a failed repeat is left out of the mean: read it as a warning of its own")
    return sentences


def _apart(found: Confirmation) -> str:
    rated = [one for one in found.candidates if one.chance is not None]
    others = [one for one in rated if one.confirmed.trial.number != found.winner]
    close = [one for one in others if not one.is_told_apart]
    if not others:
        return f"trial {found.winner} alone was confirmed"
    if not close:
        return f"trial {found.winner} is told apart from all others: no interval of the difference holds 0"
    numbers = ", ".join(str(one.confirmed.trial.number) for one in close)
    return (
        f"not distinguishable from trial {found.winner}: {'trial' if len(close) == 1 else 'trials'} {numbers} "
        "(the interval of the difference holds 0)"
    )


def as_sentence(text: str) -> str:
    """Return the text with a capital letter and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def cautions(facts: "RunFacts") -> list[str]:
    """Return what a reader of a run's figures must know before anything is called better."""
    found = facts.confirmation
    said = []
    if facts.state != "finished":
        said.append(f"The run is {facts.state}: these are figures on the way.")
    if facts.best is None:
        said += [] if facts.is_noise else ["No trial has completed."]
    elif found is None and facts.run.evaluator in ("train", "callable"):
        said.append(
            "The best is one training, chosen as the highest of many: its validation accuracy is too high by luck, and "
            "near rivals may be as good. With confirm.top a run trains its best again on fresh seeds."
        )
    elif found is not None:
        said += [as_sentence(text) for text in confirmation_sentences(found)[:1]]
    if facts.best is not None and facts.noise is not None and found is None:
        reach = facts.noise.smallest_difference()
        said.append(
            f"{counted(_rivals(facts, reach), 'other trial')} within {reach:.2f} points of the best cannot be told "
            "apart from it: noise alone makes two single trials differ by as much."
        )
    if facts.replies.fallback:
        said.append(
            f"{facts.replies.fallback} of {counted(facts.replies.total, 'reply')} came from the offline roles "
            "in a model's place."
        )
    if facts.run.evaluator == "supernet":
        said.append("Accuracies are those of shared weights, and rank architectures only roughly.")
    return said


def _rivals(facts: "RunFacts", reach: float) -> int:
    """Return how many other trials lie within reach of the best."""
    best = facts.best
    if best is None or best.val_accuracy is None:
        return 0
    top = best.val_accuracy
    return sum(row.number != best.number and top - (row.val_accuracy or 0.0) < reach for row in facts.counted)
