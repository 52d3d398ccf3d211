"""Published weights compute in Navarch's supernets what their papers' networks compute with them, number for number."""

import io
import random

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_weights import (
    SPOS_WIDTHS,
    autoformer_logits,
    autoformer_weights,
    ofa_logits,
    ofa_weights,
    spos_logits,
    spos_weights,
)

from navarch import NavarchError
from navarch.evaluation.supernet.checkpoints import published_checkpoints
from navarch.evaluation.supernet.choices import ChoiceSupernet
from navarch.evaluation.supernet.elastic import ElasticSupernet
from navarch.evaluation.supernet.net import Frame, drop_statistics
from navarch.evaluation.supernet.official import entries, map_weights, open_published
from navarch.evaluation.supernet.sliced import PublishedEntangledSupernet
from navarch.spaces import get_space

TOLERANCE = 1e-11
SMALL_SPOS = (4, 8, 12, 16, 20, 24)
SPOS_SIZES = ("stem", "stage_1", "stage_2", "stage_3", "stage_4", "head")
SMALL_AUTOFORMER = {"patch": 4, "head_dim": 8, "max_distance": 2}


def refuse(why):
    return NavarchError(why)


def make(space, classes=5, resolution=32, skeleton=None):
    frame = Frame(get_space(space), classes, 3, resolution, skeleton or {})
    kinds = {"ofa": ElasticSupernet, "spos": ChoiceSupernet, "auto": PublishedEntangledSupernet}
    return next(kind for start, kind in kinds.items() if space.startswith(start))(frame)


def take(supernet, content):
    weights = map_weights(content, supernet, published_checkpoints()[supernet.frame.space.name], refuse)
    assert set(weights) == set(supernet.names())
    for name, value in weights.items():
        supernet.share(name, value)
    return supernet.double()


def logits(supernet, architecture, images):
    network = supernet.inherit(architecture)
    drop_statistics(network)
    return network.eval()(images).detach()


def small_elastic():
    return make("ofa-mobilenetv3", skeleton={"width_percent": 25})


@pytest.fixture(scope="module")
def elastic():
    """A supernet that refuses what it is given, and so stays as it is."""
    return small_elastic()


