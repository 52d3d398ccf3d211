"""A hidden space: nothing of the real names shows, and every result maps back exactly."""

import json
import random
import re

import pytest

from navarch.spaces import INACTIVE, InvalidArchitecture, ObfuscatedSpace, get_space, space_names

# Words of ordinary English and bare numbers stand in any prompt; they tell nothing.
ORDINARY = {"none", "double", "both", "same", "depth", "identity", "stride", "resolution", "modules"}


def words(text):
    return set(re.findall(r"[A-Za-z0-9_]+", text))


def telling(space):
    """Return the names of a space that would give it away."""
    names = {*space.names, *(name for options in space.structure.options for name in options)}
    found = {*names, *words(space.title), *space.name.split("-")} - ORDINARY
    return {name for name in found if len(name) > 1 and not name.replace(".", "").isdigit()}


@pytest.fixture(scope="module", params=space_names())
def pair(request):
    space = get_space(request.param)
    return space, ObfuscatedSpace(space, 7)


def test_nothing_of_the_original_shows(pair):
    space, hidden = pair
    seen = words(json.dumps([hidden.describe(), hidden.json_schema()]))
    # what every hidden space says, whatever it hides
    common = words(json.dumps(ObfuscatedSpace(get_space("nas-bench-201"), 7).describe()))
    schema = {"type", "object", "properties", "string", "enum", "required", "additionalProperties", "false"}
    structural = {
        "count",
        "distinct",
        "forbidden",
        "at_least",
        "at_most",
        "choices",
        "dimension",
        "kind",
        "why",
    }
    structural |= words("These dimensions depend on one another.")
    assert not telling(space) & (seen - common - schema - structural)
    allowed = re.compile(r"d\d+|x\d+|[A-Za-z0-9-]*\d[A-Za-z0-9-]*|[0-9A-Za-z]")
    strange = {w for w in seen - common - schema - structural if not allowed.fullmatch(w)}
    assert not strange


def test_architectures_map_back_exactly(pair):
    space, hidden = pair
    rng = random.Random(3)
    for _ in range(50):
        real = space.sample(rng)
        neutral = hidden.hide(real)
        assert hidden.reveal(neutral) == real
        assert hidden.parse(hidden.to_dict(neutral)) == neutral
        assert hidden.parse(hidden.code(neutral)) == neutral
        assert hidden.digest(neutral) == space.digest(real)
        assert hidden.genotype(neutral) == space.genotype(real)
        assert hidden.reveal(hidden.canonical(neutral)) == space.canonical(real)
        assert hidden.cost(neutral, classes=10) == space.cost(real, classes=10)
        assert space.parse(space.to_dict(hidden.reveal(hidden.sample(rng)))).space == space.name


def test_neighbours_are_the_same_ones(pair):
    space, hidden = pair
    real = space.sample(random.Random(4))
    shown = [hidden.reveal(near) for near in hidden.neighbours(hidden.hide(real))]
    assert shown == list(space.neighbours(real))


def test_dimensions_and_options_change_places(nb201):
    hidden = [ObfuscatedSpace(nb201, seed) for seed in range(20)]
    cells = {space.hide(nb201.parse("012341")).values for space in hidden}
    assert len(cells) > 15
    assert ObfuscatedSpace(nb201, 3).hide(nb201.parse("012341")) == hidden[3].hide(nb201.parse("012341"))


def test_the_real_names_are_not_understood(nb201):
    hidden = ObfuscatedSpace(nb201, 1)
    for raw in ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", nb201.to_dict(nb201.parse("333333"))):
        with pytest.raises(InvalidArchitecture) as caught:
            hidden.parse(raw)
        assert not {"nor_conv_3x3", "edge_0_1"} & words(
            " ".join(p for x in caught.value.problems for p in x.allowed)
        )


def test_size_and_origin_are_kept(pair):
    space, hidden = pair
    assert hidden.size == space.size
    assert hidden.origin is space
    assert space.origin is space
    assert sorted(len(o) for o in hidden.structure.options) == sorted(len(o) for o in space.structure.options)
    assert INACTIVE not in {name for options in hidden.structure.options for name in options}


def test_a_name_is_shared_exactly_where_name_and_meaning_are(pair):
    space, hidden = pair
    meanings = {}
    for dimension in space.dimensions:
        for option in dimension.options:
            name = hidden._hidden.options[dimension.name][option.name]
            assert meanings.setdefault(name, (option.name, option.meaning)) == (option.name, option.meaning)
    assert len(meanings) == len({(o.name, o.meaning) for d in space.dimensions for o in d.options})
