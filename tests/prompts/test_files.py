"""Finding and reading prompt files: overrides, odd files, links, edits during a run."""

import os

import pytest

from navarch.prompts import PromptError, PromptLibrary, files
from navarch.prompts.files import DEFAULT_FOLDER

REPAIR = "---\nrole: repair\n---\nMine: {{ error }}\n"


def refusal(library, name="repair"):
    with pytest.raises(PromptError) as caught:
        library.render(name, {"role": "critic", "error": "e", "left": 1})
    return str(caught.value)


def test_the_defaults_are_used_where_nothing_overrides_them(library):
    assert {prompt.source for prompt in library.list()} == {"default"}


def test_every_prompt_file_of_the_folder_is_a_known_prompt_or_a_part(library):
    names = {
        path.relative_to(DEFAULT_FOLDER).with_suffix("").as_posix() for path in DEFAULT_FOLDER.rglob("*.md")
    }
    parts = {part.name for part in library.parts()}
    assert names == {prompt.name for prompt in library.list()} | parts


def test_every_default_part_is_used(library):
    used = {part for prompt in library.list() for part in prompt.parts}
    assert used == {part.name for part in library.parts()}


def test_a_projects_file_replaces_the_default(project):
    library = project({"repair": REPAIR})
    assert library.get("repair").source == "project"
    assert library.render("repair", {"error": "e"}).user == "Mine: e"


def test_the_options_folder_wins_over_the_projects(project, tmp_path):
    project({"repair": REPAIR})
    (tmp_path / "option").mkdir()
    (tmp_path / "option" / "repair.md").write_text("Option: {{ error }}")
    library = PromptLibrary(tmp_path / "option", tmp_path / "prompts")
    assert library.render("repair", {"error": "e"}).user == "Option: e"


def test_a_projects_part_changes_the_digest_of_the_prompts_that_include_it(project, library):
    mine = project({"parts/status": "Round {{ mission.round }}.\n"})
    assert mine.get("critic").digest != library.get("critic").digest
    assert mine.get("repair").digest == library.get("repair").digest


def test_the_digest_does_not_depend_on_where_a_file_lies(project, library):
    mine = project({"repair": (DEFAULT_FOLDER / "repair.md").read_text()})
    assert mine.get("repair").digest == library.get("repair").digest


def test_a_checkout_of_navarch_is_not_its_own_project():
    assert PromptLibrary(project=DEFAULT_FOLDER).get("critic").source == "default"


def test_a_missing_project_folder_is_no_error(tmp_path):
    assert PromptLibrary(project=tmp_path / "none").get("critic").source == "default"


def test_a_missing_option_folder_is_refused(tmp_path):
    with pytest.raises(PromptError, match="is not a folder"):
        PromptLibrary(tmp_path / "none")


def test_an_edit_counts_from_the_next_call_on(project):
    library = project({"repair": REPAIR})
    before = library.render("repair", {"error": "e"})
    project({"repair": REPAIR.replace("Mine", "Yours")})
    after = library.render("repair", {"error": "e"})
    assert (before.user, after.user) == ("Mine: e", "Yours: e")
    assert before.digest != after.digest


def test_the_phrases_of_one_reply_are_of_one_version(project):
    library = project({"offline/why": "first"})
    with library.looking_once():
        said = [library.phrase("offline/why", {})]
        project({"offline/why": "second"})
        said.append(library.phrase("offline/why", {}))
    assert [*said, library.phrase("offline/why", {})] == ["first", "first", "second"]


def test_an_edit_within_one_time_stamp_counts_too(project, monkeypatch):
    library = project({"repair": "one"})
    state = os.stat(library.get("repair").path)
    monkeypatch.setattr(files, "_look_at", lambda path: state if path.name == "repair.md" else None)
    assert library.render("repair", {}).user == "one"
    project({"repair": "two"})
    assert library.render("repair", {}).user == "two"


def test_a_text_that_stays_is_read_once(project, monkeypatch):
    library = project({"repair": "one"})
    monkeypatch.setattr(files, "GRAIN_NS", -1)
    library.get("repair")
    monkeypatch.setattr(files, "_read_anew", None)
    assert library.get("repair").text == "one"


def test_the_same_folder_as_option_and_as_project_is_told_apart(project, tmp_path):
    library = project({"repair": "one"})
    assert library.get("repair").source == "project"
    assert PromptLibrary(tmp_path / "prompts", None).get("repair").source == "option"


