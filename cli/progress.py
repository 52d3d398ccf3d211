"""A run's events as lines: round, role, trials, best so far, budget. A `finished` line means: stored for good.

On a terminal the trials that run, the rate and the remaining time stand below them.
"""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from navarch import NavarchError
from navarch.cli.echo import Foot, echo, is_terminal, one_line
from navarch.cli.live_lines import finished_line, foot_lines, repeated_line
from navarch.cli.wording import gist, measuring, roles_of

if TYPE_CHECKING:
    from navarch.agents.caller import Answer
    from navarch.evaluation import Evaluator
    from navarch.graph.assemble import RunParts
    from navarch.graph.following import Follower
    from navarch.graph.progress import Standing
    from navarch.memory import ProposalRow, RunRow, TrialRow


PAINT_S = 1.0  # between two paintings of what runs


class ConsoleProgress:
    """Prints what happens, one line an event."""

    def __init__(self) -> None:
        """Print nothing yet."""
        self._painter: _Painter | None = None

    def began(self, run: "RunRow", parts: "RunParts", evaluator: "Evaluator") -> None:
        """Print what the run is made of."""
        again = f" (segment {run.segments})" if run.segments > 1 else ""
        echo(
            f"run {run.run_id}{again}: workflow {run.workflow}, space {run.space}, task {run.task}, seed {run.seed}"
        )
        echo(f"evaluator: {measuring(evaluator, parts)}")
        if parts.models:
            from navarch.graph.settings import settings_of

            echo(f"roles: {roles_of(settings_of(run))}")
        if "offline" in parts.models.values():
            echo("offline roles are rules and statistics, not a language model")

    def watch(self, follower: "Follower") -> None:
        """Begin to paint what runs, where there is a terminal to paint on."""
        if is_terminal():
            self._painter = _Painter(follower)
            self._painter.start()

    def ended(self) -> None:
        """Take away what was painted."""
        if self._painter is not None:
            self._painter.stop()
            self._painter = None

    def answered(self, round: int, role: str, answer: "Answer[Any]") -> None:
        """Print the gist of a reply."""
        mark = "" if answer.source == "model" else f" [{answer.source}]"
        echo(f"round {round:<3} {role.capitalize():<10}{mark} {one_line(gist(answer.reply), 100)}")

    def validated(self, round: int, attempt: int, counts: Mapping[str, int]) -> None:
        """Print how many proposals became candidates."""
        shown = ", ".join(f"{count} {status}" for status, count in sorted(counts.items(), reverse=True))
        echo(
            f"round {round:<3} validator  {shown or 'no proposals'}"
            + (f" (attempt {attempt + 1})" if attempt else "")
        )

    def selected(self, round: int, chosen: "list[ProposalRow]", vetoed: int) -> None:
        """Print which candidates are evaluated."""
        codes = " ".join(str(row.code) for row in chosen)
        echo(f"round {round:<3} selected   {codes}" + (f"; {vetoed} vetoed" if vetoed else ""))

    def started(self, trial: "TrialRow") -> None:
        """Say nothing: the line that counts is the finished one."""

    def finished(self, trial: "TrialRow", standing: "Standing") -> None:
        """Print a finished trial, the best so far, and the budget."""
        echo(finished_line(trial, standing))

    def confirming(self, best: "list[TrialRow]", seeds: int) -> None:
        """Print which trials are trained again."""
        numbers = " ".join(str(row.number) for row in best)
        echo(f"the search is over; its best, trials {numbers}, are trained again on {seeds} fresh seeds each")

    def repeated(self, trial: "TrialRow", done: int, planned: int) -> None:
        """Print a finished repeat."""
        echo(repeated_line(trial, done, planned))

    def testing(self, trial: "TrialRow") -> None:
        """Print that the test split is opened."""
        from navarch.memory import REPEATS

        if trial.round == REPEATS:
            echo(f"the winner, {trial.code}, meets the sealed test split, trained on seed {trial.seed}")
        else:
            echo(f"the search is over; trial {trial.number} meets the sealed test split")

    def noted(self, message: str) -> None:
        """Print a note."""
        echo(f"note: {message}")


class _Painter(threading.Thread):
    """Looks at a run now and then and paints what it sees; a look that fails leaves the last picture."""

    def __init__(self, follower: "Follower") -> None:
        super().__init__(daemon=True)
        self._follower = follower
        self._enough = threading.Event()

    def run(self) -> None:
        with Foot() as foot:
            while not self._enough.wait(PAINT_S):
                with suppress(NavarchError):
                    foot.paint(foot_lines(self._follower.look()))

    def stop(self) -> None:
        """End, and wait for the end."""
        self._enough.set()
        self.join()