def draw_images(count=4, side=32):
    return torch.randn(count, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def check_elastic(supernet, weights, images, **record):
    space = supernet.frame.space
    expected = ofa_logits(weights, images, record["d"], record["ks"], record["e"])
    found = logits(supernet, space.parse({**record, "r": 160}), images)
    assert (found - expected).abs().max() < TOLERANCE * expected.abs().max()


def check_choices(supernet, weights, images, options, widths):
    expected = spos_logits(weights, images.flip(1), options, widths)
    found = logits(supernet, supernet.frame.space.parse(options), images)
    assert (found - expected).abs().max() < TOLERANCE * expected.abs().max()


def check_entangled(supernet, weights, images, subnet, **sizes):
    names = {"width": "embed_dim", "heads": "num_heads", "ratios": "mlp_ratio"}
    record = {ours: subnet[theirs] for theirs, ours in names.items()} | {"depth": len(subnet["heads"])}
    expected = autoformer_logits(weights, images, **subnet, **sizes)
    found = logits(supernet, supernet.frame.space.parse(record), images)
    assert (found - expected).abs().max() < TOLERANCE * expected.abs().max()


@pytest.mark.parametrize(
    "depths", [[2, 3, 4, 2, 3], pytest.param([4, 2, 2, 3, 4], marks=pytest.mark.slow)], ids=str
)
def test_a_sub_network_of_published_once_for_all_weights_is_the_paper_s(depths):
    weights, images, rng = ofa_weights(25, classes=5), draw_images(), random.Random(0)
    supernet = take(small_elastic(), {"state_dict": weights})
    record = {
        "ks": [rng.choice((3, 5, 7)) for _ in range(20)],
        "e": [rng.choice((3, 4, 6)) for _ in range(20)],
    }
    assert {3, 5, 7} == set(record["ks"])
    check_elastic(supernet, weights, images, d=depths, **record)


def test_a_path_of_published_single_path_one_shot_weights_is_the_paper_s():
    weights, images = spos_weights(SMALL_SPOS, classes=5), draw_images()
    supernet = make("spos-shufflenetv2", skeleton=dict(zip(SPOS_SIZES, SMALL_SPOS, strict=True)))
    take(supernet, {"state_dict": weights})
    rng = random.Random(0)
    check_choices(supernet, weights, images, [rng.randrange(4) for _ in range(20)], SMALL_SPOS)
    check_choices(supernet, weights, images, [3] * 20, SMALL_SPOS)


def test_a_sub_network_of_published_autoformer_weights_is_the_paper_s():
    sizes = {"head_dim": 8, "patch": 4, "distance": 2}
    weights, images = autoformer_weights(**sizes, side=16, classes=5), draw_images(2, 16)
    supernet = take(make("autoformer-tiny", resolution=16, skeleton=SMALL_AUTOFORMER), {"model": weights})
    heads, ratios = [3, 4] * 6, [3.5, 4] * 6
    check_entangled(supernet, weights, images, {"width": 192, "heads": heads, "ratios": ratios}, **sizes)


@pytest.mark.slow
@pytest.mark.parametrize(("space", "percent"), [("ofa-mobilenetv3", 100), ("ofa-mobilenetv3-w1.2", 120)])
def test_once_for_all_at_its_published_size(space, percent):
    weights = ofa_weights(percent)
    supernet = take(make(space, 1000, 224), {"state_dict": weights})
    published = {100: 7_664_760, 120: 10_701_632}[percent]  # SPACES.md: the largest network
    assert sum(value.numel() for value in supernet.parameters()) == published + 20 * (25**2 + 9**2)
    rng = random.Random(1)
    record = {
        "ks": [rng.choice((3, 5, 7)) for _ in range(20)],
        "e": [rng.choice((3, 4, 6)) for _ in range(20)],
    }
    check_elastic(supernet, weights, draw_images(2, 128), d=[2, 3, 4, 3, 2], **record)


@pytest.mark.slow
def test_single_path_one_shot_at_its_published_size():
    weights = spos_weights()
    supernet = take(make("spos-shufflenetv2", 1000, 224), {"state_dict": weights})
    published = [2, 1, 0, 1, 2, 0, 2, 0, 2, 0, 2, 3, 0, 0, 0, 0, 3, 2, 3, 3]  # the paper's best path
    check_choices(supernet, weights, draw_images(2, 224), published, SPOS_WIDTHS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("space", "largest", "params"),
    [
        ("autoformer-tiny", (256, 4, 14), 11_669_224),
        ("autoformer-small", (448, 7, 14), 34_790_440),
        ("autoformer-base", (640, 10, 16), 80_160_360),
    ],
)
def test_autoformer_at_its_published_sizes(space, largest, params):
    weights = autoformer_weights(*largest)
    assert sum(value.numel() for value in weights.values()) == params  # SPACES.md: the supernet
    supernet = take(make(space, 1000, 224), {"model": weights})
    width = int(supernet.frame.space.dimensions[0].names[0])
    few = int(supernet.frame.space.dimensions[3].names[0])
    depth = int(supernet.frame.space.dimensions[1].names[0])
    subnet = {"width": width, "heads": [few, few + 1] * (depth // 2), "ratios": [3.5, 4] * (depth // 2)}
    check_entangled(supernet, weights, draw_images(1, 224), subnet)


@pytest.mark.slow
def test_both_spellings_of_once_for_all_and_names_of_parallel_training_are_read_alike():
    weights = ofa_weights(25, classes=5)
    newer = {
        f"module.{name}".replace(".mobile_inverted_conv.", ".conv.").replace(
            "first_conv.conv.", "first_conv.conv.conv."
        ): value
        for name, value in weights.items()
        if not name.endswith("num_batches_tracked")  # which old torch did not keep
    }
    supernets = [take(small_elastic(), content) for content in ({"state_dict": weights}, newer)]
    assert all(torch.equal(supernets[0].read(name), supernets[1].read(name)) for name in supernets[0].names())


FAULTS = {
    "missing": (
        lambda w: w.pop("first_conv.bn.weight"),
        r"it has no 'first_conv.bn.weight', which is to be \(8,\)",
    ),
    "left over": (lambda w: w.update(extra=torch.ones(1)), "nothing here is made of 'extra'"),
    "statistics": (
        lambda w: w.update({"first_conv.bn.running_var": torch.ones(9)}),
        r"'first_conv.bn.running_var' is \(9,\) and is to be \(8,\)",
    ),
    "shape": (
        lambda w: w.update({"first_conv.conv.weight": torch.ones(16, 3, 3, 3)}),
        r"'first_conv.conv.weight' is \(16, 3, 3, 3\) and is to be \(8, 3, 3, 3\)",
    ),
    "classes": (
        lambda w: w.update({"classifier.linear.weight": torch.ones(1000, 320)}),
        "it labels 1000 classes, and the task has 5",
    ),
    "not finite": (
        lambda w: w["classifier.linear.bias"].fill_(float("nan")),
        "'classifier.linear.bias' holds what is no finite number",
    ),
    "twice": (
        lambda w: w.update({"module.first_conv.bn.weight": torch.ones(8)}),
        "'first_conv.bn.weight' twice",
    ),
    "a number": (lambda w: w.update(epoch=3), "'epoch' in it is no plain tensor"),
    "sparse": (lambda w: w.update(extra=torch.ones(1).to_sparse()), "'extra' in it is no plain tensor"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_do_not_fit_name_the_key_and_both_shapes(elastic, fault):
    weights = ofa_weights(25, classes=5)
    spoil, sentence = FAULTS[fault]
    spoil(weights)
    with pytest.raises(NavarchError, match=sentence):
        take(elastic, {"state_dict": weights})


@pytest.mark.parametrize(
    "content", [None, [], {}, {"state_dict": {}}, {"state_dict": 3}, {"model": {1: 2}}], ids=repr
)
def test_a_content_without_weights_is_refused(elastic, content):
    with pytest.raises(NavarchError, match=r"no weights by name|is no plain tensor"):
        take(elastic, content)


@pytest.mark.slow
@pytest.mark.parametrize("space", published_checkpoints())
def test_every_tensor_of_a_published_supernet_is_named_once(space):
    sizes = {"ofa": {"width_percent": 25}, "spos": dict(zip(SPOS_SIZES, SMALL_SPOS, strict=True))}
    resolution = 16 if space.startswith("auto") else 32
    supernet = make(space, 5, resolution, sizes.get(space[: space.index("-")], SMALL_AUTOFORMER))
    found = list(entries(supernet, published_checkpoints()[space]))
    assert len({entry.name for entry in found}) == len(found)
    assert [entry.shared for entry in found if entry.shared is not None] == supernet.names()


@pytest.fixture(scope="module")
def files():
    """The same weights in torch's formats of today and of before 1.6."""
    content, found = {"state_dict": ofa_weights(25, classes=5), "epoch": 3}, {}
    for is_new in (True, False):
        buffer = io.BytesIO()
        torch.save(content, buffer, _use_new_zipfile_serialization=is_new)
        found[is_new] = buffer.getvalue()
    return found


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 40_000) | st.integers(0, 2**24), st.integers(0, 255)), max_size=6
    ),
    keep=st.just(1.0) | st.floats(0, 1),
    is_new=st.booleans(),
)
def test_whatever_bytes_a_file_has_it_gives_all_weights_or_one_sentence(
    elastic, files, tmp_path, edits, keep, is_new
):
    data = bytearray(files[is_new])
    for place, byte in edits:
        data[place % len(data)] = byte
    path = tmp_path / "mutated.pth"
    path.write_bytes(bytes(data[: int(keep * len(data))]))
    known, sentence = published_checkpoints()["ofa-mobilenetv3"], None
    try:
        weights = map_weights(open_published(path, refuse), elastic, known, refuse)
    except NavarchError as error:
        sentence = str(error)
    assert set(weights) == set(elastic.names()) if sentence is None else "\n" not in sentence
