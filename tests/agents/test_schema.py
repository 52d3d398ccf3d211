"""The schemas that servers get: closed, complete, without words."""

import json

import pytest

from navarch.agents.replies import Direction, Lessons, Proposals, Verdicts
from navarch.agents.schema import reply_schema, schema_digest
from navarch.spaces import get_space

SPACE = get_space("nas-bench-201").json_schema()


def nodes(schema):
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


@pytest.mark.parametrize("reply_type", [Direction, Proposals, Verdicts, Lessons])
def test_every_object_is_closed_and_requires_all_its_properties(reply_type):
    objects = [node for node in nodes(reply_schema(reply_type, SPACE)) if node.get("type") == "object"]
    assert objects
    for node in objects:
        assert node["additionalProperties"] is False
        assert sorted(node["required"]) == sorted(node["properties"])


@pytest.mark.parametrize("reply_type", [Direction, Proposals, Verdicts, Lessons])
def test_no_schema_holds_words_or_references(reply_type):
    text = json.dumps(reply_schema(reply_type, SPACE))
    assert not [
        word for word in ("title", "description", "$ref", "$defs", "Navigator", "maxLength") if word in text
    ]


@pytest.mark.parametrize("reply_type", [Direction, Proposals, Verdicts, Lessons])
def test_every_list_and_number_of_ours_has_bounds(reply_type):
    for node in nodes(reply_schema(reply_type, SPACE)):
        if node.get("type") == "array":
            assert "maxItems" in node
        if node.get("type") in ("integer", "number"):
            assert {"minimum", "maximum"} <= set(node)


def test_a_proposals_architecture_is_the_spaces():
    items = reply_schema(Proposals, SPACE)["properties"]["proposals"]["items"]
    assert items["properties"]["architecture"] == SPACE


def test_the_digest_depends_on_the_content_alone():
    assert (
        schema_digest({"a": 1, "b": 2}) == schema_digest({"b": 2, "a": 1}) != schema_digest({"a": 1, "b": 3})
    )