def test_an_edit_of_a_part_counts_from_the_next_call_on(project):
    library = project({"repair": '{% include "parts/mine.md" %}{{ error }}', "parts/mine": "a\n"})
    before = library.render("repair", {"error": "e"}).user
    project({"parts/mine": "b\n"})
    assert (before, library.render("repair", {"error": "e"}).user) == ("a\ne", "b\ne")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ":1: is empty"),
        (b"  \n\n \t\n", ":1: is empty"),
        (b"x" * 10_000_000, "is larger than 256 kB"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", ":3: has a NUL byte"),
        ("Hello".encode("utf-16"), ":1: is UTF-16"),
        (b"one\ntwo \xff\n", ":2: is not UTF-8 (byte 0xff)"),
        (b"---\nrole: repair\n", ":1: has front matter that is not closed"),
        (b"---\nrole: repair\ntemperature: 1\n---\nx", ":3: has an unknown setting 'temperature'"),
        (b"---\n\nrole: repair\n\ncolour: 1\n---\nx", ":5: has an unknown setting 'colour'"),
        (b"---\nrole: repair\nrole: repair\n---\nx", ":3: has the setting 'role' twice"),
        (b"---\nrole: critic\n---\nx", ":2: has the role 'critic'"),
        (b"---\nrole: [\n---\nx", "has front matter that YAML cannot read"),
        (b"---\n- a\n---\nx", ":2: has front matter that is not `key: value` lines"),
        (
            b"---\nrole: repair\nversion: {a: 1}\n---\nx",
            ":3: has `version: {'a': 1}`; it must be a short text",
        ),
        (b"---\nsampling: hot\n---\nx", ":2: has `sampling: 'hot'`"),
        (b"---\nsampling: {temperature: .nan}\n---\nx", ":2: has `sampling:"),
        (b"---\nsampling: {temperature: 3}\n---\nx", "a temperature from 0 to 2"),
        (b"---\nsampling: {max_tokens: true}\n---\nx", "max_tokens from 1 to"),
        (b"---\nsampling: {top_q: 1}\n---\nx", "a mapping of temperature and max_tokens"),
        (b"---\nvariables: error\n---\nx", ":2: has `variables: 'error'`; it must be a list of names"),
        (b"---\nvariables: [error, error]\n---\nx", "a list of different names"),
        (
            b"---\nrole: !!python/object/apply:os.system [id]\n---\nx",
            "has front matter that YAML cannot read",
        ),
        (b"a\n<!-- user -->\nb", ":2: has a line <!-- user -->"),
    ],
)
def test_an_odd_file_is_refused_with_file_and_line(project, content, message):
    text = refusal(project({"repair": content}))
    assert "repair.md" in text
    assert message in text
    assert len(text) < 500


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbf" + REPAIR.encode(), REPAIR.replace("\n", "\r\n").encode()]
)
def test_a_byte_order_mark_and_windows_line_ends_are_accepted(project, content):
    assert project({"repair": content}).render("repair", {"error": "e"}).user == "Mine: e"


def test_a_role_needs_exactly_one_user_mark(project):
    assert "critic.md:2: needs exactly one line <!-- user -->" in refusal(
        project({"critic": "a\nb"}), "critic"
    )
    twice = "a\n<!-- user -->\nb\n<!-- user -->\nc"
    assert "critic.md:4: needs exactly one" in refusal(project({"critic": twice}), "critic")


def test_a_role_needs_text_on_both_sides_of_the_mark(project):
    assert "has an empty user part" in refusal(project({"critic": "a\n<!-- user -->\n\n"}), "critic")


def test_a_folder_in_place_of_a_prompt_is_refused(project, tmp_path):
    library = project({"other": "x"})
    (tmp_path / "prompts" / "repair.md").mkdir()
    assert "repair.md: is a folder" in refusal(library)


def test_a_pipe_in_place_of_a_prompt_is_refused_without_waiting(project, tmp_path):
    library = project({"other": "x"})
    os.mkfifo(tmp_path / "prompts" / "repair.md")
    assert "repair.md: is not a plain file" in refusal(library)


def test_a_link_out_of_the_folder_is_refused(project, tmp_path):
    library = project({"other": "x"})
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "prompts" / "repair.md").symlink_to(tmp_path / "secret.md")
    assert "is a link that leaves the prompt folder" in refusal(library)


def test_a_link_inside_the_folder_is_followed(project, tmp_path):
    library = project({"other": "Linked {{ error }}"})
    (tmp_path / "prompts" / "repair.md").symlink_to("other.md")
    assert library.render("repair", {"error": "e"}).user == "Linked e"


@pytest.mark.parametrize("target", ["nowhere.md", "repair.md"])
def test_a_broken_or_circular_link_is_refused(project, tmp_path, target):
    library = project({"other": "x"})
    (tmp_path / "prompts" / "repair.md").symlink_to(target)
    assert "repair.md: cannot be read" in refusal(library)


def test_an_unreadable_file_is_refused(project, monkeypatch):
    library = project({"repair": REPAIR})

    def deny(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", deny)
    assert "cannot be read (Permission denied)" in refusal(library)


@pytest.mark.parametrize(
    "name", ["", "nothing", "../critic", "/etc/passwd", "parts/space", "critic\x00", "x" * 5000]
)
def test_an_unknown_prompt_is_refused_and_the_known_ones_are_listed(library, name):
    text = refusal(library, name)
    assert "is not the name of a prompt; known are navigator, generator" in text
    assert len(text) < 500
