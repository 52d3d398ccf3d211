"""The JSON schema that a server may use to constrain a reply: small, closed, without words.

Titles, descriptions and docstrings are left out: what a model reads stands in prompt files. Every list and text has
a bound, so that a server that keeps to the schema cannot ramble; a server that refuses bounds on text gets none
(`without_lengths`). A share is one of the hundredths from 0 to 1, because grammars of servers know no bounds on
fractions. The reply is validated again anyway.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from navarch.agents.replies import Reply

_DROPPED = frozenset({"title", "description", "default"})
_LENGTHS = frozenset({"minLength", "maxLength"})
_HUNDREDTHS = tuple(n / 100 for n in range(101))


def reply_schema(reply_type: type[Reply], space_schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a reply, its architectures those of the space.

    Every property required, no other allowed.
    """
    raw = reply_type.model_json_schema()
    schema: dict[str, Any] = _strip(raw, raw.get("$defs", {}), dict(space_schema))
    return schema


def schema_digest(schema: Mapping[str, Any]) -> str:
    """Return the sha256 of a schema's canonical JSON."""
    return hashlib.sha256(json.dumps(schema, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def without_lengths(schema: Any) -> Any:
    """Return a schema without bounds on the length of texts."""
    if isinstance(schema, list):
        return [without_lengths(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: without_lengths(value) for key, value in schema.items() if key not in _LENGTHS}


def _strip(node: Any, definitions: Mapping[str, Any], space_schema: dict[str, Any]) -> Any:
    """Return a schema node with references put in place and everything that is only for readers left out."""
    if isinstance(node, list):
        return [_strip(item, definitions, space_schema) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _strip(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions, space_schema)
    if (node.get("type"), node.get("minimum"), node.get("maximum")) == ("number", 0, 1):
        return {"type": "number", "enum": list(_HUNDREDTHS)}
    clean = {
        key: _strip(value, definitions, space_schema)
        for key, value in node.items()
        if key not in _DROPPED and key not in ("$defs", "properties")
    }
    if "properties" in node:
        clean["properties"] = {
            name: space_schema if name == "architecture" else _strip(value, definitions, space_schema)
            for name, value in node["properties"].items()
        }
        clean["required"] = list(node["properties"])
        clean["additionalProperties"] = False
    return clean
