"""`navarch spaces`: the list, one space, one architecture, drawings, and costs of many lines."""

import io
import json
import random
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from navarch.cli.architectures import MAX_LINE, read_architecture, read_lines
from navarch.spaces import get_space, space_names

BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
SPACE = get_space("nas-bench-201")


@pytest.fixture
def cost(cli, monkeypatch):
    """Run `navarch spaces cost ARGUMENTS` with bytes on standard input; return exit code and records."""

    def call(data, *arguments):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        ended = cli("spaces", "cost", *(arguments or ("nas-bench-201",)))
        return ended.code, [json.loads(line) for line in ended.out.splitlines()]

    return call


# --- The list and one space ---


def test_the_list_says_how_large_a_space_is_and_what_evaluates_it(cli):
    (row,) = [row for row in json.loads(cli("spaces", "--json").out) if row["name"] == "nas-bench-201"]
    assert row == {
        "name": "nas-bench-201",
        "size": 15_625,
        "dimensions": 6,
        "evaluators": ["cost", "supernet", "table", "train"],
        "title": "NAS-Bench-201",
    }
    assert "15,625" in cli("spaces").out


def test_every_space_is_in_the_list_and_can_be_shown(cli):
    rows = json.loads(cli("spaces", "--json").out)
    assert [row["name"] for row in rows] == list(space_names())
    for row in rows:
        assert "cost" in row["evaluators"]
        shown = cli("spaces", "show", row["name"]).out
        assert shown.startswith(f"{row['name']}: {row['title']}, ")
        assert json.loads(cli("spaces", "show", row["name"], "--json").out)["size"] == row["size"]


def test_large_sizes_are_shown_as_powers_of_ten():
    from navarch.cli.spaces import _count

    assert _count(10**9) == "1,000,000,000"
    assert _count(1_076_747_010_497_472_400) == "1.08e+18"
    assert _count(7 * 10**400) == "7.00e+400"


def test_dimensions_that_offer_the_same_share_one_table(cli):
    out = cli("spaces", "show", "nas-bench-201").out
    assert out.count("zeros: the edge is cut") == 1
    assert "edge_2_3: operation on the edge from node 2 to node 3 (the output)" in out
    assert "published input: 3x32x32, 10 classes" in out


def test_activity_and_constraints_are_told(cli, tmp_path):
    (tmp_path / "mine.toml").write_text(DECLARATION)
    out = cli("spaces", "show", "mine.toml").out
    assert "mine: Two blocks, 5 architectures" in out
    assert "kernel_2: kernel of the second block (in use only if depth is 2)" in out
    assert "constraints\n- both kernels cannot be large" in out


# --- One architecture ---


def test_an_architecture_is_shown_with_cost_neighbours_and_drawing(cli):
    out = cli("spaces", "show", "nas-bench-201", BEST).out
    for line in (
        "code 333132",
        f"genotype {BEST}",
        f"canonical {BEST}",
        "params 1,073,466",
        "macs 153,272,960",
        "published_flops 153,272,970",
        "input 3x32x32, 10 classes",
        "neighbours 24 one edit away: 033132, ",
        f"digest {SPACE.digest(SPACE.parse('333132'))}",
    ):
        assert line in " ".join(out.split())


def test_an_architecture_as_json_has_every_neighbour(cli):
    found = json.loads(cli("spaces", "show", "nas-bench-201", '"333132"', "--json", "--classes", "100").out)
    assert found["params"] == 1_073_466 + 5_850
    assert found["input"] == {"classes": 100, "in_channels": 3, "resolution": 32}
    assert len(set(found["neighbours"])) == 24
    assert found["architecture"] == SPACE.to_dict(SPACE.parse("333132"))
    assert (found["code"], found["genotype"], found["canonical_code"]) == ("333132", BEST, "333132")


