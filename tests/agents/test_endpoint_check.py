"""Checking a model against servers of several kinds on loopback: what they list, take, ignore and refuse."""

import pytest
from openai_server import Fault, OpenAIServer, error, hang

from navarch import NavarchError
from navarch.agents.endpoint import ANY, remembered_dialect
from navarch.agents.endpoint_check import check_model
from navarch.agents.endpoint_models import Offered, find_offered, offered_models
from navarch.agents.redaction import Secret
from navarch.prompts import PromptLibrary

KEY = "sk-canary-1234567890abcdefghijkl"
PROMPT = PromptLibrary(project=None).render("check", {})
JSON = '{"colour": "red"}'
REFUSAL = error(400, "response_format is not supported")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def check(server, model="m", key=KEY, timeout_s=30.0):
    return check_model(
        model, PROMPT, base_url=server.base_url, api_key=Secret(key) if key else None, timeout_s=timeout_s
    )


def listing(*items):
    return {"/v1/models": {"object": "list", "data": list(items)}}


@pytest.mark.parametrize(
    ("script", "kept", "chosen"),
    [
        (["red", JSON, JSON], [True, True, True], "json_schema"),
        (["red", '{"answer": 1}', JSON], [True, True, True], "json_schema"),
        (["red", JSON, REFUSAL], [True, True, False], "json_object"),
        (["red", REFUSAL, JSON], [True, False, True], "json_schema"),
        (["red", REFUSAL], [True, False, False], "none"),
        (["red", JSON, "red"], [True, True, False], "json_object"),  # the schema is taken, and ignored
        (["red", "red", "red"], [True, False, False], "json_schema"),  # both are ignored: they do no harm
        (["red", JSON, '{"colour": "pink"}'], [True, True, False], "json_object"),
        (["red", JSON, f"<think>so</think>{JSON}"], [True, True, True], "json_schema"),
        (["red", JSON, error(500), error(500)], [True, True, False], "json_object"),
    ],
)
def test_the_strictest_form_that_a_server_keeps_is_chosen_and_remembered(script, kept, chosen, monkeypatch):
    monkeypatch.setattr("navarch.agents.openai_model.BACKOFF_S", (0.0,))
    with OpenAIServer(script) as server:
        found = check(server)
        assert [one.is_kept for one in found.tried] == kept
        assert found.format == chosen
        assert remembered_dialect(server.base_url, "m").formats == {ANY: chosen}


def test_a_check_takes_few_requests_and_looks_afresh():
    with OpenAIServer(["red", JSON, JSON], listing({"id": "m"})) as server:
        wrong = remembered_dialect(server.base_url, "m")
        wrong.formats[ANY], wrong.sends_temperature = "none", False
        wrong.save()
        found = check(server)
        assert (len(server.requests), found.requests) == (3, 3)
        assert remembered_dialect(server.base_url, "m").formats == {ANY: "json_schema"}
        assert server.requests[0]["temperature"] == 0.0
        assert found.sends_temperature


def test_usage_reasoning_and_parameters_are_reported():
    silent = Fault(text="red", usage=None)
    with OpenAIServer([error(400, "no 'temperature' here"), silent, JSON]) as server:
        found = check(server)
        assert (found.reports_usage, found.sends_temperature, found.requests) == (False, False, 4)
        assert (found.reasoning, found.models, found.offered) == ("none seen", None, None)
    with OpenAIServer([Fault(text="red", message={"reasoning_content": "hm"}), JSON]) as server:
        assert check(server).reasoning == "apart"
    with OpenAIServer(["<think>hm</think>red", JSON]) as server:
        found = check(server)
        assert (found.reasoning, found.reports_usage) == ("in the reply", True)


@pytest.mark.parametrize(
    ("item", "offered"),
    [
        ({"id": "m"}, Offered("m")),
        ({"id": "m", "max_model_len": 32768}, Offered("m", 32768)),  # vLLM
        ({"id": "m", "meta": {"n_ctx_train": 131072}}, Offered("m", 131072, True)),  # llama.cpp
        ({"id": "m", "meta": {"n_ctx": 4096, "n_ctx_train": 131072}}, Offered("m", 4096)),
        ({"id": "m", "context_window": 8192, "owned_by": "x"}, Offered("m", 8192, owner="x")),
        (
            {"id": "m", "context_length": 9, "pricing": {"prompt": "0.0000005", "completion": "0.000002"}},
            Offered("m", 9, prices=(0.5, 2.0)),
        ),
        ({"id": "m", "context_length": "9", "pricing": {"prompt": "-1", "completion": "nan"}}, Offered("m")),
        ({"id": "m", "meta": [], "pricing": "free", "owned_by": None}, Offered("m")),
    ],
)
def test_what_servers_say_of_a_model_is_read(item, offered):
    with OpenAIServer(["x"], listing({"id": 7}, "x", item)) as server:
        listed = offered_models(server.base_url, "m", None, 30.0)
        assert listed == (offered,)
        assert find_offered(listed, server.base_url, "m", None, 30.0) == offered


def test_ollama_is_asked_for_the_context_in_its_own_way():
    show = {"/api/show": {"model_info": {"general.architecture": "q", "q.context_length": 40960}}}
    pages = {**listing({"id": "m:latest", "owned_by": "library"}), **show}
    with OpenAIServer(["red", JSON], pages) as server:
        found = check(server, key=None)
        assert found.offered == Offered("m:latest", 40960, True, owner="library")


@pytest.mark.parametrize(
    "pages", [{}, {"/v1/models": []}, {"/v1/models": Fault(body=b"<html>")}, {"/v1/models": error(403)}]
)
def test_a_server_without_a_list_of_models_can_be_used(pages):
    with OpenAIServer(["red", JSON], pages) as server:
        assert check(server).models is None


@pytest.mark.parametrize(
    ("script", "pages", "said"),
    [
        ([error(401, f"bad key {KEY}")], {}, "refused the key"),
        (
            [error(404, "no such model")],
            listing({"id": "a"}, {"id": "b"}),
            "knows no model 'm': it has 'a', 'b'.",
        ),
        ([error(404, "no such model")], {}, "knows no model 'm', or no such path"),
        ([error(400, "model m does not exist")], {}, "model m does not exist"),
        ([Fault(body=b"<html>")], {}, "a web page"),
    ],
)
def test_what_makes_a_model_useless_is_one_sentence_without_the_key(script, pages, said):
    with OpenAIServer(script, pages) as server, pytest.raises(NavarchError) as caught:
        check(server)
    assert said in str(caught.value)
    assert KEY[3:] not in str(caught.value)


def test_a_server_that_says_nothing_is_not_waited_for():
    with OpenAIServer([Fault()]) as server:
        server.pages["/v1/models"] = Fault(act=hang(server.release))
        with pytest.raises(NavarchError, match=r"took longer than 0\.3 s"):
            check(server, timeout_s=0.3)
