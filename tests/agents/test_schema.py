"""The schemas that servers get: closed, complete, without words."""

import json

import pytest

from navarch.agents.replies import Direction, Evolution, Lessons, Patterns, Proposals, Strategy, Verdicts
from navarch.agents.schema import reply_schema, schema_digest
from navarch.spaces import get_space

REPLIES = [Direction, Proposals, Verdicts, Lessons, Strategy, Evolution, Patterns]
SPACE = get_space("nas-bench-201").json_schema()


def nodes(schema):
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


@pytest.mark.parametrize("reply_type", REPLIES)
def test_every_object_is_closed_and_requires_all_its_properties(reply_type):
    objects = [node for node in nodes(reply_schema(reply_type, SPACE)) if node.get("type") == "object"]
    assert objects
    for node in objects:
        assert node["additionalProperties"] is False
        assert sorted(node["required"]) == sorted(node["properties"])


@pytest.mark.parametrize("reply_type", REPLIES)
def test_no_schema_holds_words_or_references(reply_type):
    text = json.dumps(reply_schema(reply_type, SPACE))
    assert not [word for word in ("title", "description", "$ref", "$defs", "Navigator") if word in text]


@pytest.mark.parametrize("reply_type", REPLIES)
def test_every_list_text_and_number_of_ours_has_bounds(reply_type):
    bounds = {
        "array": {"maxItems"},
        "string": {"maxLength"},
        "integer": {"minimum", "maximum"},
        "number": {"minimum", "maximum"},
    }
    for node in nodes(reply_schema(reply_type, SPACE)):
        kind = node.get("type")
        if isinstance(kind, str) and "enum" not in node:
            assert bounds.get(kind, set()) <= set(node), node


def test_a_share_is_offered_in_hundredths_and_taken_as_any_fraction():
    offered = reply_schema(Direction, SPACE)["properties"]["explore"]["enum"]
    assert (offered[0], offered[37], offered[-1], len(offered)) == (0.0, 0.37, 1.0, 101)
    said = {"summary": "s", "patterns": [], "guidance": [], "build_on": [], "explore": 1 / 3}
    assert Direction.model_validate(said).explore == 1 / 3


def test_a_proposals_architecture_is_the_spaces():
    items = reply_schema(Proposals, SPACE)["properties"]["proposals"]["items"]
    assert items["properties"]["architecture"] == SPACE


def test_the_digest_depends_on_the_content_alone():
    assert (
        schema_digest({"a": 1, "b": 2}) == schema_digest({"b": 2, "a": 1}) != schema_digest({"a": 1, "b": 3})
    )
