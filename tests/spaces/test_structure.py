"""Activity and constraints: what is legal, what a draw, an edit and a cross make of it, and how many there are."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from navarch import NavarchError
from navarch.spaces import (
    INACTIVE,
    Dimension,
    InvalidArchitecture,
    Option,
    get_space,
    structure_from_description,
)
from navarch.spaces.constraints import Count, Distinct, Forbidden
from navarch.spaces.description import describe_structure
from navarch.spaces.reader import Reader
from navarch.spaces.spec import Condition
from navarch.spaces.structure import Structure


def dimension(name, words, **when):
    options = tuple(Option(word, word[0], f"the {word}") for word in words.split())
    return Dimension(name, name, options, tuple(Condition(n, tuple(o.split())) for n, o in when.items()))


DIMENSIONS = (
    dimension("kernel", "3 5 7", depth="two three"),  # declared before what it depends on
    dimension("depth", "one two three"),
    dimension("width", "8 9", depth="three", kernel="5 7"),
    dimension("left", "a b c"),
    dimension("right", "a b c"),
    dimension("free", "p q"),
)
CONSTRAINTS = (
    Distinct(("left", "right"), "Two different inputs."),
    Forbidden((("free", "q"), ("left", "c")), "They do not fit."),
)
STRUCTURE = Structure(DIMENSIONS, CONSTRAINTS)


def all_legal():
    every = itertools.product(*((*d.names, INACTIVE) if d.when else d.names for d in DIMENSIONS))
    return {values for values in every if STRUCTURE.is_legal(values)}


LEGAL = all_legal()


def test_the_size_is_what_enumeration_finds():
    # depth one: 1; two: 3 kernels; three: kernel 3 alone, or 2 kernels with 2 widths; times the pairs with `free`
    assert STRUCTURE.size == len(LEGAL) == (1 + 3 + 1 + 2 * 2) * (6 + 4)


def test_a_draw_is_legal_and_reaches_everything():
    rng = random.Random(0)
    assert {STRUCTURE.sample(rng) for _ in range(4000)} == LEGAL


def test_a_draw_takes_every_option_in_use_with_equal_chance():
    rng = random.Random(1)
    drawn = [STRUCTURE.sample(rng) for _ in range(6000)]
    depths = [values[1] for values in drawn]
    assert all(abs(depths.count(depth) - 2000) < 150 for depth in ("one", "two", "three"))


def test_weights_steer_a_draw():
    rng = random.Random(2)
    weights = [[1.0] * len(d.options) for d in DIMENSIONS]
    weights[1] = [0.0, 0.0, 1.0]
    assert {STRUCTURE.sample(rng, weights)[1] for _ in range(50)} == {"three"}


@given(st.sampled_from(sorted(LEGAL)))
def test_neighbours_are_legal_distinct_and_one_edit_away(values):
    near = list(STRUCTURE.neighbours(values))
    assert len(near) == len(set(near))
    assert set(near) <= LEGAL - {values}
    for other in near:
        edited = [i for i, (x, y) in enumerate(zip(values, other, strict=True)) if x != y]
        in_use = [i for i in edited if INACTIVE not in (values[i], other[i])]
        assert len(in_use) == 1, "one edit, and what it brings into or out of use"


def test_one_edits_lead_everywhere():
    reached, frontier = set(), {next(iter(LEGAL))}
    while frontier:
        reached |= frontier
        frontier = {near for values in frontier for near in STRUCTURE.neighbours(values)} - reached
    assert reached == LEGAL


def edit(structure, values, position, option):
    """Return what `replace` should, the long way: settle every dimension anew, then ask for every constraint."""
    edited = [*values[:position], option, *values[position + 1 :]]
    for at in structure.order:
        if not structure.is_active(at, edited):
            edited[at] = INACTIVE
        elif edited[at] == INACTIVE:
            edited[at] = structure.options[at][0]
    return tuple(edited) if structure.is_legal(edited) else None


def test_an_edit_settles_what_depends_on_it_and_asks_for_the_constraints_it_can_break():
    assert {("-", "one", "-", "b", "a", "p"), None} <= {
        STRUCTURE.replace(values, *what) for values in LEGAL for what in ((1, "one"), (4, "a"))
    }
    for values in LEGAL:
        for position, options in enumerate(STRUCTURE.options):
            for option in options:
                found = STRUCTURE.replace(values, position, option)
                assert found == edit(STRUCTURE, values, position, option)


@pytest.mark.parametrize("name", ["ofa-mobilenetv3", "autoformer-tiny", "darts"])
def test_the_neighbours_in_a_published_space_are_its_edits(name):
    structure, rng = get_space(name).structure, random.Random(3)
    for _ in range(3):
        values = structure.sample(rng)
        edits = [
            edit(structure, values, position, option)
            for position, options in enumerate(structure.options)
            for option in options
            if values[position] not in (INACTIVE, option)
        ]
        assert list(structure.neighbours(values)) == [near for near in edits if near is not None]


@given(st.sampled_from(sorted(LEGAL)), st.sampled_from(sorted(LEGAL)), st.integers(0, 9))
def test_a_child_is_legal_and_takes_options_of_its_parents(a, b, seed):
    child = STRUCTURE.crossover(a, b, random.Random(seed))
    assert child in LEGAL
    for position, value in enumerate(child):
        known = {a[position], b[position], INACTIVE}
        assert value in known or known == {INACTIVE}


def problems_of(raw, structure=STRUCTURE):
    with pytest.raises(InvalidArchitecture) as caught:
        Reader(structure, lambda raw: None).read(raw)
    return [(p.code, p.dimension, p.value) for p in caught.value.problems]


GIVEN = {"kernel": "5", "depth": "three", "width": "8", "left": "a", "right": "b", "free": "p"}


def test_what_is_out_of_use_may_be_left_out_or_marked():
    read = Reader(STRUCTURE, lambda raw: None).read
    full = ("-", "one", "-", "a", "b", "p")
    assert read({"depth": "one", "left": "a", "right": "b", "free": "p"}) == full
    assert read({**GIVEN, "depth": "one", "kernel": None, "width": "-"}) == full
    assert read(list(full)) == full
    assert read("-o-abp") == full


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"depth": "one", "width": None}, ("inactive-dimension", "kernel", "'5'")),
        ({"kernel": "3"}, ("inactive-dimension", "width", "'8'")),
        ({"kernel": None, "width": None}, ("missing-dimension", "kernel", "")),
        ({"depth": "-"}, ("unknown-option", "depth", "'-'")),
        ({"right": "a"}, ("equal-options", "right", "'a'")),
        ({"free": "q", "left": "c"}, ("forbidden", "left", "'c'")),
    ],
)
def test_the_reason_names_dimension_and_value(change, problem):
    assert problems_of({**GIVEN, **change}) == [problem]


def test_a_count_says_how_many_there_are_and_how_many_may_be():
    names = ("one", "two", "three")
    count = Count(names, ("on",), 1, 2, "Not all, not none.")
    structure = Structure([dimension(name, "on off") for name in names], [count])
    assert structure.size == 6
    assert problems_of(["off"] * 3, structure) == [("too-few", "one", "0 of on")]
    assert problems_of(["on"] * 3, structure) == [("too-many", "three", "3 of on")]


def test_the_sentences_are_for_people():
    with pytest.raises(InvalidArchitecture) as caught:
        Reader(STRUCTURE, lambda raw: None).read({**GIVEN, "right": "a"})
    assert str(caught.value) == (
        "dimension right must not be 'a' too: choose another option than left; Two different inputs."
    )


def test_a_structure_survives_its_description():
    data = describe_structure(STRUCTURE)
    again = structure_from_description(data["dimensions"], data["constraints"])
    assert again.size == STRUCTURE.size
    assert again.constraints == STRUCTURE.constraints
    assert again.dimensions == STRUCTURE.dimensions


def test_conditions_in_a_circle_are_refused():
    with pytest.raises(NavarchError, match=r"the conditions of a, b form a cycle"):
        Structure([dimension("a", "x y", b="x"), dimension("b", "x y", a="x")])


def test_an_impossible_constraint_is_counted_as_none_and_not_drawn_forever():
    never = Forbidden((("a", "x"),), "Never.")
    structure = Structure([dimension("a", "x")], [never])
    assert structure.size == 0
    with pytest.raises(NavarchError, match=r"no draw of a .* 'Never.'"):
        structure.sample(random.Random(0))


def test_what_is_too_entangled_to_count_is_refused_in_time():
    wide = [dimension(f"d{i}", "a b c e f g") for i in range(30)]
    structure = Structure(wide, [Count(tuple(d.name for d in wide), ("a",), 0, 3, "Few.")])
    with pytest.raises(NavarchError, match="join too many dimensions to count"):
        assert structure.size
