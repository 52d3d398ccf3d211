"""Listeners that the tests of whole runs share."""

from navarch.graph.progress import Silent
from navarch.memory import Memory


class StopAfter(Silent):
    """Asks the run to stop after so many finished trials, as `navarch stop` does, and keeps the notes."""

    def __init__(self, bench, trials):
        self.bench, self.left, self.notes = bench, trials, []

    def finished(self, trial, standing):
        self.left -= 1
        if self.left == 0:
            with Memory.open(self.bench.db) as memory:
                memory.request_stop("r1")

    def noted(self, message):
        self.notes.append(message)
