"""A space's dimensions, activity and constraints as plain data: for schemas and prompts, and read back from them."""

from collections.abc import Mapping, Sequence
from typing import Any

from navarch.spaces.constraints import constraint_from_dict, constraint_to_dict
from navarch.spaces.spec import Condition, Dimension, Option
from navarch.spaces.structure import Structure


def make_schema(dimensions: Sequence[Dimension]) -> dict[str, object]:
    """Return the JSON schema of an object with one option for every dimension."""
    return {
        "type": "object",
        "properties": {
            dimension.name: {"type": "string", "enum": list(dimension.values)} for dimension in dimensions
        },
        "required": [dimension.name for dimension in dimensions],
        "additionalProperties": False,
    }


def describe_structure(structure: Structure) -> dict[str, object]:
    """Return dimensions and constraints as plain data (`structure_from_description` is the inverse)."""
    return {
        "dimensions": [
            {
                "name": dimension.name,
                "meaning": dimension.meaning,
                "options": [
                    {"name": o.name, "code": o.code, "meaning": o.meaning} for o in dimension.options
                ],
                "when": [{"dimension": c.dimension, "options": list(c.options)} for c in dimension.when],
            }
            for dimension in structure.dimensions
        ],
        "constraints": [constraint_to_dict(constraint) for constraint in structure.constraints],
    }


def structure_from_description(
    dimensions: Sequence[Mapping[str, Any]], constraints: Sequence[Mapping[str, Any]]
) -> Structure:
    """Return the structure that `SearchSpace.describe` describes."""
    made = [
        Dimension(
            data["name"],
            data["meaning"],
            tuple(Option(o["name"], o["code"], o["meaning"]) for o in data["options"]),
            tuple(Condition(c["dimension"], tuple(c["options"])) for c in data["when"]),
        )
        for data in dimensions
    ]
    return Structure(made, [constraint_from_dict(data) for data in constraints])