def test_a_drawing_is_written_and_said_so(cli, tmp_path):
    ended = cli("spaces", "show", "nas-bench-201", "333132", "-o", "cell.svg")
    assert ended.out.endswith("drawn into cell.svg\n")
    assert ET.parse(tmp_path / "cell.svg").getroot().tag.endswith("svg")
    ended = cli("spaces", "show", "nas-bench-201", "000000", "-o", "cell.svg", "--json")
    assert json.loads(ended.out)["code"] == "000000"
    assert ended.err == "drawn into cell.svg\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "nas-bench-201", "333132", "-o", "nowhere/cell.svg"], ["nowhere", "does not exist"]),
        (["show", "nas-bench-201", "333132", "-o", "cell.png"], ["cell.png", ".svg"]),
        (["show", "nas-bench-201", "333132", "-o", "folder.svg"], ["folder.svg", "directory"]),
        (["show", "nas-bench-201", "-o", "cell.svg"], ["-o", "architecture"]),
        (["show", "nas-bench-201", "--classes", "3"], ["--classes", "architecture"]),
        (["show", "nas-bench-201", "933132"], ["edge_0_1", "'9'"]),
        (["show", "nas-bench-201", "[" * 100_000], ["JSON", "deep"]),
        (["show", "nas-bench-201", "9" * 5_000], ["characters"]),
        (["show", "nas-bench-201", "333132", "--input", "0"], ["--input", "0"]),
        (["show", "maze"], ["maze", "nas-bench-201"]),
        (["cost", "maze"], ["maze", "nas-bench-201"]),
        (["cost", "nas-bench-201", "--classes", "-1"], ["--classes", "-1"]),
        (["cost", "nas-bench-201", "--channels", "10000000"], ["--channels", "1,000,000"]),
        (["--json", "show", "nas-bench-201"], ["--json", "show"]),
    ],
    ids=lambda value: " ".join(value)[:60],
)
def test_bad_arguments_are_one_sentence(cli, tmp_path, arguments, words):
    (tmp_path / "folder.svg").mkdir()
    ended = cli("spaces", *arguments)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert ended.out == ""
    for word in words:
        assert word in ended.err


# --- Many architectures ---


def test_every_line_is_answered_in_order_and_bad_ones_do_not_stop_the_rest(cost):
    rng = random.Random(0)
    archs = [SPACE.sample(rng) for _ in range(1_000)]
    forms = (SPACE.genotype, SPACE.code, lambda arch: json.dumps(SPACE.to_dict(arch)))
    lines = ["nonsense" if number % 10 == 7 else forms[number % 3](arch) for number, arch in enumerate(archs)]
    code, records = cost("\n".join(lines).encode())
    assert code == 1
    assert len(records) == 1_000
    for number, (arch, record) in enumerate(zip(archs, records, strict=True)):
        if number % 10 == 7:
            assert record.keys() == {"line", "error"}
            assert record["line"] == number + 1
        else:
            exact = SPACE.cost(arch, classes=10)
            assert record == {
                "params": exact.params,
                "macs": exact.macs,
                "canonical": SPACE.genotype(SPACE.canonical(arch)),
                "digest": SPACE.digest(arch),
                "published_flops": exact.macs + 10,
            }


def test_good_lines_end_well_and_blank_ones_are_skipped(cost):
    lines = b'\xef\xbb\xbf333132\r\n\n  \t \n"000000"\n\n["3","3","3","1","3","2"]'
    code, records = cost(lines)
    assert code == 0
    assert [record["params"] for record in records] == [1_073_466, 73_306, 1_073_466]
    assert cost(b"") == (0, [])


def test_flags_change_the_input(cost):
    _, ((record),) = cost(b"333132", "nas-bench-201", "--classes", "120", "--input", "16", "--channels", "1")
    exact = SPACE.cost(SPACE.parse("333132"), classes=120, resolution=16, in_channels=1)
    assert (record["params"], record["macs"]) == (exact.params, exact.macs)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b"\xff\xfe3\x003", "NUL"),
        (b"33\xff3132", "byte 3"),
        (b"333\x00132", "byte 4 is NUL"),
        (b"3" * (MAX_LINE + 1), "longer"),
        (b"3" * 3 * MAX_LINE, "longer"),
        (b"3" * MAX_LINE, "characters"),
        (b"{", "JSON"),
        (b'{"edge_0_1": NaN}', "edge_0_2"),
        (b"[" + b"9" * 10_000 + b"]", "digits"),
        (b"[" * 500_000, "deep"),
        (b'"\\ud800"', "length"),
        (b'"\\u0000"', "length"),
        ("\u202e333132".encode(), "length"),
        (b"null", "length"),
        (b"[]", "length"),
        (b"\x1b[2J", "length"),
    ],
    ids=range(16),
)
def test_odd_lines_get_an_error_and_the_next_is_read(cost, line, word):
    code, (bad, good) = cost(line + b"\n333132\n")
    assert code == 1
    assert bad["line"] == 1
    assert word in bad["error"]
    assert good["params"] == 1_073_466


