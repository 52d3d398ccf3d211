"""`navarch prompts check` against the context of a model: given, or found by `navarch models check`."""

from pathlib import Path

import pytest
from openai_server import OpenAIServer

SETTINGS = 'model = "{model}"\n[budget]\ntrials = 4\n[server]\nbase_url = "{url}"\n'


def settings(url="http://127.0.0.1:9/v1", model="openai:m"):
    Path("navarch.toml").write_text(SETTINGS.format(model=model, url=url))


def test_a_prompt_that_does_not_fit_is_named_with_its_size(cli):
    settings()
    ended = cli("prompts", "check", "--context", "9000")
    assert (ended.code, ended.out) == (2, "")
    line = next(line for line in ended.err.splitlines() if "/navigator.md: is too long" in line)
    assert "its reply up to 8,192" in line
    assert "the model takes 9,000" in line
    assert "distiller" not in ended.err  # its reply is shorter
    assert cli("prompts", "check", "--context", "20000").out == "20 prompts are fine, and fit 20,000 tokens\n"


@pytest.mark.slow
def test_a_part_that_grows_makes_the_prompts_that_include_it_too_long(cli):
    settings()
    assert cli("prompts", "copy", "parts/status").code == 0
    part = Path("prompts/parts/status.md")
    part.write_text(part.read_text() + "word " * 10_000)
    ended = cli("prompts", "check", "--context", "16000")
    assert ended.code == 2
    assert "distiller.md: is too long" in ended.err
    assert "generator.md: is too long" in ended.err
    assert "seki" not in ended.err  # these do not include it


@pytest.mark.slow
@pytest.mark.parametrize("model", ["openai:m", "replay:r1,openai:m"])
def test_the_context_that_a_check_of_the_model_found_is_remembered(cli, model):
    with OpenAIServer(["red"], {"/v1/models": {"data": [{"id": "m", "max_model_len": 9000}]}}) as server:
        settings(server.base_url, model)
        assert cli("prompts", "check").out == "20 prompts are fine\n"
        assert cli("models", "check", "m", "--base-url", server.base_url).code == 0
        ended = cli("prompts", "check")
        assert ended.code == 2
        assert "the model takes 9,000" in ended.err
        assert cli("prompts", "check", "--context", "30000").code == 0


def test_a_broken_prompt_is_told_before_its_length(cli):
    settings()
    Path("prompts").mkdir()
    Path("prompts/repair.md").write_text("{{ eror }}" + "x " * 9000)
    ended = cli("prompts", "check", "--context", "10")
    assert ended.err == "prompts/repair.md:1: uses the unknown variable 'eror'; did you mean 'error'?\n"
