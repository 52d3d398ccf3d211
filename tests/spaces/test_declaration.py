"""Declarations: a good one is read whole, a malformed one is refused with file, place and value."""

import pytest

from navarch import NavarchError
from navarch.spaces.declaration import load_declaration

MALFORMED = {
    "an empty dimension": (
        ('options = "size"', "options = []"),
        "dimension 'first': a dimension needs at least one option, but options is []",
    ),
    "an empty shared list": (
        ("size = [", "size = []\nother = ["),
        "dimension 'first': a dimension needs at least one option, but options is []",
    ),
    "a duplicate option": (
        ('name = "large", code = "l"', 'name = "small", code = "l"'),
        "dimension 'first': option 'small' with code 'l' collides with option 'small' with code 's'",
    ),
    "a duplicate code": (
        ('name = "large", code = "l"', 'name = "large", code = "s"'),
        "dimension 'first': option 'large' with code 's' collides with option 'small' with code 's'",
    ),
    "a code that is the name of another option": (
        ('name = "5", code = "5"', 'name = "5", code = "7"'),
        "dimension 'second': option '7' with code '7' collides with option '5' with code '7'",
    ),
    "a long code": (
        ('code = "l"', 'code = "ll"'),
        "dimension 'first': option 2: code 'll' must follow the pattern [A-Za-z0-9]",
    ),
    "an unknown key at the top": (("[skeleton]", "colour = 1\n[skeleton]"), ": the key 'colour' is unknown"),
    "an unknown key in a dimension": (
        ('meaning = "the first choice"', 'meaning = "the first choice"\ncolour = 1'),
        "dimension 'first': the key 'colour' is unknown",
    ),
    "an unknown key in an option": (
        ('meaning = "little"', 'meaning = "little", colour = 1'),
        "dimension 'first': option 1: the key 'colour' is unknown",
    ),
    "a missing meaning": (
        ('meaning = "the second choice"\n', ""),
        "dimension 'second': the key 'meaning' is missing",
    ),
    "an empty meaning": (('"much"', '"  "'), "dimension 'first': option 2: meaning is empty"),
    "a meaning that cannot be printed": (
        ('"much"', '"much\\u0000"'),
        "dimension 'first': option 2: meaning holds characters that cannot be printed: 'much\\x00'",
    ),
    "a number for a text": (('"much"', "7"), "dimension 'first': option 2: meaning must be a text, not 7"),
    "an option that is no table": (
        ('{ name = "small", code = "s", meaning = "little" }', '"small"'),
        "dimension 'first': option 1: expected a table, not 'small'",
    ),
    "a duplicate dimension": (
        ('name = "second"', 'name = "first"'),
        "dimension 2: the name 'first' is already taken by another dimension",
    ),
    "a dimension name with a space": (
        ('name = "second"', 'name = "second one"'),
        "dimension 2: name 'second one' must follow the pattern [a-z][a-z0-9_]*",
    ),
    "an endless name": (('name = "second"', f'name = "{"x" * 65}"'), "is longer than 64 characters"),
    "an unknown list of options": (
        ('options = "size"', 'options = "sizes"'),
        "dimension 'first': there is no list of options 'sizes' under [options]",
    ),
    "a list that nothing uses": (
        ("size = [", "sise = []\nsize = ["),
        "options: no dimension names the list 'sise'",
    ),
    "a skeleton size of zero": (("width = 4", "width = 0"), "skeleton: width must be at least 1, not 0"),
    "a skeleton size that is a truth value": (
        ("width = 4", "width = true"),
        "skeleton: width must be an integer, not True",
    ),
    "rules that are no list": (
        ("[skeleton]", 'rules = "none"\n[skeleton]'),
        "rules must be a list, not 'none'",
    ),
    "a rule that is no text": (
        ("[skeleton]", 'rules = ["one", 2]\n[skeleton]'),
        "rules, entry 2 must be a text, not 2",
    ),
    "no TOML": (("[skeleton]", "[skeleton"), "is not valid TOML: "),
    "endless nesting": (("[skeleton]", "x = " + "[" * 100_000), "is not valid TOML: "),
}


def write(tmp_path, text):
    path = tmp_path / "space.toml"
    path.write_text(text)
    return path


def test_a_declaration_is_read_whole(tmp_path, toy_toml):
    declaration = load_declaration(write(tmp_path, toy_toml))
    assert (declaration.name, declaration.title, declaration.summary) == ("toy", "A toy", "Two choices.")
    assert [dimension.name for dimension in declaration.dimensions] == ["first", "second"]
    assert declaration.dimensions[0].names == ("small", "large")
    assert declaration.dimensions[1].index("7") == 2
    assert dict(declaration.skeleton) == {"width": 4}
    assert declaration.rules == ()


def test_line_breaks_in_a_text_become_spaces(tmp_path, toy_toml):
    text = toy_toml.replace('"Two choices."', '"""\nTwo\n  choices."""')
    assert load_declaration(write(tmp_path, text)).summary == "Two choices."


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_declaration_is_refused_with_file_place_and_value(tmp_path, toy_toml, case):
    (old, new), message = MALFORMED[case]
    assert toy_toml.count(old) == 1
    path = write(tmp_path, toy_toml.replace(old, new))
    with pytest.raises(NavarchError) as caught:
        load_declaration(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_declaration_without_dimensions_is_refused(tmp_path, toy_toml):
    head = toy_toml[: toy_toml.index("[skeleton]")]
    with pytest.raises(NavarchError, match="at least one dimension, but dimensions is"):
        load_declaration(write(tmp_path, head + "dimensions = []"))
    with pytest.raises(NavarchError, match="the key 'dimensions' is missing"):
        load_declaration(write(tmp_path, head))


def test_a_file_that_is_missing_or_not_text_is_refused(tmp_path):
    with pytest.raises(NavarchError, match=r"nowhere\.toml: cannot read the declaration"):
        load_declaration(tmp_path / "nowhere.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NavarchError, match=r"binary\.toml: .* is not valid TOML"):
        load_declaration(binary)