def test_a_line_of_the_greatest_length_is_whole():
    stream = io.BytesIO(b"a" * MAX_LINE + b"\n" + b"b" * (MAX_LINE + 1) + b"\nc")
    found = list(read_lines(stream))
    assert [number for number, _ in found] == [1, 2, 3]
    assert found[0][1] == b"a" * MAX_LINE + b"\n"
    assert found[1][1] is None
    assert found[2][1] == b"c"


def test_answers_come_while_lines_are_still_being_written():
    navarch = Path(sys.executable).with_name("navarch")
    with subprocess.Popen(
        [navarch, "spaces", "cost", "nas-bench-201"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        for code in (b"333132\n", b"000000\n"):
            process.stdin.write(code)
            process.stdin.flush()
            assert "params" in json.loads(process.stdout.readline())
        process.stdin.close()
        assert process.wait() == 0


DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
    "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
    "reduce_concat=[2, 3, 4, 5])"
)
OFA = {
    "image_size": 156,
    "d": [2, 3, 2, 3, 3],
    "ks": [[3, 3], [5, 3, 7], [5, 3], [5, 3, 5], [5, 7, 5]],
    "e": [[3, 3], [3, 4, 4], [4, 3], [4, 4, 3], [6, 6, 4]],
}
AUTOFORMER_T = {
    "depth": 13,
    "mlp_ratio": [3.5, 3.5, 3, 3.5, 3, 3, 4, 4, 3.5, 4, 3.5, 4, 3.5],
    "num_heads": [3] * 10 + [4, 3, 3],
    "embed_dim": 192,
}


@pytest.mark.parametrize(
    ("arguments", "line", "expected"),
    [
        (["darts"], DARTS_V2, {"params": 3_349_342, "macs": 528_359_040}),
        (
            ["darts", "--classes", "1000", "--input", "224"],
            DARTS_V2,
            {"params": 4_718_752, "macs": 529_911_552},
        ),
        (["nats-size"], "64:64:64:64:64", {"params": 713_674, "macs": 274_399_872}),
        (["nas-bench-macro"], "22212220", {"params": 1_985_514, "macs": 85_164_544}),
        (
            ["spos-shufflenetv2"],
            "(2, 1, 0, 1, 2, 0, 2, 0, 2, 0, 2, 3, 0, 0, 0, 0, 3, 2, 3, 3)",
            {"params": 3_558_464, "macs": 322_918_720},
        ),
        (["transnas-micro"], "64-41414-3_33_333", {"params": 41_450_091}),
        (["ofa-mobilenetv3"], json.dumps(OFA), {"resolution": 156, "params": 4_965_160, "macs": 103_373_272}),
        (["autoformer-tiny"], json.dumps(AUTOFORMER_T), {"space": "autoformer-tiny-r3", "params": 5_867_944}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_published_architectures_cost_what_is_published(cost, arguments, line, expected):
    code, (record,) = cost(line.encode(), *arguments)
    assert code == 0
    assert {key: record.get(key) for key in expected} == expected
    assert ("space" in record) == ("space" in expected)


@pytest.mark.parametrize("name", space_names())
def test_every_space_shows_and_costs_what_it_samples(cli, cost, name):
    space = get_space(name)
    arch = space.sample(random.Random(1))
    found = json.loads(cli("spaces", "show", name, space.code(arch), "--json").out)
    assert found["space"] == name
    assert len(found["neighbours"]) == len(space.neighbours(arch))
    assert found["code"] in cli("spaces", "show", name, space.genotype(arch)).out
    code, records = cost("\n".join([space.genotype(arch), space.code(arch)]).encode(), name)
    assert code == 0
    for record in records:
        assert {
            key: found[key] for key in ("params", "macs", "canonical", "digest")
        }.items() <= record.items()


# --- Siblings and image sizes ---


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Two spaces that are each other's siblings; the first reads an image size behind an @."""
    from navarch.spaces import registry
    from navarch.spaces.declaration import load_declaration
    from navarch.spaces.declared import DeclaredSpace
    from navarch.spaces.spec import Cost

    class Resized(DeclaredSpace):
        siblings = ("other",)

        def read_with_resolution(self, raw):
            code, _, side = str(raw).partition("@")
            return self.parse(code), int(side) if side else None

        def cost(self, arch, *, classes, in_channels=3, resolution=None, skeleton=None):
            return Cost(classes, resolution or 0)

        def other_costs(self, arch, *, classes, in_channels=3, resolution=None, skeleton=None):
            return {"published_flops": 7.5}

    file = tmp_path / "mine.toml"
    file.write_text(DECLARATION)
    space = Resized(load_declaration(file))
    file.write_text(DECLARATION.replace('"mine"', '"other"').replace('"5"', '"9"'))
    known = {"mine": space, "other": DeclaredSpace(load_declaration(file))}
    for module in (registry, sys.modules["navarch.spaces"]):
        monkeypatch.setattr(module, "get_space", known.__getitem__)
    return space


def test_what_a_space_refuses_is_costed_in_a_sibling(cost, mine):
    code, (own, other, neither) = cost(b"13-\n19-\n888\n", "mine")
    assert code == 1
    assert "space" not in own
    assert other["space"] == "other"
    assert neither.keys() == {"line", "error"}


def test_a_published_image_size_is_used_unless_a_flag_says_otherwise(cost, mine):
    _, (own, none) = cost(b"13-@77\n13-\n", "mine")
    assert (own["macs"], none["macs"]) == (77, 0)
    assert own["resolution"] == 77
    assert "resolution" not in none
    assert own["published_flops"] == 7.5
    _, (flag,) = cost(b"13-@77\n", "mine", "--input", "9")
    assert flag["macs"] == 9


def test_a_problem_is_told_in_the_words_of_the_space_that_was_named(mine):
    from navarch.spaces import InvalidArchitecture

    with pytest.raises(InvalidArchitecture, match="kernel_1 does not offer '8'"):
        read_architecture(mine, "18-")


DECLARATION = """
name = "mine"
title = "Two blocks"
summary = "One or two blocks."
rules = []
[input]
classes = 10
channels = 3
resolution = 32
[[dimensions]]
name = "depth"
meaning = "number of blocks"
options = [{ name = "1", code = "1", meaning = "one" }, { name = "2", code = "2", meaning = "two" }]
[[dimensions]]
name = "kernel_1"
meaning = "kernel of the first block"
options = "kernel"
[[dimensions]]
name = "kernel_2"
meaning = "kernel of the second block"
options = "kernel"
when = { depth = ["2"] }
[options]
kernel = [{ name = "3", code = "3", meaning = "small" }, { name = "5", code = "5", meaning = "large" }]
[[constraints]]
forbid = { kernel_1 = "5", kernel_2 = "5" }
why = "both kernels cannot be large"
"""


def test_a_skeleton_of_its_own_is_costed(cost, shared_file):
    """DARTS at the size of its search: 16 channels, 8 layers."""
    records = json.loads(shared_file("ground_truth/darts.json").read_text())["architectures"]
    small = [r for r in records if r["setting"] == "cifar10_search_size" and r["name"] != "NASNet"]
    lines = "\n".join(json.dumps(record["genotype"]) for record in small).encode()
    _, found = cost(lines, "darts", "--skeleton", "width=16", "--skeleton", "layers=8")
    assert [(f["params"], f["macs"]) for f in found] == [(r["params"], r["macs"]) for r in small]
    assert len(small) == 3


@pytest.mark.parametrize("text", ["width", "width=0", "width=x", "width=1000001", "depth=3", "=3"])
def test_a_bad_skeleton_is_refused(cli, text):
    ended = cli("spaces", "show", "nas-bench-201", "333333", "--skeleton", text)
    assert ended.code == 2
    assert text in ended.err or "has no size" in ended.err


def test_a_space_that_cannot_be_loaded_does_not_hide_the_others(cli, monkeypatch):
    import navarch.spaces.registry as registry

    names = registry.space_names()
    monkeypatch.setattr("navarch.spaces.space_names", lambda: ("broken", *names))
    ended = cli("spaces")
    assert "nas-bench-201" in ended.out
    assert "unknown search space 'broken'" in ended.err
