"""What can be wrong with a prompt file: a list of problems from a check, or one error from a call."""

from dataclasses import dataclass

from navarch import NavarchError


@dataclass(frozen=True, slots=True)
class PromptProblem:
    """One fault of a prompt file: `line` counts from 1 in the whole file, 0 where no line is to blame."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        """Return `path:line: message`, the form that editors turn into a link."""
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


class PromptError(NavarchError):
    """A prompt file that cannot be used; the text names the file, the line and what to do."""

    def __init__(self, problem: PromptProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def fail(path: object, line: int, message: str) -> PromptError:
    """Return (not raise) the error for one fault of one file."""
    return PromptError(PromptProblem(str(path), line, message))
