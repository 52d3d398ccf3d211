"""Check prompt files before a run: what is wrong, in which file, on which line."""

from collections.abc import Iterator, Sequence

from navarch.prompts.files import PromptFolder, find_text, list_names
from navarch.prompts.front_matter import split_front_matter
from navarch.prompts.load import Loaded, compile_prompt, parse, read_prompt
from navarch.prompts.problems import PromptError, PromptProblem
from navarch.prompts.variables import VARIABLES


def check_prompts(folders: Sequence[PromptFolder]) -> tuple[PromptProblem, ...]:
    """Return the problems of every prompt in force and of the user's own parts, ordered by file and line."""
    problems: set[PromptProblem] = set()
    for name in VARIABLES:
        try:
            problems.update(list_problems(compile_prompt(read_prompt(folders, name))))
        except PromptError as error:
            problems.add(error.problem)
    for folder in folders:
        if folder.source != "default":
            problems.update(_check_folder(folder))
    return tuple(sorted(problems, key=lambda problem: (problem.path, problem.line, problem.message)))


def list_problems(loaded: Loaded) -> Iterator[PromptProblem]:
    """Yield unknown names, and where the declared variables differ from the used ones."""
    known, path = VARIABLES[loaded.file.name], str(loaded.file.path)
    for bad in loaded.bad:
        yield PromptProblem(str(loaded.texts[bad.template].source.path), bad.line, bad.message)
    declared, line = loaded.matter.variables, loaded.matter.lines.get("variables", 1)
    if declared is None:
        return
    for name in declared:
        if name not in known:
            text = f"declares the unknown variable {name!r}; known are {', '.join(sorted(known))}"
            yield PromptProblem(path, line, text)
        elif name not in loaded.used:
            yield PromptProblem(path, line, f"declares {name!r} and does not use it")
    for name in sorted(loaded.used - set(declared)):
        yield PromptProblem(path, line, f"uses {name!r} and does not declare it under `variables`")


def _check_folder(folder: PromptFolder) -> Iterator[PromptProblem]:
    """Yield the faults of a user's parts, used or not, and the prompts whose name is no prompt's (a slip)."""
    for name in list_names(folder.path):
        if name in VARIABLES:
            continue
        try:
            text = find_text((folder,), name)
            if text is None:
                continue
            if name.startswith("parts/"):
                parse(text, text.text)
            elif split_front_matter(text.path, text.text).role is not None:
                message = (
                    f"is not used, because no prompt is called {name!r}; known are {', '.join(VARIABLES)}"
                )
                yield PromptProblem(str(text.path), 1, message)
        except PromptError as error:
            # A file that is no prompt at all (a README, say) is none of our business.
            if name.startswith("parts/"):
                yield error.problem
