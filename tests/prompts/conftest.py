"""Fixtures of the prompt tests; helpers that several folders share lie in `tests/`."""

import pytest

from navarch.prompts import PromptLibrary


@pytest.fixture
def library() -> PromptLibrary:
    """The installed defaults alone."""
    return PromptLibrary(project=None)


@pytest.fixture
def project(tmp_path):
    """Write prompt files into a project's folder and get its library: `project({"repair": text})`."""

    def write(files: dict[str, str | bytes]) -> PromptLibrary:
        folder = tmp_path / "prompts"
        for name, content in files.items():
            path = folder / f"{name}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return PromptLibrary(project=folder)

    return write
