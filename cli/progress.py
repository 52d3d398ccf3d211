"""A run's events as lines: round, role, trials, best so far, budget. A `finished` line means: stored for good."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from navarch.cli.echo import echo, one_line
from navarch.cli.wording import accuracy, big, gist, measuring, roles_of

if TYPE_CHECKING:
    from navarch.agents.caller import Answer
    from navarch.evaluation import Evaluator
    from navarch.graph.assemble import RunParts
    from navarch.graph.progress import Standing
    from navarch.memory import ProposalRow, RunRow, TrialRow


class ConsoleProgress:
    """Prints what happens, one line an event."""

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
        if trial.state == "complete":
            how = f"reused from {trial.reused_from}" if trial.reused_from else f"{trial.train_seconds:.1f} s"
            what = f"val {accuracy(trial.val_accuracy)}  {big(trial.params)} parameters  {how}"
        else:
            what = f"{trial.state}: {trial.reason} {one_line(trial.detail, 60)}"
        best = standing.best
        shown = (
            f"best {accuracy(best.val_accuracy)} (trial {best.number})" if best is not None else "no best yet"
        )
        spent = f"{standing.trials}/{standing.budget} trials"
        echo(f"finished  trial {trial.number:<3} {trial.code}  {what}  |  {shown}  {spent}")

    def testing(self, trial: "TrialRow") -> None:
        """Print that the test split is opened."""
        echo(f"the search is over; trial {trial.number} meets the sealed test split")

    def noted(self, message: str) -> None:
        """Print a note."""
        echo(f"note: {message}")
